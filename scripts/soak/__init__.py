"""Works the real programs for minutes, with callers who leave, and looks for what is left: `python -m scripts.soak`."""
