// Budgets as bars: spent, reserved, left, and when the next window begins.
import { clock, dollars, el } from "./common.js";

/** Builds the bar of a budget, with `actions` beside it. */
export function budgetBar(budget, actions = []) {
  const limit = budget.limit_nano_usd + (budget.raised_by_nano_usd ?? 0);
  const share = (amount) => Math.max(0, Math.min(100, limit ? (100 * amount) / limit : 100));
  const left = limit - budget.spent_nano_usd - budget.reserved_nano_usd;
  const name = budget.caller || budget.tag;
  const track = el("div", { className: "track", role: "img", "aria-label": `${name}: ${dollars(budget.spent_nano_usd)} of ${dollars(limit)} spent` });
  for (const [kind, amount] of [["spent", budget.spent_nano_usd], ["reserved", budget.reserved_nano_usd]]) {
    const part = el("span", { className: kind === "spent" && left < 0 ? "over" : kind });
    part.style.width = `${share(amount)}%`;
    track.append(part);
  }
  return el("div", { className: "budget" },
    el("div", { className: "row" },
      el("span", {}, el("b", {}, name), ` each ${budget.period}`.replace("each total", "in total"), budget.is_warning_only ? " (warns only)" : ""),
      el("span", {}, `${dollars(budget.spent_nano_usd)} of ${dollars(limit)}`, ...actions)),
    track,
    el("div", { className: "row soft" },
      el("span", {}, `reserved ${dollars(budget.reserved_nano_usd)}`),
      el("span", { className: left <= 0 ? "bad" : "" }, `left ${dollars(Math.max(0, left))}`),
      el("span", {}, budget.resets_at ? `resets ${clock(budget.resets_at)}` : "never resets")));
}
