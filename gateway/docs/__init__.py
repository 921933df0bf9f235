"""/docs: Swagger UI from local files, so that it works without the internet and when tokens are set."""
