// OpenAI's own SDK and the Vercel AI SDK in front of the gateway; prints what they read as one JSON document.
import OpenAI from "openai";
import {createOpenAICompatible} from "@ai-sdk/openai-compatible";
import {generateObject, generateText, jsonSchema, stepCountIs, streamText, tool} from "ai";

const baseURL = process.argv[2];
const model = "mock-model";
const messages = [{role: "user", content: "Hello"}];
const schema = {type: "object", properties: {city: {type: "string"}}, required: ["city"], additionalProperties: false};
const client = new OpenAI({baseURL, apiKey: "none", maxRetries: 0});
const seen = {};

const whole = await client.chat.completions.create({model, messages});
seen.whole = whole.choices[0].message.content;
seen.usage = whole.usage.total_tokens;

seen.streamed = "";
for await (const chunk of await client.chat.completions.create({model, messages, stream: true})) {
  seen.streamed += chunk.choices[0]?.delta?.content ?? "";
}

const weather = {type: "function", function: {name: "weather", parameters: schema}};
const asked = [{role: "user", content: "How is the weather?"}];
const called = await client.chat.completions.create({model, messages: asked, tools: [weather]});
seen.call = called.choices[0].message.tool_calls[0].function;

const response = await client.responses.create({model, input: "Hello"});
seen.response = response.output_text;

try {
  await client.chat.completions.create({model, messages, n: 2});
} catch (error) {
  seen.refused = {status: error.status, param: error.param};
}

const relay = createOpenAICompatible({name: "relay", baseURL, supportsStructuredOutputs: true})(model);
seen.aiText = (await generateText({model: relay, prompt: "Hello", maxRetries: 0})).text;
seen.aiStream = "";
for await (const text of streamText({model: relay, prompt: "Hello", maxRetries: 0}).textStream) seen.aiStream += text;
const loop = await generateText({
  model: relay,
  prompt: "How is the weather?",
  maxRetries: 0,
  stopWhen: stepCountIs(3),
  tools: {weather: tool({description: "Tells the weather", inputSchema: jsonSchema(schema), execute: async () => "sunny"})},
});
seen.aiLoop = {text: loop.text, steps: loop.steps.length};
seen.aiObject = (await generateObject({model: relay, prompt: "Hello", maxRetries: 0, schema: jsonSchema(schema)})).object;
console.log(JSON.stringify(seen));
