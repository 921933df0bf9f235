// What admins set: callers, tokens, budgets and prices. Other callers see their own.
import { api, byId, clock, copy, count, dollars, el, failed, onSubmit, start, tableOr, showText } from "./common.js";
import { budgetBar } from "./budgets.js";

let me = {};

const button = (text, work) => el("button", {
  type: "button",
  onclick: async () => {
    try {
      await work();
      showText("fault", "");
    } catch (error) {
      showText("fault", error.message);
    }
  },
}, text);
const forAdmins = (...elements) => (me.is_admin ? elements : []);
const number = (text) => (text === "" ? null : Number(text));

async function showHealth() {
  const health = await api("GET", "health");
  const state = health.ai?.status ?? health.status;
  byId("health").replaceChildren(el("p", {},
    el("b", {}, health.provider ?? "Server B"), " ",
    el("span", { className: state === "healthy" ? "good" : state === "unspecified" ? "soft" : "bad" }, state === "unspecified" ? "not called yet" : state),
    health.ai?.error || health.error ? ` – ${health.ai?.error || health.error}` : ""));
}

async function showFailures() {
  const { calls } = await api("GET", "calls?limit=200");
  const rows = calls.filter((call) => failed(call) && call.outcome !== "CANCELLED").slice(0, 10).map((call) => [
    clock(call.started_at), call.caller, `${call.provider}/${call.model}`, [call.outcome, "bad"],
    [call.attempts.map((attempt) => `${attempt.provider}: ${attempt.outcome || "succeeded"}`).join(", "), "wrap"],
  ]);
  byId("failures").replaceChildren(tableOr("No failures in the last 200 calls.", ["Started", "Caller", "Model", "Reason", "Attempts"], rows));
}

async function showCallers() {
  const { callers } = await api("GET", "callers");
  const rows = callers.map((caller) => [
    caller.name, caller.parent || "–", caller.models.join(", ") || "all",
    count(caller.rates.calls_per_minute), count(caller.rates.tokens_per_minute), count(caller.rates.concurrent_calls),
    [caller.is_disabled ? "disabled" : caller.is_admin ? "admin" : "", caller.is_disabled ? "bad" : ""],
    el("span", {}, ...forAdmins(button("Edit", () => editCaller(caller)))),
  ]);
  byId("callers").replaceChildren(tableOr("No callers are set here.", ["Name", "Parent", "Models", "#Calls a minute", "#Tokens a minute", "#At once", "Rights", "Actions"], rows));
}

const callerGiven = (form) => ({
  parent: form.get("parent").trim(),
  models: form.get("models").split(",").map((one) => one.trim()).filter(Boolean),
  calls_per_minute: number(form.get("calls_per_minute")), tokens_per_minute: number(form.get("tokens_per_minute")),
  concurrent_calls: number(form.get("concurrent_calls")),
  is_admin: form.has("is_admin"), is_disabled: form.has("is_disabled"),
});

function editCaller(caller) {
  const fields = byId("caller-form").elements;
  fields.name.value = caller.name;
  fields.parent.value = caller.parent;
  fields.models.value = caller.models.join(", ");
  for (const name of ["calls_per_minute", "tokens_per_minute", "concurrent_calls"]) fields[name].value = caller.rates[name] ?? "";
  fields.is_admin.checked = caller.is_admin;
  fields.is_disabled.checked = caller.is_disabled;
  byId("caller-form").dataset.name = caller.name;
  byId("caller-form").dataset.given = JSON.stringify(callerGiven(new FormData(byId("caller-form"))));
  fields.name.focus();
}

async function showTokens() {
  const { tokens } = await api("GET", "tokens");
  const rows = tokens.map((token) => {
    const over = token.revoked_at || (token.expires_at && new Date(token.expires_at) <= new Date());
    return [
      token.caller, token.label || "–", clock(token.created_at), token.expires_at ? clock(token.expires_at) : "never",
      [token.revoked_at ? "revoked" : over ? "expired" : "valid", over ? "bad" : "good"], token.id,
      el("span", {}, ...(over ? [] : forAdmins(
        button("Rotate", async () => showSecret((await api("POST", `tokens/${token.id}/rotate`, {})).secret)), " ",
        button("Revoke", async () => { await api("DELETE", `tokens/${token.id}`); await showTokens(); })))),
    ];
  });
  byId("tokens").replaceChildren(tableOr("No tokens are set here.", ["Caller", "Label", "Created", "Expires", "State", "Id", "Actions"], rows));
}

/** Shows a new token. Sends no request until it is closed: after the first token, a request leads to the sign-in page. */
function showSecret(secret) {
  byId("secret").textContent = secret;
  byId("secret-dialog").showModal();
}

