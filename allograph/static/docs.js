window.ui = SwaggerUIBundle({
  url: document.currentScript.dataset.root + "/openapi.json", dom_id: "#swagger-ui", deepLinking: true, tryItOutEnabled: true,
  docExpansion: "list", displayRequestDuration: true, defaultModelsExpandDepth: 0,
})
