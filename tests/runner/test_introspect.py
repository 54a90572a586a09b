"""What is told about graphs, compared with what the reference told about the same ones (`introspected/record.py`)."""

from __future__ import annotations

import json
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

import orjson
import pytest
from langgraph.store.memory import InMemoryStore

from allograph.config import load_config
from allograph.runner import introspect
from allograph.runner.graphs import Graph, Graphs, load_graphs
from allograph.runner.introspect import Introspection
from tests.runner.conftest import MakeProject
from tests.runner.introspected.record import QUERIES, RECORDING

HERE = Path(__file__).parent / "introspected"
REFERENCE: dict[str, dict[str, Any]] = json.loads(RECORDING.read_text())
STORE = InMemoryStore()


@pytest.fixture(scope="module")
def graphs() -> Graphs:
    return load_graphs(load_config(HERE / "langgraph.json"))


@pytest.fixture(scope="module")
def introspection(graphs: Graphs) -> Introspection:
    return Introspection(graphs, STORE)


def expected(graph_id: str, query: str) -> Any:
    """The reference's answer, without the nulls that neither the contract nor the SDK knows."""
    kind = query.partition("?")[0]
    told = REFERENCE[graph_id].get(query, REFERENCE[graph_id][kind])
    if kind == "schemas":
        return {name: schema for name, schema in told.items() if schema is not None}
    if kind.startswith("subgraphs"):
        return {name: {key: value for key, value in each.items() if value is not None} for name, each in told.items()}
    return told


async def answer(introspection: Introspection, graph_id: str, query: str) -> Any:
    kind, _, arguments = query.partition("?")
    given = {name: orjson.loads(values[0]) for name, values in parse_qs(arguments).items()}
    if kind == "schemas":
        return await introspection.schemas(graph_id)
    if kind == "graph":
        return await introspection.draw(graph_id, **given)
    namespace = unquote(kind.partition("/")[2]) or None
    return await introspection.subgraphs(graph_id, namespace, **given)


@pytest.mark.parametrize("graph_id", REFERENCE)
async def test_as_the_reference(introspection: Introspection, graph_id: str) -> None:
    for query in QUERIES:
        for _ in range(2):  # made, then kept
            told = await answer(introspection, graph_id, query)
            assert orjson.dumps(told) == orjson.dumps(expected(graph_id, query)), query


async def test_typed_dicts_of_either_module_look_the_same(make_project: MakeProject) -> None:
    """Python 3.11, where Pydantic refuses `typing.TypedDict` and the reference then has no schema."""
    source = (HERE / "graphs.py").read_text()
    changed = source.replace("from typing_extensions import TypedDict", "from typing import TypedDict")
    assert changed != source
    ids = list(REFERENCE)
    graphs = load_graphs(make_project({"shown.py": changed}, {name: f"./shown.py:{name}" for name in ids}))
    introspection = Introspection(graphs, STORE)
    for graph_id in ids:
        assert orjson.dumps(await introspection.schemas(graph_id)) == orjson.dumps(expected(graph_id, "schemas"))


async def test_a_typed_dict_that_contains_itself(make_project: MakeProject) -> None:
    source = """
from typing import Annotated, NotRequired, Optional, TypedDict, Union
from langgraph.graph import START, StateGraph
class Leaf(TypedDict):
    x: int
class Tree(TypedDict):
    kids: list["Tree"]
    leaf: NotRequired[Leaf]
    either: Union[Leaf, int, None]
    new: Leaf | str
    many: dict[str, tuple[Leaf, ...]]
    noted: Annotated[Optional[Leaf], "note"]
graph = StateGraph(Tree).add_node("n", lambda state: {}).add_edge(START, "n").compile()
"""
    graphs = load_graphs(make_project({"a.py": source}, {"a": "./a.py:graph"}))
    made = await Introspection(graphs, STORE).schemas("a")
    tree, leaf = made["input_schema"]["$defs"]["Tree"], {"$ref": "#/$defs/Leaf"}
    assert tree["required"] == ["kids", "either", "new", "many", "noted"]
    assert tree["properties"]["kids"]["items"] == {"$ref": "#/$defs/Tree"}
    assert tree["properties"]["either"]["anyOf"] == [leaf, {"type": "integer"}, {"type": "null"}]
    assert tree["properties"]["new"]["anyOf"] == [leaf, {"type": "string"}]
    assert tree["properties"]["many"]["additionalProperties"]["items"] == leaf
    assert tree["properties"]["noted"]["anyOf"] == [leaf, {"type": "null"}]


