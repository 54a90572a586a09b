"""What an agent says of itself before anybody talks to it."""

from __future__ import annotations

import importlib.metadata
from typing import Any

from allograph.store.database import Row

MODES = ["application/json", "text/plain"]
"""What an agent reads and writes: data parts and text parts."""


def agent_card(assistant: Row, url: str, input_schema: dict[str, Any]) -> dict[str, Any]:
    """The card of an assistant whose endpoint is `url`, for clients of both versions of the protocol."""
    name = assistant["name"]
    description = assistant["description"] or f"{name} assistant"
    fields = input_schema.get("properties", {})
    return {
        "name": name,
        "description": description,
        "version": importlib.metadata.version("allograph"),
        "url": url,
        "protocolVersion": "0.3.0",
        "preferredTransport": "JSONRPC",
        "supportedInterfaces": [
            {"url": url, "protocolBinding": "JSONRPC", "protocolVersion": version} for version in ("1.0", "0.3")
        ],
        "capabilities": {"streaming": True, "pushNotifications": False, "stateTransitionHistory": False},
        "defaultInputModes": MODES,
        "defaultOutputModes": MODES,
        "skills": [{
            "id": f"{assistant['assistant_id']}-main",
            "name": f"{name} Capabilities",
            "description": description,
            "tags": ["assistant", "langgraph"],
            "examples": [],
            "inputModes": MODES,
            "outputModes": MODES,
            "metadata": {"inputSchema": {
                "required": input_schema.get("required", []), "properties": sorted(fields), "supportsA2A": "messages" in fields,
            }},
        }],
    }  # fmt: skip
