"""The page at /docs: Swagger UI from files in this package, so that it works without the internet."""

from __future__ import annotations

from pathlib import Path

STATIC = Path(__file__).resolve().parent.parent / "static"

_DOCS = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Allograph: the LangGraph API</title>
<link rel="stylesheet" href="{root}/docs/static/swagger-ui.css">
<link rel="icon" href="{root}/docs/static/favicon-32x32.png">
</head>
<body>
<div id="swagger-ui"></div>
<script src="{root}/docs/static/swagger-ui-bundle.js"></script>
<script>
window.ui = SwaggerUIBundle({{
  url: "{root}/openapi.json", dom_id: "#swagger-ui", deepLinking: true, tryItOutEnabled: true, docExpansion: "list",
  displayRequestDuration: true, defaultModelsExpandDepth: 0,
}})
</script>
</body>
</html>
"""


def docs_page(root_path: str) -> str:
    return _DOCS.format(root=root_path)