async def open_graph(graphs: Graphs, graph_id: str) -> AsyncIterator[Graph]:
    async with graphs.open(graph_id, access_context="assistants.read", store=STORE) as graph:
        yield graph


async def test_the_functions_alone(graphs: Graphs) -> None:
    async with asynccontextmanager(open_graph)(graphs, "parent") as graph:
        assert introspect.draw(graph, True) == expected("parent", "graph?xray=true")
        assert introspect.subgraphs(graph, "p|s", recurse=True) == expected("parent", "subgraphs/p%7Cs?recurse=true")
        assert {"graph_id": "parent", **introspect.schemas(graph)} == expected("parent", "schemas")


async def test_schemas_that_cannot_be_made(graphs: Graphs, introspection: Introspection) -> None:
    assert set(await introspection.schemas("opaque")) == {"graph_id", "state_schema", "config_schema"}
    assert set(await introspection.schemas("context_opaque")) == {
        "graph_id",
        "input_schema",
        "output_schema",
        "state_schema",
    }
    state = (await introspection.schemas("opaque"))["state_schema"]["properties"]
    assert state["w"] == {"default": None, "title": "W"}


async def test_subgraphs_always_have_what_the_contract_requires(make_project: MakeProject) -> None:
    source = """
from typing_extensions import TypedDict
from langgraph.graph import START, StateGraph
class Opaque: ...
class State(TypedDict):
    w: Opaque
child = StateGraph(State).add_node("n", lambda state: {}).add_edge(START, "n").compile()
graph = StateGraph(State).add_node("child", child).add_edge(START, "child").compile()
"""
    graphs = load_graphs(make_project({"a.py": source}, {"a": "./a.py:graph"}))
    told = await Introspection(graphs, STORE).subgraphs("a")
    assert told["child"]["input_schema"] == told["child"]["output_schema"] == {}
    assert told["child"]["state_schema"]["title"] == "LangGraphState"


async def test_a_factory_is_asked_each_time_and_a_static_graph_once(make_project: MakeProject) -> None:
    source = """
from typing_extensions import TypedDict
from langgraph.graph import START, StateGraph
def make(config):
    field = config["configurable"].get("field", "a")
    state = TypedDict("State", {field: int})
    return StateGraph(state).add_node(field, lambda state: {}).add_edge(START, field)
static = make({"configurable": {}})
"""
    graphs = load_graphs(make_project({"a.py": source}, {"made": "./a.py:make", "static": "./a.py:static"}))
    introspection = Introspection(graphs, STORE)
    for field in ("x", "y"):
        config: Any = {"configurable": {"field": field}}
        told = await introspection.schemas("made", config=config)
        assert list(told["state_schema"]["properties"]) == [field]
        assert (await introspection.draw("made", config=config))["nodes"][1]["id"] == field
    assert await introspection.schemas("static") is await introspection.schemas("static")
    assert await introspection.draw("static", True) is await introspection.draw("static", True)


async def test_what_clients_make_up_is_not_kept(introspection: Introspection) -> None:
    for number in range(100):
        await introspection.draw("parent", 10 + number)
        assert await introspection.subgraphs("parent", f"made up {number}") == {}
    assert len([key for key in introspection._kept if key[0] == "parent"]) < 20


async def test_unknown_graphs(introspection: Introspection) -> None:
    for told in (introspection.draw("nope"), introspection.schemas("nope"), introspection.subgraphs("nope")):
        with pytest.raises(KeyError):
            await told


async def test_schemas_are_made_off_the_event_loop(graphs: Graphs, monkeypatch: pytest.MonkeyPatch) -> None:
    """They take a tenth of a second for a graph of messages."""
    threads = []

    def noted(graph: Any) -> Any:
        threads.append(threading.current_thread())
        return {}

    monkeypatch.setattr(introspect, "schemas", noted)
    introspection = Introspection(graphs, STORE)
    await introspection.schemas("messages")
    await introspection.subgraphs("parent")
    assert len(threads) == 3
    assert threading.main_thread() not in threads
