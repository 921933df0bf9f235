// Cost over time, stacked, drawn by uPlot.
import { byId, dollars, el } from "./common.js";

const MOST = 7;
let plot = null;

/** Draws the usage groups, each with `when` (day or hour) and `of` (model or caller). */
export function drawCost(groups, when, of) {
  const times = [...new Set(groups.map((group) => group[when]))].sort();
  const totals = new Map();
  for (const group of groups) totals.set(group[of], (totals.get(group[of]) ?? 0) + group.nano_usd);
  const names = [...totals].sort((a, b) => b[1] - a[1]).map(([name]) => name);
  const shown = names.length > MOST + 1 ? [...names.slice(0, MOST), "others"] : names;
  const place = new Map(names.map((name, index) => [name, Math.min(index, shown.length - 1)]));
  const own = shown.map(() => times.map(() => 0));
  for (const group of groups) own[place.get(group[of])][times.indexOf(group[when])] += group.nano_usd / 1e9;
  const stacked = own.map((_, index) => times.map((__, at) => own.slice(0, index + 1).reduce((sum, one) => sum + one[at], 0)));
  show(times, shown, own, stacked);
  const chart = byId("chart");
  chart.setAttribute("aria-label", `Cost over time: ${[...totals].map(([name, nano]) => `${name || "none"} ${dollars(nano)}`).join(", ") || "no calls"}`);
}

function show(times, names, own, stacked) {
  const chart = byId("chart");
  const style = getComputedStyle(document.documentElement);
  const color = (index) => style.getPropertyValue(`--c${index}`).trim();
  byId("legend").replaceChildren(...names.map((name, index) => {
    const mark = el("i");
    mark.style.background = color(index);
    const sum = own[index].reduce((a, b) => a + b, 0);
    return el("span", {}, mark, `${name || "none"} ${dollars(sum * 1e9)}`);
  }));
  plot?.destroy();
  plot = null;
  chart.replaceChildren();
  if (!times.length) {
    chart.append(el("p", { className: "soft" }, "No calls in this period."));
    return;
  }
  const axis = { stroke: style.getPropertyValue("--soft").trim(), grid: { stroke: style.getPropertyValue("--line").trim(), width: 1 } };
  const bars = uPlot.paths.bars({ size: [0.7, 60] });
  // The tallest stack is drawn first, and the lower ones on top of it.
  const order = names.map((_, index) => index).reverse();
  plot = new uPlot({
    width: chart.clientWidth, height: 240, legend: { show: false }, cursor: { y: false },
    scales: { x: { time: false, range: [-0.6, times.length - 0.4] }, y: { range: (_, __, most) => [0, most > 0 ? most * 1.08 : 1] } },
    axes: [
      { ...axis, splits: () => times.map((_, at) => at).filter((at) => at % Math.ceil(times.length / 10) === 0), values: (_, splits) => splits.map((at) => (times[at] ?? "").slice(5).replace("T", " ")) },
      { ...axis, size: 70, values: (_, splits) => splits.map((usd) => dollars(Math.round(usd * 1e9))) },
    ],
    series: [{}, ...order.map((index) => ({ label: names[index], fill: color(index), stroke: color(index), width: 0, paths: bars, points: { show: false } }))],
  }, [times.map((_, at) => at), ...order.map((index) => stacked[index])], chart);
}

addEventListener("resize", () => plot?.setSize({ width: byId("chart").clientWidth, height: 240 }));
