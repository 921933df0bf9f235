"""Reads Bedrock's failures and maps them to RelayErrors."""
