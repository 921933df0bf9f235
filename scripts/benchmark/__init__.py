"""Measures the relay's doors beside bare floors, on this machine: `scripts/bench`."""
