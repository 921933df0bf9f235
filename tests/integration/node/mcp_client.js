// Uses Server A through the MCP TypeScript SDK:  node mcp_client.js http URL | sse URL | stdio COMMAND ARGUMENT…
// Prints what it saw as one JSON document.
import {Client} from "@modelcontextprotocol/sdk/client/index.js";
import {SSEClientTransport} from "@modelcontextprotocol/sdk/client/sse.js";
import {StdioClientTransport} from "@modelcontextprotocol/sdk/client/stdio.js";
import {StreamableHTTPClientTransport} from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const [kind, where, ...args] = process.argv.slice(2);
const transports = {
  http: () => new StreamableHTTPClientTransport(new URL(where)),
  sse: () => new SSEClientTransport(new URL(where)),
  stdio: () => new StdioClientTransport({command: where, args, env: process.env, stderr: "ignore"}),
};

const errors = [];
const client = new Client({name: "relay-test", version: "1"});
client.onerror = (error) => errors.push(String(error));
await client.connect(transports[kind]());

const {tools} = await client.listTools();
const answer = await client.callTool({name: "send_message", arguments: {message: "Hello from TypeScript"}});
const progress = [];
const stream = await client.callTool(
  {name: "send_message_stream", arguments: {message: "Hello from TypeScript"}},
  undefined,
  {onprogress: (note) => progress.push(note)},
);
const refused = await client.callTool({name: "send_message", arguments: {message: " "}});

const leaving = new AbortController();
const hang = {message: "Hello", model: "mock-model?fault=hang_during&after=2"};
const left = await client
  .callTool({name: "send_message_stream", arguments: hang}, undefined, {signal: leaving.signal, onprogress: () => leaving.abort()})
  .catch((error) => String(error));

console.log(JSON.stringify({tools: tools.map((tool) => tool.name), answer, progress, stream, refused, left, errors}));
await client.close();
