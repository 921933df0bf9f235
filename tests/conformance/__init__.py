"""A server with the fixtures that the MCP conformance suite expects, on the relay's own MCP transport.

The suite (npm `@modelcontextprotocol/conformance`) calls tools, prompts and resources by fixed names. What they answer
comes from the SDK's MCPServer. What carries it is llm_relay.mcp.http: that is what is judged here.
"""
