"""What /openapi.json and /docs say about the routes. Nothing here runs when a request is served."""
