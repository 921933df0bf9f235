// A separate file, because the page's Content-Security-Policy forbids inline scripts.
SwaggerUIBundle({
  url: "docs/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  displayRequestDuration: true,
  persistAuthorization: true,
  tryItOutEnabled: true,
  validatorUrl: null, // otherwise Swagger UI sends every document to a validator on the internet
});
