"use strict";

SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  persistAuthorization: false, // a token has no place in a browser's storage
  validatorUrl: null, // the only thing that would call another host
});
