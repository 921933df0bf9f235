// What every page needs: asking the gateway, writing text into the page, and showing amounts.

let csrf = "";
let started = () => {};
const isStarted = new Promise((resolve) => { started = resolve; });
const FIRST = ["me", "session"];

/** Asks /ui/api; returns the JSON. A caller who is not signed in is led to the page for that. */
export async function api(method, path, body) {
  const response = await send(method, path, body);
  const document = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(document.detail ?? `the gateway answered ${response.status}`);
  return document;
}

/** Sends a request to /ui/api; returns the response, whatever its status is. */
export async function send(method, path, body, signal) {
  if (!FIRST.includes(path)) await isStarted; // until then the header that changes need is not known
  const headers = { "x-relay-csrf": csrf };
  if (body !== undefined) headers["content-type"] = "application/json";
  const response = await fetch(`api/${path}`, {
    method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body), credentials: "same-origin",
  });
  if (response.status === 401 && path !== "session") {
    location.href = `sign-in?next=${encodeURIComponent(location.pathname.split("/").pop() || "./")}`;
    await new Promise(() => {}); // the page is left
  }
  return response;
}

/** Builds an element. Children are elements or text; text is never read as HTML. */
export function el(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key in element) element[key] = value;
    else element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export const byId = (id) => document.getElementById(id);

/** Shows an amount of nano-USD; null is unknown, and small amounts keep their first digits. */
export function dollars(nano) {
  if (nano === null || nano === undefined) return "unknown";
  const usd = Number(nano) / 1e9;
  if (usd === 0) return "$0.00";
  const digits = Math.abs(usd) >= 1 ? 2 : Math.min(9, 3 - Math.floor(Math.log10(Math.abs(usd))));
  return `${usd < 0 ? "-" : ""}$${Math.abs(usd).toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: digits })}`;
}

export const count = (number) => (number === null || number === undefined ? "–" : Number(number).toLocaleString("en"));
export const seconds = (number) => (number === null || number === undefined ? "–" : `${Number(number).toFixed(2)} s`);
export const clock = (time) => (time ? new Date(time).toLocaleString() : "–");
/** Tells whether a call failed: reasons of errors are in capitals. */
export const failed = (call) => ["lost", "refused"].includes(call.state) || /^[A-Z_]+$/.test(call.outcome);

/** Shows what went wrong, or nothing. */
export function tell(id, text) {
  const place = byId(id);
  place.textContent = text;
  place.hidden = !text;
}

/** Asks who is calling, and fills in the head of the page. */
export async function start() {
  const me = await api("GET", "me");
  csrf = me.csrf;
  started();
  byId("who").textContent = me.name + (me.is_admin ? " (admin)" : "");
  const out = byId("sign-out");
  out.hidden = !me.has_session;
  out.addEventListener("click", async () => {
    await send("DELETE", "session");
    location.href = "sign-in";
  });
  if (!me.has_ledger) {
    for (const link of document.querySelectorAll("[data-needs-ledger]")) link.hidden = true;
  }
  return me;
}

/** Makes a table from titles and rows of cells; a cell is text, an element, or [text, class]. */
export function table(titles, rows) {
  const heads = titles.map((title) => el("th", { scope: "col", className: title.startsWith("#") ? "number" : "" }, title.replace("#", "")));
  return el("table", {}, el("thead", {}, el("tr", {}, ...heads)), el("tbody", {}, ...rows.map((row) => rowOf(titles, row))));
}

function rowOf(titles, cells) {
  return el("tr", { className: cells.className ?? "" }, ...cells.map((cell, place) => {
    const [content, name] = Array.isArray(cell) ? cell : [cell, ""];
    return el("td", { className: `${titles[place].startsWith("#") ? "number " : ""}${name}` }, content ?? "–");
  }));
}

/** Submits a form without leaving the page, and shows what went wrong beside it. */
export function onSubmit(form, work) {
  const fault = form.querySelector("[role=alert]");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button[type=submit], button:not([type])");
    button.disabled = true;
    fault.textContent = "";
    try {
      await work(new FormData(form));
    } catch (error) {
      fault.textContent = error.message;
    } finally {
      button.disabled = false;
    }
  });
}
