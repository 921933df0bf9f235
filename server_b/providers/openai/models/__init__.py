"""Models: the server's list, what is known about each, and what OpenAI's own do not accept."""
