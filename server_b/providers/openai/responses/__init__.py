"""The interface of the Responses API: its requests and its answers."""
