"""Reads Bedrock's failures, and finds the RelayError that each is."""
