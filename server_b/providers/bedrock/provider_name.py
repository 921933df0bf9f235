"""The name of this provider."""

NAME = "bedrock"
