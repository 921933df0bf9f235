// The playground: send a prompt, watch the answer arrive, stop it, and see its cost.
import { api, byId, copy, count, dollars, send, start, showText } from "./common.js";
import { snippet } from "./snippets.js";
import { eventsOf } from "./sse.js";

const form = byId("prompt");
const fault = form.querySelector("[role=alert]");
let me = {};
let running = null;
let image = null;

function parsed(name, what) {
  const text = form.elements[name].value.trim();
  if (!text) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${what} is not JSON`);
  }
}

/** Returns the request, without the members that are not filled in. */
function body() {
  const fields = form.elements;
  const given = { message: fields.message.value };
  if (fields.model.value.trim()) given.model = fields.model.value.trim();
  if (fields.context.value) given.context = fields.context.value;
  if (fields.max_tokens.value) given.max_tokens = Number(fields.max_tokens.value);
  if (fields.temperature.value) given.temperature = Number(fields.temperature.value);
  const tools = parsed("tools", "The list of tools");
  if (tools) given.tools = Array.isArray(tools) ? tools : [tools];
  const schema = parsed("schema", "The schema");
  if (schema) given.response_format = { kind: "json_schema", name: "answer", schema };
  if (image) given.parts = [{ image }];
  return given;
}

function showCode() {
  try {
    byId("code").textContent = snippet(byId("language").value, body(), me.has_session);
  } catch (error) {
    byId("code").textContent = error.message;
  }
}

async function readImage() {
  const file = form.elements.image.files[0];
  image = null;
  if (file) {
    const url = await new Promise((resolve, reject) => {
      const reader = new FileReader();
      reader.onload = () => resolve(reader.result);
      reader.onerror = () => reject(reader.error);
      reader.readAsDataURL(file);
    });
    image = { media_type: file.type, data: url.slice(url.indexOf(",") + 1) };
  }
  showCode();
}

function write({ event, data }) {
  if (data === "[DONE]") return;
  const document = JSON.parse(data);
  const answer = byId("answer");
  if (document.reason) throw new Error(`${document.reason}: ${document.error}`);
  if (event === "reasoning") {
    byId("reasoning").hidden = false;
    byId("reasoning").append(document.content ?? "");
  } else if (event === "tool_call_finished") {
    const { name, arguments: given, arguments_text: text } = document.call ?? document;
    answer.append(`\n→ ${name}(${text ?? JSON.stringify(given)})\n`);
  } else if (event === "finish") {
    finish(document);
  } else if (document.content) {
    answer.append(document.content);
  }
}

function finish({ finishReason, model, usage }) {
  const cost = usage.estimatedCost;
  const price = cost === null || cost === undefined ? "cost unknown" : dollars(Math.round(cost * 1e9));
  byId("cost").textContent = `${finishReason}: ${model}, ${count(usage.promptTokens)} tokens in, ${count(usage.completionTokens)} out, ${price}`;
}

async function ask() {
  const given = body();
  running = new AbortController();
  byId("stop").disabled = false;
  form.querySelector("[type=submit]").disabled = true;
  byId("answer").textContent = byId("reasoning").textContent = byId("cost").textContent = fault.textContent = "";
  byId("reasoning").hidden = true;
  try {
    const response = await send("POST", "stream", given, running.signal);
    if (!response.ok) {
      const problem = await response.json();
      throw new Error(`${problem.reason}: ${problem.detail}`);
    }
    for await (const event of eventsOf(response)) write(event);
    if (!byId("cost").textContent) throw new Error("The answer was cut short.");
  } finally {
    byId("stop").disabled = true;
    form.querySelector("[type=submit]").disabled = false;
    running = null;
  }
}

/** Shows the cost of a stopped call. The ledger knows it a moment later. */
async function showStopped(began) {
  byId("cost").textContent = "Stopped. Looking up the cost …";
  if (!me.has_ledger) {
    byId("cost").textContent = "Stopped.";
    return;
  }
  for (let tries = 0; tries < 20; tries += 1) {
    const { calls } = await api("GET", `calls?limit=5&protocol=http&since=${encodeURIComponent(began)}`);
    const call = calls.find((one) => one.state !== "open");
    if (call) {
      byId("cost").textContent = `Stopped: ${call.model}, ${count(call.input_tokens)} tokens in, ${count(call.output_tokens)} out, ${dollars(call.nano_usd)}`;
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  byId("cost").textContent = "Stopped.";
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const began = new Date(Date.now() - 1000).toISOString();
  try {
    await ask();
  } catch (error) {
    if (error.name === "AbortError") await showStopped(began).catch((fault_) => showText("cost", fault_.message));
    else fault.textContent = error.message;
  }
});
form.addEventListener("input", showCode);
form.elements.message.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !running) form.requestSubmit();
});
form.elements.image.addEventListener("change", readImage);
byId("stop").addEventListener("click", () => running?.abort());
byId("language").addEventListener("change", showCode);
byId("copy").addEventListener("click", () => copy(byId("copy"), byId("code")));

me = await start();
showCode();
api("GET", "models").then(({ models, default: usual }) => {
  form.elements.model.placeholder = usual ?? "";
  byId("models").replaceChildren(...models.map((name) => Object.assign(document.createElement("option"), { value: name.id ?? name })));
}).catch((error) => { fault.textContent = error.message; });
