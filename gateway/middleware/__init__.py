"""What stands around every request, as plain ASGI middleware. `gateway.application` lists it in order."""
