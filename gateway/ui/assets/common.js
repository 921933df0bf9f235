// Shared by all pages: requests to the gateway, page elements, and formatting of amounts.

let csrf = "";
let started = () => {};
const isStarted = new Promise((resolve) => { started = resolve; });
const FIRST = ["me", "session"];
export const RETRY_MS = 2000;

/** Sends a request to /ui/api and returns the JSON. A caller who is not signed in goes to the sign-in page. */
export async function api(method, path, body) {
  const response = await send(method, path, body);
  const document = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(document.detail ?? `the gateway returned HTTP status ${response.status}`);
  return document;
}

/** Sends a request to /ui/api and returns the response, whatever its status. */
export async function send(method, path, body, signal) {
  if (!FIRST.includes(path)) await isStarted; // before that, the value of the CSRF header is not known
  const headers = { "x-relay-csrf": csrf };
  if (body !== undefined) headers["content-type"] = "application/json";
  const response = await fetch(`api/${path}`, {
    method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body), credentials: "same-origin",
  });
  if (response.status === 401 && path !== "session") {
    location.href = `sign-in?next=${encodeURIComponent(location.pathname.split("/").pop() || "./")}`;
    await new Promise(() => {}); // the browser leaves the page
  }
  return response;
}

/** Builds an element. Children are elements or text. Text is never parsed as HTML. */
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

/** Formats an amount of nano-USD. null is unknown. Small amounts keep their first digits. */
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
/** Returns whether a call failed: the reasons of errors are in capitals. */
export const failed = (call) => ["lost", "refused"].includes(call.state) || /^[A-Z_]+$/.test(call.outcome);

/** Shows a text, or hides its element if the text is empty. */
export function showText(id, text) {
  const place = byId(id);
  place.textContent = text;
  place.hidden = !text;
}

/** Fetches the caller. While Server B cannot be reached, shows why and tries again. */
export async function untilKnown() {
  const place = byId("fault") ?? document.querySelector("[role=alert]");
  const show = (text) => { place.textContent = text; if (place.id === "fault") place.hidden = !text; };
  for (let tries = 0; ; tries += 1) {
    try {
      const me = await api("GET", "me");
      if (tries) show("");
      return me;
    } catch (error) {
      show(`${error.message}. Trying again …`);
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

/** Fetches the caller, and fills in the top of the page. */
export async function start() {
  const me = await untilKnown();
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

/** Builds a table from titles and rows of cells. A cell is text, an element, or [text, class]. */
export function table(titles, rows) {
  const heads = titles.map((title) => el("th", { scope: "col", className: title.startsWith("#") ? "number" : "" }, title.replace("#", "")));
  return el("table", {}, el("thead", {}, el("tr", {}, ...heads)), el("tbody", {}, ...rows.map((row) => rowOf(titles, row))));
}

/** Builds a table, or a sentence in its place if there are no rows. */
export function tableOr(nothing, titles, rows) {
  return rows.length ? table(titles, rows) : el("p", { className: "soft" }, nothing);
}

/** Copies the text of an element. Browsers allow it only over TLS and on this machine; elsewhere it is selected. */
export async function copy(button, source) {
  const label = button.textContent;
  try {
    await navigator.clipboard.writeText(source.textContent);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(source);
    button.textContent = "Selected: press Ctrl+C";
  }
  button.disabled = true;
  setTimeout(() => { button.textContent = label; button.disabled = false; }, RETRY_MS);
}

function rowOf(titles, cells) {
  return el("tr", { className: cells.className ?? "" }, ...cells.map((cell, place) => {
    const [content, name] = Array.isArray(cell) ? cell : [cell, ""];
    return el("td", { className: `${titles[place].startsWith("#") ? "number " : ""}${name}` }, content ?? "–");
  }));
}

/** Submits a form without leaving the page, and shows a failure beside it. */
export function onSubmit(form, work) {
  const fault = form.querySelector("[role=alert]");
  const note = form.querySelector("[role=status]");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button[type=submit], button:not([type])");
    button.disabled = true;
    fault.textContent = "";
    if (note) note.textContent = "";
    try {
      await work(new FormData(form));
    } catch (error) {
      fault.textContent = error.message;
    } finally {
      button.disabled = false;
    }
  });
}
