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
<script src="{root}/docs/static/docs.js" data-root="{root}"></script>
</body>
</html>
"""


HEADERS = {
    # Swagger UI sets styles in the page. It talks to this server, and to an issuer of tokens if the contract names one.
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; "
        "connect-src 'self' https:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin-allow-popups",
}
"""Nobody puts the page into a frame, where a click could be stolen, and nothing runs in it that is not of this package."""


def docs_page(root_path: str) -> str:
    return _DOCS.format(root=root_path)
