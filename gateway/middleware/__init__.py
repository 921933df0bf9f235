"""The ASGI middleware around every request. `gateway.application` lists it in order."""
