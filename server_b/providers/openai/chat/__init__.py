"""The interface of chat completions: its requests and its answers."""
