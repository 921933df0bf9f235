"""What /openapi.json and /docs say of the routes. Nothing here runs when a request is served."""
