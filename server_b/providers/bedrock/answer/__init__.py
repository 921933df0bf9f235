"""Reads Bedrock's answers: the event stream, its blocks, and usage."""
