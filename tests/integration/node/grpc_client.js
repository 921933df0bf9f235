// Calls Server B with nothing but the plain .proto:  node grpc_client.js TARGET PROTO_FOLDER
// Prints what it saw as one JSON document.
import grpc from "@grpc/grpc-js";
import protoLoader from "@grpc/proto-loader";

const [target, protoFolder] = process.argv.slice(2);
const options = {includeDirs: [protoFolder], keepCase: true, longs: Number, enums: String, defaults: true, oneofs: true};
const {relay} = grpc.loadPackageDefinition(protoLoader.loadSync("relay/v1/relay.proto", options));
const client = new relay.v1.RelayService(target, grpc.credentials.createInsecure());
const within = (seconds) => ({deadline: Date.now() + seconds * 1000});

const unary = (method, request) =>
  new Promise((resolve) =>
    client[method](request, within(10), (error, response) =>
      resolve(error ? {code: error.code, details: error.details} : response),
    ),
  );

const stream = (request, onEvent = () => {}) =>
  new Promise((resolve) => {
    const seen = {events: [], status: null};
    const call = client.StreamProcess(request, within(10));
    call.on("metadata", (metadata) => (seen.requestId = metadata.get("relay-request-id")[0]));
    call.on("data", (response) => {
      seen.events.push(response);
      onEvent(response);
    });
    call.on("error", () => {});
    call.on("status", (status) => {
      seen.status = status.code;
      resolve(seen);
    });
  });

const answer = await unary("Process", {message: "Hello from Node", request_id: "node-1"});
const whole = await stream({message: "Hello from Node"});
const refused = await unary("Process", {message: " "});
const cut = await stream({message: "Hello", model: "mock-model?fault=cut&after=2"});
let cancelled;
const soft = await stream({message: "Hello", model: "mock-model?fault=hang_during&after=2", request_id: "node-2"}, (response) => {
  if (response.sequence === 3) cancelled = unary("Cancel", {request_id: "node-2"});
});
const weather = {name: "get_weather", input_schema_json: '{"type": "object"}'};
const asked = {message: "What is the weather?", options: {tools: [weather]}};
const calling = await unary("Process", asked);
const callEvents = await stream(asked);
const result = {tool_call_id: calling.parts[0].tool_call.id, content: [{text: "5 degrees"}]};
const history = [{role: "ROLE_USER", text: asked.message}, {role: "ROLE_ASSISTANT", parts: calling.parts}];
const told = await unary("Process", {history, parts: [{tool_result: result}], options: asked.options});
const tools = {calling, callEvents, told};
console.log(JSON.stringify({answer, whole, refused, cut, soft, cancel: await cancelled, tools}));
client.close();
