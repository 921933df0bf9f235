"""`python -m server_b check`: checks Server B's settings, and what they lead to."""
