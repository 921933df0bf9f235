"""Runs the real programs under load with callers who leave, and finds leaks: `python -m scripts.soak`."""
