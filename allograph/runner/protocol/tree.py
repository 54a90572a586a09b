"""The tree of graphs of a run, as its lifecycle events tell it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from allograph.encoding import loads
from allograph.runner.protocol.events import status_of_end
from allograph.runner.protocol.filters import Namespace
from allograph.store.database import Row
from allograph.store.run_events import END


class Tree:
    """Where each graph of a run stands."""

    def __init__(self, graph_id: str) -> None:
        self.statuses: dict[Namespace, str] = {(): "started"}
        self._names: dict[Namespace, str] = {(): graph_id}

    def read(self, rows: Iterable[Row]) -> None:
        """Take in what the run logged."""
        for row in rows:
            kind, *steps = row["name"].split("|")
            namespace = tuple(steps)
            if kind == "metadata":
                self.statuses[()] = "running"
            elif kind == END:
                self.statuses[()] = status_of_end(loads(row["data"]))
            elif kind == "lifecycle":
                data = loads(row["data"])
                self.statuses[namespace] = data["event"]
                self._names.setdefault(namespace, data.get("graph_name") or steps[-1].partition(":")[0])

    def shown(self, namespace: Namespace = ()) -> dict[str, Any]:
        """The protocol's AgentTreeNode."""
        node: dict[str, Any] = {
            "namespace": namespace, "status": self.statuses[namespace], "graph_name": self._names[namespace],
        }  # fmt: skip
        below = [one for one in self.statuses if len(one) == len(namespace) + 1 and one[: len(namespace)] == namespace]
        return node | {"children": [self.shown(one) for one in below]} if below else node
