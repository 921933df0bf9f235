"""The bodies of requests to OpenAI's interface, as pydantic models."""
