"""What a graph looks like from outside: its drawing, its JSON Schemas, its subgraphs.

The bodies are those of the reference; `tests/runner/test_introspect.py` compares them with what it answered. Only where
the reference says null for a schema that cannot be made, it is missing: the contract and the SDK know no null there.
Of a state field that no JSON Schema describes the name alone is told.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Hashable, Mapping
from typing import Any, TypeAlias

from langchain_core.runnables import RunnableConfig
from langchain_core.utils.pydantic import create_model_v2
from langgraph.channels.base import BaseChannel
from langgraph.graph.state import CompiledStateGraph
from langgraph.pregel import Pregel
from langgraph.pregel.protocol import PregelProtocol
from langgraph.store.base import BaseStore
from pydantic import PydanticUserError, TypeAdapter

from allograph.access.users import current_user
from allograph.runner.graphs import Graph, Graphs
from allograph.runner.typed_dicts import modern

log = logging.getLogger("allograph.introspect")

JsonObject: TypeAlias = dict[str, Any]
AnyGraph: TypeAlias = PregelProtocol[Any, Any, Any, Any]

_ROOT = "__root__"


def draw(graph: Graph, xray: bool | int = False) -> JsonObject:
    """`{"nodes": [...], "edges": [...]}`, with subgraphs drawn in place down to `xray` levels, all of them for True."""
    drawing: JsonObject = graph.get_graph(xray=xray).to_json()
    for node in drawing["nodes"]:
        if isinstance(node.get("data"), dict):
            node["data"].pop("id", None)  # the Python class; the reference does not tell it
    return drawing


def schemas(graph: AnyGraph) -> JsonObject:
    """`input_schema`, `output_schema`, `state_schema`, `config_schema` and `context_schema`.

    One that cannot be made is missing, `state_schema` is then `{}`. `config_schema` is what `config.configurable` may
    hold: the context's schema, and `{}` where there is none. Takes up to a tenth of a second for a graph of messages.
    """
    context = _made(_context, graph)
    made = {
        "input_schema": _made(_input, graph),
        "output_schema": _made(_output, graph),
        "state_schema": _made(_state, graph) or {},
        "config_schema": {} if isinstance(graph, Pregel) and graph.context_schema is None else context,
        "context_schema": context,
    }
    return {name: schema for name, schema in made.items() if schema is not None}


def subgraphs(graph: Graph, namespace: str | None = None, recurse: bool = False) -> dict[str, JsonObject]:
    """Namespace → schemas of the subgraphs of `graph`, of all levels with `recurse`.

    With a `namespace` only the one that has exactly it, and nothing when there is none; one below the first level, such
    as `parent|child`, is found with `recurse` only. The contract wants each to have `input_schema` and `output_schema`.
    """
    found = graph.get_subgraphs(namespace=namespace, recurse=recurse)
    return {name: {"input_schema": {}, "output_schema": {}, **schemas(each)} for name, each in found}


class Introspection:
    """The above for served graphs, in threads where it takes long, and kept for those that never change.

    What is returned is shared: callers must not change it.
    """

    def __init__(self, graphs: Graphs, store: BaseStore) -> None:
        self._graphs = graphs
        self._store = store
        self._kept: dict[tuple[str, Hashable], JsonObject] = {}

    async def draw(
        self,
        graph_id: str,
        xray: bool | int = False,
        *,
        config: RunnableConfig | None = None,
    ) -> JsonObject:
        """The body of `GET /assistants/{id}/graph`. Raises `KeyError` for an unknown graph, here and below."""
        kept = self._kept.get((graph_id, ("draw", _Exactly(xray))))
        if kept is not None:
            return kept
        async with self._open(graph_id, config) as graph:
            drawing = await asyncio.to_thread(draw, graph, xray)
        if isinstance(xray, bool) or xray <= 4:  # a client may ask for any depth
            self._keep(graph_id, ("draw", _Exactly(xray)), drawing)
        return drawing

    async def schemas(self, graph_id: str, *, config: RunnableConfig | None = None) -> JsonObject:
        """The body of `GET /assistants/{id}/schemas`."""
        kept = self._kept.get((graph_id, "schemas"))
        if kept is not None:
            return kept
        async with self._open(graph_id, config) as graph:
            made = {"graph_id": graph_id, **await asyncio.to_thread(schemas, graph)}
        self._keep(graph_id, "schemas", made)
        return made

    async def input_schema(self, assistant: Mapping[str, Any]) -> JsonObject:
        """What the graph of an assistant takes; nothing is said of a graph that its project cannot make or describe."""
        try:
            made = await self.schemas(assistant["graph_id"], config=assistant["config"].parsed())
        except Exception as error:  # noqa: BLE001 - a factory of the user's
            log.warning(
                "the input of assistant %s cannot be described: %s: %s", assistant["assistant_id"], type(error).__name__, error
            )
            return {"type": "object"}
        return made["input_schema"] or {"type": "object"}

    async def subgraphs(
        self,
        graph_id: str,
        namespace: str | None = None,
        recurse: bool = False,
        *,
        config: RunnableConfig | None = None,
    ) -> JsonObject:
        """The body of `GET /assistants/{id}/subgraphs`, and of `GET /assistants/{id}/subgraphs/{namespace}`."""
        key = ("subgraphs", recurse)
        kept = self._kept.get((graph_id, key))
        if kept is not None:
            every = kept
        else:
            # All of them at once: a namespace is whatever a client writes, and no key to keep anything under.
            async with self._open(graph_id, config) as graph:
                every = await asyncio.to_thread(subgraphs, graph, None, recurse)
            self._keep(graph_id, key, every)
        if namespace is None:
            return every
        return {namespace: every[namespace]} if namespace in every else {}

    def _open(self, graph_id: str, config: RunnableConfig | None) -> contextlib.AbstractAsyncContextManager[Graph]:
        return self._graphs.open(
            graph_id, access_context="assistants.read", store=self._store, config=config, user=current_user.get()
        )

    def _keep(self, graph_id: str, key: Hashable, value: JsonObject) -> None:
        if self._graphs.is_static(graph_id):
            self._kept[graph_id, key] = value


def _Exactly(xray: bool | int) -> tuple[str, int]:  # noqa: N802
    return (type(xray).__name__, xray)  # True == 1, and they differ


# ---- one schema each


def _made(make: Callable[[AnyGraph], JsonObject | None], graph: AnyGraph) -> JsonObject | None:
    try:
        return make(graph)
    except Exception:  # noqa: BLE001 - types are the user's, and many have no JSON Schema
        return None


def _input(graph: AnyGraph) -> JsonObject:
    try:
        return graph.get_input_jsonschema()
    except PydanticUserError as error:
        declared = graph.builder.input_schema if isinstance(graph, CompiledStateGraph) else graph.InputType
        return _modern_schema(error, declared, graph, "Input")


def _output(graph: AnyGraph) -> JsonObject:
    try:
        return graph.get_output_jsonschema()
    except PydanticUserError as error:
        declared = graph.builder.output_schema if isinstance(graph, CompiledStateGraph) else graph.OutputType
        return _modern_schema(error, declared, graph, "Output")


def _modern_schema(error: PydanticUserError, declared: Any, graph: AnyGraph, suffix: str) -> JsonObject:
    if error.code != "typed-dict-version":
        raise error
    if isinstance(graph, CompiledStateGraph):
        return TypeAdapter(modern(declared)).json_schema()
    return create_model_v2(graph.get_name(suffix), root=modern(declared)).model_json_schema()


def _state(graph: AnyGraph) -> JsonObject | None:
    if not isinstance(graph, Pregel):
        return None
    name = graph.get_name("State")
    channels = {key: channel for key in graph.stream_channels_list if isinstance(channel := graph.channels.get(key), BaseChannel)}
    fields = {key: (_describable(channel.UpdateType), None) for key, channel in channels.items()}
    if list(fields) == [_ROOT]:
        return create_model_v2(name, root=fields[_ROOT]).model_json_schema()
    return create_model_v2(name, field_definitions=fields).model_json_schema()


def _describable(hint: Any) -> Any:
    """`hint`, or `Any` where it has no JSON Schema."""
    for attempt in (hint, modern(hint)):
        with contextlib.suppress(Exception):
            create_model_v2("Field", root=(attempt, None)).model_json_schema()
            return attempt
    return Any


def _context(graph: AnyGraph) -> JsonObject | None:
    if not isinstance(graph, Pregel):
        return None
    try:
        return graph.get_context_jsonschema()
    except PydanticUserError as error:
        if error.code != "typed-dict-version":
            raise
        return TypeAdapter(modern(graph.context_schema)).json_schema()
