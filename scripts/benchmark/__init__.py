"""Measures the relay beside bare servers (floors) on this machine: `scripts/bench`."""