async function showBudgets() {
  const { budgets } = await api("GET", "budgets");
  byId("budgets").replaceChildren(...(budgets.length
    ? budgets.map((budget) => budgetBar(budget, forAdmins(
      " ", button("Delete", async () => { await api("DELETE", `budgets/${budget.id}`); await showBudgets(); }))))
    : [el("p", { className: "soft" }, "No budgets are set.")]));
}

const perMillion = (nano) => (nano === null ? "as input" : dollars(nano));

async function showPrices() {
  const { prices } = await api("GET", "prices");
  const rows = prices.map((price) => [
    price.pattern, perMillion(price.input), perMillion(price.output), perMillion(price.cache_read), perMillion(price.cache_write),
    el("span", {}, ...forAdmins(button("Delete", async () => { await api("DELETE", `prices/${price.id}`); await showPrices(); }))),
  ]);
  byId("prices").replaceChildren(tableOr("No prices are set here.", ["Provider/model", "#Input", "#Output", "#Cache read", "#Cache write", "Actions"], rows));
}

async function showAudit() {
  const { entries } = await api("GET", "audit");
  byId("audit").replaceChildren(tableOr("Nothing has been changed yet.", ["Time", "Admin", "Change", "Subject", "Details"], entries.slice(0, 30).map((entry) => [
    clock(entry.at), entry.by, entry.action, entry.subject,
    [typeof entry.detail === "string" ? entry.detail : JSON.stringify(entry.detail), "wrap"],
  ])));
}

const SHOWS = [showCallers, showTokens, showBudgets, showPrices];
const changed = async (...shows) => { await Promise.all([...shows, showAudit].map((show) => show())); };

function showWarning(id, { warning }) {
  byId(id).querySelector("[role=status]").textContent = warning ? `Saved. ${warning}` : "";
}

onSubmit(byId("caller-form"), async (form) => {
  const kept = byId("caller-form").dataset;
  const given = callerGiven(form);
  // Sends only what was changed of a caller that was opened here: another admin may have changed the rest meanwhile.
  const before = kept.name === form.get("name") ? JSON.parse(kept.given) : {};
  const fields = Object.entries(given).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(before[name]));
  showWarning("caller-form", await api("PUT", `callers/${encodeURIComponent(form.get("name"))}`, Object.fromEntries(fields)));
  byId("caller-form").reset();
  delete kept.name;
  delete kept.given;
  await changed(showCallers);
});
onSubmit(byId("token-form"), async (form) => {
  const day = form.get("expires_at");
  const made = await api("POST", "tokens", {
    caller: form.get("caller").trim(), label: form.get("label").trim(), is_admin: form.has("is_admin"),
    expires_at: day ? new Date(`${day}T00:00:00`).toISOString() : null,
  });
  byId("token-form").reset();
  showSecret(made.secret);
});
onSubmit(byId("budget-form"), async (form) => {
  await api("PUT", "budgets", {
    caller: form.get("caller").trim(), tag: form.get("tag").trim(), period: form.get("period"),
    limit_usd: form.get("limit_usd").trim().replace("$", ""), is_warning_only: form.has("is_warning_only"),
  });
  byId("budget-form").reset();
  await changed(showBudgets);
});
onSubmit(byId("price-form"), async (form) => {
  const given = { pattern: form.get("pattern").trim() };
  for (const name of ["input_usd", "output_usd", "cache_read_usd", "cache_write_usd"]) given[name] = form.get(name).trim() || null;
  showWarning("price-form", await api("PUT", "prices", given));
  byId("price-form").reset();
  await changed(showPrices);
});
onSubmit(byId("test-form"), async (form) => {
  const { found } = await api("GET", `prices/test?model=${encodeURIComponent(form.get("model").trim())}`);
  byId("found").textContent = found.map((one) => (one.input === null
    ? `${one.provider}: no price is known`
    : `${one.provider}: ${dollars(one.input)} in, ${dollars(one.output)} out (${one.price_source})`)).join("; ");
});
byId("secret-copy").addEventListener("click", () => copy(byId("secret-copy"), byId("secret")));
byId("secret-close").addEventListener("click", () => byId("secret-dialog").close());
byId("secret-dialog").addEventListener("close", () => {
  byId("secret").textContent = "";
  changed(showTokens, showCallers).catch((error) => showText("fault", error.message));
});

me = await start();
byId("note").textContent = me.is_admin ? "" : me.has_ledger ? "You see your own accounts. Admins see and change all of them." : "This server has no ledger (LEDGER=off).";
for (const element of document.querySelectorAll("[data-admin]")) element.hidden = !me.is_admin;
const shows = [showHealth, ...(me.has_ledger ? [showFailures, ...SHOWS, ...(me.is_admin ? [showAudit] : [])] : [])];
for (const done of await Promise.allSettled(shows.map((show) => show()))) {
  if (done.status === "rejected") showText("fault", done.reason.message);
}
