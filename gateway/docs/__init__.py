"""/docs: Swagger UI from files of our own, so that it works without the internet and where tokens are set."""
