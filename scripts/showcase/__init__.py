"""Starts the whole relay on this machine and sends a message through each of its doors: see scripts/run."""
