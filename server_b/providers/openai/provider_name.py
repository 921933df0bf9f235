"""The name of this provider."""

NAME = "openai"
