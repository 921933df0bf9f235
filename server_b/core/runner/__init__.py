"""Runs a call: passes the gate, asks the provider with retries, settles usage and cost."""
