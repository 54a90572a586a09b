"""The table of what is implemented is made from code and is fresh."""

from __future__ import annotations

from allograph.generated import interface
from allograph.generated.routes import OPERATIONS
from allograph.handlers import HANDLER_CLASSES
from scripts.capabilities import TABLE, table


class Mcp(interface.MCP):
    async def get_mcp(self, request: object) -> None:  # type: ignore[override]
        ...


def test_a_method_that_a_class_defines_is_implemented() -> None:
    said = table(OPERATIONS, {"mcp": Mcp})
    assert "| `GET /mcp/` | `MCP.get_mcp` | yes |" in said
    assert "| `POST /mcp/` | `MCP.post_mcp` | no |" in said
    assert "| `POST /threads` | `Threads.create_thread` | no |" in said
    assert f"**1 of {len(OPERATIONS)} operations.**" in said


def test_the_table_is_fresh() -> None:
    assert TABLE.read_text() == table(OPERATIONS, HANDLER_CLASSES), "run `make capabilities`"
