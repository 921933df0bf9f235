"""`python -m server_b check`: what is right with Server B's settings, and what is not."""
