// The playground's request as code.

const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** Returns the request in a language: curl, Python, Node or grpcurl. Long image data is left out. */
export function snippet(language, body, hasToken) {
  const shown = JSON.stringify(body, (key, value) => (key === "data" && value.length > 80 ? "BASE64" : value), 2);
  const url = new URL("../stream", location.href).href;
  switch (language) {
    case "Python":
      return `import json, urllib.request

body = json.loads(r"""${shown.replaceAll('"""', '\\"\\"\\"')}""")
request = urllib.request.Request(${JSON.stringify(url)}, json.dumps(body).encode(), {
    "Content-Type": "application/json",${hasToken ? '\n    "Authorization": "Bearer TOKEN",' : ""}
})
with urllib.request.urlopen(request) as lines:
    for line in lines:
        print(line.decode(), end="")`;
    case "Node":
      return `const response = await fetch(${JSON.stringify(url)}, {
  method: "POST",
  headers: { "content-type": "application/json"${hasToken ? ', authorization: "Bearer TOKEN"' : ""} },
  body: JSON.stringify(${shown.replaceAll("\n", "\n  ")}),
});
for await (const bytes of response.body) process.stdout.write(bytes);`;
    case "grpcurl":
      return `grpcurl -plaintext${hasToken ? " -H 'authorization: Bearer TOKEN'" : ""} -d ${quote(grpcBody(body))} \\
  localhost:50051 relay.v1.RelayService/StreamProcess`;
    default:
      return `curl -sN ${url} -H 'content-type: application/json'${hasToken ? " -H 'authorization: Bearer TOKEN'" : ""} -d ${quote(shown)}`;
  }
}

function grpcBody(body) {
  const { message, context, model, temperature, max_tokens: maxTokens, tools, response_format: format, parts } = body;
  const options = {};
  if (tools) options.tools = tools.map((tool) => ({ name: tool.name, description: tool.description, input_schema_json: JSON.stringify(tool.input_schema) }));
  if (format) options.response_format = { kind: "KIND_JSON_SCHEMA", name: format.name, schema_json: JSON.stringify(format.schema) };
  const images = parts?.map(({ image }) => ({ image: { media_type: image.media_type, data: image.data.length > 80 ? "BASE64" : image.data } }));
  const request = { message, context, model, temperature, max_tokens: maxTokens, parts: images };
  if (Object.keys(options).length) request.options = options;
  return JSON.stringify(request);
}
