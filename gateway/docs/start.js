// In a file of its own, because the page's Content-Security-Policy allows no script within it.
SwaggerUIBundle({
  url: "docs/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  displayRequestDuration: true,
  persistAuthorization: true,
  tryItOutEnabled: true,
  validatorUrl: null, // else it asks a server on the internet about every document
});
