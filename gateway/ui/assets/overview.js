// The overview: what is spent, by whom, and what runs now, live from the ledger.
import { RETRY_MS, api, byId, count, dollars, el, failed, start, showText, untilKnown } from "./common.js";
import { budgetBar } from "./budgets.js";
import { callsTable } from "./calls.js";
import { drawCost } from "./chart.js";

const SHOWN_CALLS = 50;
const UNKNOWN = "–";
const WINDOW_S = 60;
const HOURS = { day: 24, week: 168, days30: 720 };
let me = {};
let calls = new Map();
let newer = new Map(); // calls that began or ended since the list was last requested
let recent = [];
let refreshing = null;

function filters() {
  const form = new FormData(byId("filters"));
  const given = new URLSearchParams();
  for (const name of ["caller", "model", "provider", "tag"]) {
    const value = form.get(name).trim();
    if (value) given.set(name, value);
  }
  const time = form.get("time");
  if (time in HOURS) given.set("since", new Date(Date.now() - HOURS[time] * 3600e3).toISOString());
  else given.set("since", monthStart().toISOString());
  return given;
}

function monthStart() {
  const now = new Date();
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), 1));
}

async function showMoney() {
  const given = filters();
  const [when, of] = [byId("each").value, byId("stack").value];
  const by = (names) => `usage?${new URLSearchParams([...given, ["by", names]])}`;
  const [over, outcomes, month, budgets] = await Promise.all([
    api("GET", by(`${when},${of}`)), api("GET", by("outcome")), api("GET", "usage"), api("GET", "budgets"),
  ]);
  drawCost(over.usage, when, of);
  const left = outcomes.usage.filter((group) => ["CANCELLED", "cancelled"].includes(group.outcome));
  byId("saved-left").textContent = count(left.reduce((sum, group) => sum + group.calls, 0));
  byId("saved-joined").textContent = count(outcomes.usage.reduce((sum, group) => sum + group.joined, 0));
  showSpent(month.usage[0], budgets.budgets);
  byId("budgets").replaceChildren(...(budgets.budgets.length
    ? budgets.budgets.map((budget) => budgetBar(budget))
    : [el("p", { className: "soft" }, "No budgets. Create one on the page Operate, or with relay budgets put.")]));
}

function showSpent(month, budgets) {
  const unknown = month.unknown_cost_calls;
  byId("spent").textContent = dollars(month.nano_usd);
  const begun = monthStart().getTime();
  const next = new Date(begun);
  next.setUTCMonth(next.getUTCMonth() + 1);
  const part = (Date.now() - begun) / (next.getTime() - begun);
  const forecast = `about ${dollars(Math.round(month.nano_usd / part))} at the end of the month at this pace`;
  const known = unknown ? `; ${count(unknown)} calls of unknown cost are not included` : "";
  const own = budgets.filter((budget) => budget.period === "month" && budget.caller);
  const budget = me.is_admin ? null : own.find((one) => one.caller === me.name.split("/").pop());
  const limit = budget ? budget.limit_nano_usd : own.reduce((sum, one) => sum + one.limit_nano_usd, 0);
  byId("forecast").textContent = `${limit ? `of ${dollars(limit)} in budgets, ` : ""}${forecast}${known}`;
  byId("spent-track").hidden = !limit;
  const bar = byId("spent-bar");
  bar.className = month.nano_usd > limit ? "over" : "spent";
  bar.style.width = `${Math.min(100, limit ? (100 * month.nano_usd) / limit : 0)}%`;
}

async function showCalls() {
  const given = filters();
  const meanwhile = (newer = new Map());
  byId("csv").href = `api/calls?${new URLSearchParams([...given, ["limit", "1000"], ["format", "csv"]])}`;
  const page = await api("GET", `calls?${new URLSearchParams([...given, ["limit", SHOWN_CALLS]])}`);
  calls = new Map([...page.calls.reverse().map((call) => [call.id, call]), ...meanwhile]);
  drawCalls();
}

function drawCalls() {
  const newest = [...calls.values()].sort((a, b) => (a.started_at < b.started_at ? 1 : -1)).slice(0, SHOWN_CALLS);
  calls = new Map(newest.reverse().map((call) => [call.id, call]));
  byId("calls").replaceChildren(callsTable([...calls.values()].reverse()));
}

function matches(call) {
  const given = filters();
  const tag = (given.get("tag") ?? "").split("=");
  const name = call.caller.split("/").pop();
  return (!given.has("caller") || [call.caller, name].includes(given.get("caller")))
    && (!given.has("model") || call.model === given.get("model"))
    && (!given.has("provider") || call.provider === given.get("provider"))
    && (!tag[0] || call.tags[tag[0]] === tag[1]);
}

function follow() {
  const source = new EventSource("api/activity");
  const live = byId("live");
  let joined = false;
  source.onopen = () => { live.textContent = "live"; live.className = "good"; joined = false; };
  source.onerror = () => {
    live.textContent = "reconnecting";
    live.className = "warn";
    // After an HTTP error, such as that of a session that has ended, the browser does not try again.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => untilKnown().then(follow), RETRY_MS);
  };
  source.onmessage = (event) => {
    const { call, running } = JSON.parse(event.data);
    byId("running").textContent = count(running);
    if (!joined) { // the list has the calls that began or ended before this stream
      joined = true;
      refresh(showCalls, ...(byId("spent").textContent === UNKNOWN ? [showMoney] : []));
    }
    if (!call) return;
    if (call.state !== "open") recent.push({ at: Date.now(), tokens: (call.input_tokens ?? 0) + (call.output_tokens ?? 0), failed: failed(call) });
    if (matches(call)) {
      calls.set(call.id, call);
      newer.set(call.id, call);
      drawCalls();
    }
    if (call.state !== "open") refreshing ??= setTimeout(() => { refreshing = null; refresh(showMoney); }, 1000);
  };
}

function showRates() {
  recent = recent.filter((one) => one.at > Date.now() - WINDOW_S * 1000);
  byId("rate").textContent = count(Math.round(recent.reduce((sum, one) => sum + one.tokens, 0) / WINDOW_S));
  byId("errors").textContent = count(recent.filter((one) => one.failed).length);
}

async function refresh(...shows) {
  try {
    await Promise.all(shows.map((show) => show()));
    showText("fault", "");
  } catch (error) {
    showText("fault", error.message);
  }
}

me = await start();
if (!me.has_ledger) location.replace("playground");
else {
  byId("filters").addEventListener("submit", (event) => { event.preventDefault(); refresh(showMoney, showCalls); });
  for (const id of ["stack", "each"]) byId(id).addEventListener("change", () => refresh(showMoney));
  byId("filters").elements.time.addEventListener("change", () => refresh(showMoney, showCalls));
  showRates();
  setInterval(showRates, 1000);
  await refresh(showMoney, showCalls);
  follow();
}
