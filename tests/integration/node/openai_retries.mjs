// OpenAI's SDK with a timeout of 1.5 s and three retries; prints what it read, by how the timeout is set.
import OpenAI from "openai";

const [baseURL, how] = process.argv.slice(2);
const ofClient = {
  request: {},
  header: {timeout: 1500, defaultHeaders: {"X-Stainless-Timeout": "1.5"}},
  client: {timeout: 1500},
}[how];
const ofRequest = how === "request" ? {timeout: 1500} : {};
const client = new OpenAI({baseURL, apiKey: "none", maxRetries: 3, ...ofClient});
const body = {model: "mock-model", messages: [{role: "user", content: how}]};
const whole = await client.chat.completions.create(body, ofRequest);
console.log(JSON.stringify({text: whole.choices[0].message.content}));
