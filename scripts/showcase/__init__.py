"""Starts the whole relay on this machine and sends a message over each interface: see scripts/run."""
