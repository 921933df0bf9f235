"""A server with the fixtures that the MCP conformance suite expects, on the relay's own MCP transport.

The suite (npm `@modelcontextprotocol/conformance`) calls tools, prompts and resources by fixed names. The SDK's
MCPServer answers them. The transport, llm_relay.mcp.http, is what is tested here.
"""
