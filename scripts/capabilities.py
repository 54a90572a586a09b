"""Write docs/CAPABILITIES.md: each operation, the handler method that answers it, and whether it exists yet.

python -m scripts.capabilities            write the table
python -m scripts.capabilities --check    fail when the table is not what the code says
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from allograph.generated.routes import OPERATIONS
from allograph.handlers import HANDLER_CLASSES
from allograph.handlers.thread_socket import PATH, ThreadSocket
from allograph.routing import Operation, has_method

TABLE = Path(__file__).resolve().parent.parent / "docs" / "CAPABILITIES.md"


def table(operations: Sequence[Operation], classes: Mapping[str, type]) -> str:
    """The document. `classes` maps the fields of the generated `Handlers` to the classes that fill them."""
    ready = {operation for operation in operations if has_method(classes.get(operation.field), operation)}
    lines = [
        "# What is implemented",
        "",
        "Made by `make capabilities` from the contract and the handlers; never edited by hand.",
        "An operation that is not implemented answers 501 with a sentence.",
        "",
        f"**{len(ready)} of {len(operations)} operations.**",
    ]
    for tag in dict.fromkeys(operation.tag for operation in operations):
        lines += ["", f"## {tag}", "", "| operation | handler method | implemented |", "|---|---|---|"]
        for operation in (operation for operation in operations if operation.tag == tag):
            answer = "yes" if operation in ready else "no"
            lines.append(f"| `{operation.method} {operation.path}` | `{operation.qualified_name}` | {answer} |")
    lines += ["", "## WebSocket", "", "Beyond OpenAPI, which has no words for it.", "", "| path | handler method |", "|---|---|"]
    lines.append(f"| `{PATH}` | `{ThreadSocket.__name__}.{ThreadSocket.serve.__name__}` |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="The table of capabilities.")
    parser.add_argument("--check", action="store_true", help="fail when the table is stale instead of writing it")
    fresh = table(OPERATIONS, HANDLER_CLASSES)
    if not parser.parse_args().check:
        TABLE.write_text(fresh)
    elif not TABLE.exists() or TABLE.read_text() != fresh:
        sys.exit(f"error: {TABLE} is not what the code says; run `make capabilities`")


if __name__ == "__main__":
    main()
