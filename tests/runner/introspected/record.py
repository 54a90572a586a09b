"""Ask the reference what it tells about the graphs here: `python -m tests.runner.introspected.record`."""

from __future__ import annotations

import json
from pathlib import Path

import httpx

from scripts.oracle import oracle

HERE = Path(__file__).parent
RECORDING = HERE / "reference.json"

QUERIES = [
    "schemas", "graph", "graph?xray=true", "graph?xray=1", "graph?xray=2", "subgraphs", "subgraphs?recurse=true",
    "subgraphs/p", "subgraphs/p?recurse=true", "subgraphs/p%7Cs", "subgraphs/p%7Cs?recurse=true", "subgraphs/nope",
]  # fmt: skip


def main() -> None:
    config = HERE / "langgraph.json"
    told: dict[str, dict[str, object]] = {}
    with oracle(config) as url:
        for graph_id in json.loads(config.read_text())["graphs"]:
            found = httpx.post(f"{url}/assistants/search", json={"graph_id": graph_id}).json()
            each = told[graph_id] = {}
            for query in QUERIES:
                reply = httpx.get(f"{url}/assistants/{found[0]['assistant_id']}/{query}", timeout=30)
                each[query] = reply.json() if reply.status_code == 200 else reply.status_code
    # Most answers say the same again; what is left out is equal to the first.
    for each in told.values():
        for query in QUERIES[1:]:
            kind, _, _ = query.partition("?")
            if query != kind and each.get(query) == each.get(kind):
                del each[query]
    RECORDING.write_text("{\n" + ",\n".join(f'"{name}": {json.dumps(each)}' for name, each in told.items()) + "\n}\n")


if __name__ == "__main__":
    main()
