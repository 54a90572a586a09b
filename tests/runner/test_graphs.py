"""Loading the graphs of a project, and opening them."""

from __future__ import annotations

import asyncio
import gc
import logging
import pickle
import subprocess
import sys
import time
from typing import Any, get_args

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.store.memory import InMemoryStore
from langgraph_sdk.runtime import _ExecutionRuntime, _ReadRuntime

from allograph.access.users import User
from allograph.config import Config
from allograph.runner.graphs import AccessContext, GraphFactoryError, GraphLoadError, Graphs, load_graphs
from tests.runner.conftest import MakeProject

STORE = InMemoryStore()

GRAPH = """
from typing_extensions import TypedDict
from langgraph.graph import END, START, StateGraph

class State(TypedDict, total=False):
    text: str

def node(state: State) -> State:
    return {"text": "done"}

builder = StateGraph(State).add_node(node).add_edge(START, "node").add_edge("node", END)
graph = builder.compile()
"""

FACTORY = (
    GRAPH
    + """
import asyncio, contextlib, functools, threading
from typing import Any
from langchain_core.runnables import RunnableConfig
from langgraph_sdk.runtime import ServerRuntime

calls = []

def called(**given):
    calls.append({**given, "thread": threading.current_thread().name})
    return builder
"""
)


async def run(graphs: Graphs, graph_id: str = "a", **given: Any) -> Any:
    given = {"access_context": "threads.create_run", "store": STORE, **given}
    async with graphs.open(graph_id, **given) as graph:
        return await graph.ainvoke({"text": "start"}, {"configurable": {"thread_id": "1"}})


def refusal(config: Config) -> str:
    with pytest.raises(GraphLoadError) as refused:
        load_graphs(config)
    return str(refused.value).replace(str(config.directory), "PROJECT").replace(str(config.directory.resolve()), "PROJECT")


# ---- kinds of graphs


@pytest.mark.parametrize(
    ("definition", "static"),
    [
        ("chosen = graph", True),
        ("chosen = builder", True),
        ("def chosen(): return called()", False),
        ("def chosen(config: RunnableConfig): return called().compile()", False),
        ("async def chosen(config: RunnableConfig): return called()", False),
        ("@contextlib.asynccontextmanager\nasync def chosen(): yield called()", False),
        ("@contextlib.asynccontextmanager\nasync def chosen(config: RunnableConfig): yield called().compile()", False),
        ("@contextlib.contextmanager\ndef chosen(config: RunnableConfig): yield called()", False),
        ("chosen = lambda config: called()", False),
        ("chosen = functools.partial(lambda extra, config: called(config=config), 1)", False),
        ("class Maker:\n    def __call__(self, config: RunnableConfig): return called()\nchosen = Maker()", False),
        (
            "class Maker:\n    async def __call__(self, runtime: ServerRuntime): return called()\nchosen = Maker()",
            False,
        ),
        ("async def make(): return called()\ndef chosen(): return make()", False),
    ],
)
async def test_whatever_makes_a_graph(make_project: MakeProject, definition: str, static: bool) -> None:
    graphs = load_graphs(make_project({"a.py": f"{FACTORY}\n{definition}\n"}, {"a": "./a.py:chosen"}))
    assert graphs.is_static("a") is static
    assert await run(graphs) == {"text": "done"}
    async with graphs.open("a", access_context="assistants.read", store=STORE) as graph:
        assert set(graph.nodes) == {"__start__", "node"}


async def test_an_entrypoint(make_project: MakeProject) -> None:
    source = "from langgraph.func import entrypoint\n@entrypoint()\nasync def double(x: int) -> int:\n    return 2 * x\n"
    graphs = load_graphs(make_project({"a.py": source}, {"a": "./a.py:double"}))
    async with graphs.open("a", access_context="threads.create_run", store=STORE, checkpointer=InMemorySaver()) as graph:
        assert await graph.ainvoke(3, {"configurable": {"thread_id": "1"}}) == 6


def test_ids_and_descriptions(make_project: MakeProject) -> None:
    config = make_project({"a.py": GRAPH}, {"b": {"path": "a.py:graph", "description": "Says done"}, "a": "a:builder"})
    graphs = load_graphs(config)
    assert graphs.ids == ("b", "a")
    assert graphs.descriptions == {"b": "Says done", "a": None}
    assert "a" in graphs
    assert "c" not in graphs
    with pytest.raises(KeyError):
        graphs.open("c", access_context="threads.read", store=STORE)


# ---- what a factory is given


@pytest.mark.parametrize(
    ("signature", "given"),
    [
        ("config: RunnableConfig", {"config"}),
        ("config: 'RunnableConfig'", {"config"}),
        ("config", {"config"}),
        ("anything", {"anything"}),
        ("given: dict", {"given"}),
        ("given: dict[str, Any] = {}", {"given"}),
        ("config: RunnableConfig | None = None", {"config"}),
        ("*, config: RunnableConfig", {"config"}),
        ("config: RunnableConfig, /", {"config"}),
        ("config: RunnableConfig, other: int = 3", {"config"}),
        ("runtime: ServerRuntime", {"runtime"}),
        ("rt: ServerRuntime[dict]", {"rt"}),
        ("rt: 'ServerRuntime[OnlyForTypeCheckers]'", {"rt"}),
        ("runtime", {"runtime"}),
        ("config: RunnableConfig, runtime: ServerRuntime", {"config", "runtime"}),
        ("runtime: ServerRuntime, config: RunnableConfig", {"config", "runtime"}),
        ("rt: ServerRuntime, /, config: dict", {"rt", "config"}),
        ("model: str = 'm'", set()),
        ("*args, **kwargs", set()),
    ],
)
async def test_the_parameters_of_a_factory(make_project: MakeProject, signature: str, given: set[str]) -> None:
    source = f"{FACTORY}\ndef make({signature}): return called(**locals())\n"
    graphs = load_graphs(make_project({"a.py": source}, {"a": "./a.py:make"}))
    await run(graphs, config={"configurable": {"model": "x"}, "metadata": {"m": 1}}, context={"c": 1})
    call = sys.modules["a"].calls[-1]
    for name in given:
        if isinstance(call[name], _ExecutionRuntime):
            assert call[name].context == {"c": 1}
            assert call[name].store is STORE
        else:
            assert call[name]["configurable"] == {"model": "x", "__is_for_execution__": True}
            assert (call[name]["metadata"], call[name]["tags"], call[name]["callbacks"]) == ({"m": 1}, [], None)
    assert not [name for name in call if name not in given and isinstance(call[name], dict) and "configurable" in call[name]]


@pytest.mark.parametrize("access_context", get_args(AccessContext))
async def test_a_factory_knows_what_for(make_project: MakeProject, access_context: AccessContext) -> None:
    source = f"{FACTORY}\ndef make(config: RunnableConfig, runtime: ServerRuntime): return called(**locals())\n"
    graphs = load_graphs(make_project({"a.py": source}, {"a": "./a.py:make"}))
    user = User.of("alice")
    async with graphs.open("a", access_context=access_context, store=STORE, user=user):
        pass
    call = sys.modules["a"].calls[-1]
    runs = access_context == "threads.create_run"
    assert call["runtime"].access_context == access_context
    assert call["runtime"].user is user
    assert isinstance(call["runtime"], _ExecutionRuntime if runs else _ReadRuntime)
    assert (call["runtime"].execution_runtime is not None) is runs
    assert call["config"]["configurable"]["__is_for_execution__"] is runs


@pytest.mark.parametrize("signature", ["config: RunnableConfig, other: int", "a, b", "one: RunnableConfig, two: RunnableConfig"])
def test_a_factory_that_asks_for_more_is_refused(make_project: MakeProject, signature: str) -> None:
    config = make_project({"a.py": f"{FACTORY}\ndef make({signature}): ...\n"}, {"a": "./a.py:make"})
    said = refusal(config)
    assert said.startswith("Graph 'a' (./a.py:make): 'make' takes (")
    assert said.endswith("and a factory may ask for `config: RunnableConfig` and `runtime: ServerRuntime` only.")


async def test_the_config_given_is_not_changed(make_project: MakeProject) -> None:
    source = f"{FACTORY}\ndef make(config):\n    config['configurable']['x'] = 1\n    return builder\n"
    graphs = load_graphs(make_project({"a.py": source}, {"a": "./a.py:make"}))
    config: Any = {"configurable": {"model": "x"}}
    await run(graphs, config=config)
    assert config == {"configurable": {"model": "x"}}


# ---- how a factory is run


async def test_a_slow_sync_factory_does_not_hold_up_the_loop(make_project: MakeProject) -> None:
    source = f"{FACTORY}\nimport time\ndef make():\n    time.sleep(0.3)\n    return called()\n"
    graphs = load_graphs(make_project({"a.py": source}, {"a": "./a.py:make"}))
    task = asyncio.create_task(run(graphs))
    longest, last = 0.0, time.perf_counter()
    while not task.done():
        await asyncio.sleep(0.005)
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
    assert await task == {"text": "done"}
    assert longest < 0.2


async def test_a_sync_factory_is_never_called_twice_at_once(make_project: MakeProject) -> None:
    source = f"""{FACTORY}
import time
inside, most = 0, 0
def make():
    global inside, most
    inside += 1
    most = max(most, inside)
    time.sleep(0.01)
    inside -= 1
    return builder
"""
    graphs = load_graphs(make_project({"a.py": source}, {"a": "./a.py:make"}))
    await asyncio.gather(*(run(graphs) for _ in range(8)))
    assert sys.modules["a"].most == 1


async def test_a_sync_factory_that_needs_the_loop_gets_it(make_project: MakeProject) -> None:
    source = f"""{FACTORY}
def make():
    calls.append(threading.current_thread() is threading.main_thread())
    asyncio.get_running_loop()
    return builder
"""
    graphs = load_graphs(make_project({"a.py": source}, {"a": "./a.py:make"}))
    assert await run(graphs) == await run(graphs) == {"text": "done"}
    assert sys.modules["a"].calls == [False, True, True]  # tried once in a thread


async def test_a_sync_factory_may_run_a_loop_of_its_own(make_project: MakeProject) -> None:
    source = f"""{FACTORY}
async def fetch(): return builder
def make(): return asyncio.run(fetch())
"""
    graphs = load_graphs(make_project({"a.py": source}, {"a": "./a.py:make"}))
    assert await run(graphs) == {"text": "done"}


@pytest.mark.parametrize("kind", ["async", ""])
async def test_context_managers_are_left_and_see_what_went_wrong(make_project: MakeProject, kind: str) -> None:
    source = f"""{FACTORY}
@contextlib.{kind}contextmanager
{"async " if kind else ""}def make():
    calls.append("in")
    try:
        yield builder
    except ValueError as error:
        calls.append(str(error))
        raise
    finally:
        calls.append("out")
"""
    graphs = load_graphs(make_project({"a.py": source}, {"a": "./a.py:make"}))
    await run(graphs)
    with pytest.raises(ValueError, match="mine"):
        async with graphs.open("a", access_context="threads.create_run", store=STORE):
            raise ValueError("mine")
    assert sys.modules["a"].calls == ["in", "out", "in", "mine", "out"]


async def test_a_factory_that_fails_or_returns_something_else(make_project: MakeProject) -> None:
    source = f"""{FACTORY}
def fails(): raise LookupError('no key')
def gives_none(): return None
def gives_text(): return 'x'
"""
    graphs = load_graphs(make_project({"a.py": source}, {name: f"./a.py:{name}" for name in ("fails", "gives_none", "gives_text")}))
    with pytest.raises(LookupError, match="no key"):
        await run(graphs, "fails")
    with pytest.raises(GraphFactoryError, match="The factory of graph 'gives_none' returned None, not a graph"):
        await run(graphs, "gives_none")
    with pytest.raises(GraphFactoryError, match="returned something of type str, not a graph"):
        await run(graphs, "gives_text")


# ---- the server's checkpointer and store


@pytest.mark.parametrize("source", ["graph", "builder", "own", "none", "inherited", "factory"])
async def test_state_is_kept_with_the_server(make_project: MakeProject, source: str) -> None:
    definitions = f"""{FACTORY}
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.store.memory import InMemoryStore
own = builder.compile(checkpointer=InMemorySaver(), store=InMemoryStore())
none = builder.compile(checkpointer=False)
inherited = builder.compile(checkpointer=True)
def factory(): return own
"""
    graphs = load_graphs(make_project({"a.py": definitions}, {"a": f"./a.py:{source}"}))
    saver = InMemorySaver()
    await run(graphs, checkpointer=saver)
    assert len(list(saver.list({"configurable": {"thread_id": "1"}}))) == 3
    async with graphs.open("a", access_context="threads.read", store=STORE, checkpointer=saver) as graph:
        assert (graph.checkpointer, graph.store) == (saver, STORE)
        assert (await graph.aget_state({"configurable": {"thread_id": "1"}})).values == {"text": "done"}
    module = sys.modules["a"]
    assert module.graph.checkpointer is None
    assert module.graph.store is None
    assert module.own.checkpointer is not saver


@pytest.mark.parametrize("source", ["own", "make"])
async def test_an_own_checkpointer_is_mentioned_once(
    make_project: MakeProject, caplog: pytest.LogCaptureFixture, source: str
) -> None:
    definitions = f"""{FACTORY}
from langgraph.checkpoint.memory import InMemorySaver
own = builder.compile(checkpointer=InMemorySaver())
def make(): return own
"""
    with caplog.at_level(logging.WARNING):
        graphs = load_graphs(make_project({"a.py": definitions}, {"a": f"./a.py:{source}"}))
        await run(graphs, checkpointer=InMemorySaver())
        await run(graphs, checkpointer=InMemorySaver())
    assert [record.getMessage() for record in caplog.records] == [
        "graph 'a' brings its own checkpointer, which is ignored: the server keeps its state in Postgres"
    ]


async def test_a_graph_without_a_name_goes_by_its_id(make_project: MakeProject) -> None:
    source = f"{GRAPH}\nnamed = builder.compile(name='Named')\n"
    graphs = load_graphs(make_project({"a.py": source}, {"one": "a.py:graph", "two": "a.py:graph", "three": "a.py:named"}))
    names = []
    for graph_id in graphs.ids:
        async with graphs.open(graph_id, access_context="threads.read", store=STORE) as graph:
            names.append(graph.name)
    assert names == ["one", "two", "Named"]


async def test_opening_a_static_graph_costs_microseconds(make_project: MakeProject) -> None:
    graphs = load_graphs(make_project({"a.py": GRAPH}, {"a": "./a.py:graph"}))
    saver = InMemorySaver()
    gc.collect()
    best = float("inf")
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(1000):
            async with graphs.open("a", access_context="threads.create_run", store=STORE, checkpointer=saver):
                pass
        best = min(best, (time.perf_counter() - began) / 1000)
    assert best < 20e-6  # measured: 1.2 µs


# ---- imports


PACKAGES = {
    "agent/__init__.py": "",
    "agent/tools.py": "NAME = 'agent'\nclass Tool: ...\n",
    "agent/graph.py": f"""{GRAPH}
import agent.tools, generated, handlers, tools
from . import tools as relative
from .tools import Tool
assert relative is agent.tools and Tool is agent.tools.Tool
found = (agent.tools.NAME, handlers.NAME, generated.NAME, tools.NAME)
""",
    "handlers/__init__.py": "NAME = 'handlers'\n",
    "generated/__init__.py": "NAME = 'generated'\n",
    "tools.py": "NAME = 'tools'\n",
}


def test_a_project_with_packages_named_like_ours(make_project: MakeProject) -> None:
    """In a process of its own; here and now this repository's root, with its own `agent`, may be first on the path."""
    config = make_project(PACKAGES, {"a": "./agent/graph.py:graph"})
    code = f"""
import sys
from pathlib import Path
from allograph.config import load_config
from allograph.project import activate
from allograph.runner.graphs import load_graphs
config = load_config(Path({str(config.path)!r}))
activate(config)
load_graphs(config)
print(sys.modules["agent.graph"].found)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd="/", check=False)
    assert done.stdout.strip() == "('agent', 'handlers', 'generated', 'tools')", done.stderr


@pytest.mark.parametrize(
    ("folder", "dependencies", "name"),
    [
        ("my_agent", (".",), "my_agent.graph"),
        ("my_agent", ("./my_agent",), "my_agent.graph"),
        ("src/my_agent", (".",), "my_agent.graph"),  # with pyproject.toml
        ("deep/er/my_agent", (".",), "deep.er.my_agent.graph"),
        ("not-a-name/my_agent", (".",), "my_agent.graph"),  # nothing on the path leads there
    ],
)
def test_relative_imports_and_one_identity(
    make_project: MakeProject, folder: str, dependencies: tuple[str, ...], name: str
) -> None:
    files = {
        f"{folder}/__init__.py": "",
        f"{folder}/state.py": "class Marker: ...\n",
        f"{folder}/graph.py": f"""{GRAPH}
from .state import Marker
from {name.removesuffix(".graph")}.state import Marker as absolute
assert absolute is Marker
""",
        "pyproject.toml": "",
    }
    load_graphs(make_project(files, {"a": f"./{folder}/graph.py:graph"}, dependencies))
    assert name in sys.modules


def test_a_package_that_is_the_project(make_project: MakeProject) -> None:
    """langgraph.json inside the package: siblings import each other in either way."""
    files = {
        "__init__.py": "",
        "tools.py": "X = 1\n",
        "graph.py": f"{GRAPH}\nfrom tools import X\nfrom .tools import X\n",
    }
    load_graphs(make_project(files, {"a": "./graph.py:graph"}))


def test_a_package_whose_init_imports_the_graph(make_project: MakeProject) -> None:
    files = {"pkg/__init__.py": "from pkg.graph import graph\n", "pkg/graph.py": GRAPH}
    graphs = load_graphs(make_project(files, {"a": "./pkg/graph.py:graph", "b": "pkg:graph"}))
    assert graphs.ids == ("a", "b")


@pytest.mark.parametrize("name", ["json", "types", "pytest", "code/graph", "test/graph", "my-agent", "with space/graph"])
def test_names_that_are_taken_or_are_no_names(make_project: MakeProject, name: str) -> None:
    before = sys.modules.get(name)
    source = f"{GRAPH}\nimport pickle\nclass Thing: ...\npickle.loads(pickle.dumps(Thing()))\n"
    load_graphs(make_project({f"{name}.py": source}, {"a": f"./{name}.py:graph"}))
    assert sys.modules.get(name) is before


def test_a_file_is_executed_once(make_project: MakeProject) -> None:
    for folder, names in (("plain", "a.py"), ("no-name", "b.py")):
        source = f"import builtins\nbuiltins.times = getattr(builtins, 'times', 0) + 1\n{GRAPH}"
        file = f"./{folder}/{names}"
        config = make_project({file: source}, {"a": f"{file}:graph", "b": f"{file}:builder"})
        import builtins

        try:
            load_graphs(config)
            assert builtins.times == 1  # type: ignore[attr-defined]
        finally:
            del builtins.times  # type: ignore[attr-defined]


def test_the_name_of_a_module_loaded_by_path_does_not_tell_where_the_project_is(make_project: MakeProject) -> None:
    load_graphs(make_project({"my-agent/the-graph.py": GRAPH}, {"a": "./my-agent/the-graph.py:graph"}))
    assert "_served_my_agent_the_graph" in sys.modules
    state = sys.modules["_served_my_agent_the_graph"].State
    assert pickle.loads(pickle.dumps(state)) is state


def test_two_projects_with_a_module_of_the_same_name(make_project: MakeProject) -> None:
    first = load_graphs(make_project({"graph.py": GRAPH + "which = 1\n"}, {"a": "./graph.py:graph"}))
    config = make_project({"other/graph.py": GRAPH + "which = 2\n"}, {"a": "./other/graph.py:graph"}, ("./other",))
    second = load_graphs(config)
    assert first.ids == second.ids
    assert sys.modules["graph"].which + sys.modules["other.graph"].which == 3


# ---- what cannot be loaded

EXPECTED = "expected a compiled graph, a StateGraph, an @entrypoint or a function that makes one."


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (
            "x = 1\nimport no_such_module\n",
            "Graph 'a' (./a.py:graph) cannot be imported: PROJECT/a.py, line 2: ModuleNotFoundError: No module named "
            "'no_such_module' (at `import no_such_module`). Install it into PREFIX, or add the folder that holds it to "
            "`dependencies`.",
        ),
        (
            "def broken(:\n",
            "Graph 'a' (./a.py:graph) cannot be imported: PROJECT/a.py, line 1: SyntaxError: invalid syntax.",
        ),
        (
            "\n\nraise RuntimeError('OPENAI_API_KEY is not set')\n",
            "Graph 'a' (./a.py:graph) cannot be imported: PROJECT/a.py, line 3: RuntimeError: OPENAI_API_KEY is not "
            "set (at `raise RuntimeError('OPENAI_API_KEY is not set')`).",
        ),
        (
            "import json\njson.loads('{')\n",
            "Graph 'a' (./a.py:graph) cannot be imported: PROJECT/a.py, line 2: JSONDecodeError: Expecting property "
            "name enclosed in double quotes: line 1 column 2 (char 1) (at `json.loads('{')`).",
        ),
        (
            "import sys\nsys.exit(3)\n",
            "Graph 'a' (./a.py:graph) cannot be imported: PROJECT/a.py, line 2: SystemExit: 3 (at `sys.exit(3)`).",
        ),
        (
            "open('/no/such/file')\n",
            "Graph 'a' (./a.py:graph) cannot be imported: PROJECT/a.py, line 1: FileNotFoundError: [Errno 2] No such "
            "file or directory: '/no/such/file' (at `open('/no/such/file')`).",
        ),
        (
            GRAPH.replace("graph = ", "grap = ") + "def make(): ...\nfrom os import path, getcwd\n",
            "Graph 'a' (./a.py:graph): PROJECT/a.py has no 'graph'; it has builder, grap, node, make.",
        ),
        ("", "Graph 'a' (./a.py:graph): PROJECT/a.py has no 'graph'; it defines no graph and no function."),
        (
            "graph = 3\n",
            "Graph 'a' (./a.py:graph): 'graph' is something of type int, not a graph: " + EXPECTED,
        ),
        (
            "from langgraph.pregel.remote import RemoteGraph\ngraph = RemoteGraph('x', url='http://127.0.0.1:1')\n",
            "Graph 'a' (./a.py:graph): 'graph' is something of type langgraph.pregel.remote.RemoteGraph, not a graph: " + EXPECTED,
        ),
        (
            GRAPH + "graph = graph.with_retry()\n",
            "Graph 'a' (./a.py:graph): 'graph' is something of type langchain_core.runnables.retry.RunnableRetry, not "
            "a graph: " + EXPECTED,
        ),
        (
            GRAPH + "graph = StateGraph(State).add_node(node)\n",
            "Graph 'a' (./a.py:graph) does not compile: ValueError: Graph must have an entrypoint: add at least one "
            "edge from START to another node.",
        ),
        (
            "async def graph(): yield\n",
            "Graph 'a' (./a.py:graph): 'graph' is a generator; make it a factory with `@contextlib.asynccontextmanager`.",
        ),
    ],
)
def test_what_cannot_be_loaded_is_said_with_file_and_line(make_project: MakeProject, source: str, sentence: str) -> None:
    config = make_project({"a.py": source}, {"a": "./a.py:graph"})
    assert refusal(config).replace(sys.prefix, "PREFIX") == sentence


def test_the_line_is_the_projects_own(make_project: MakeProject) -> None:
    files = {
        "a.py": "from deep import inner\n",
        "deep/__init__.py": "",
        "deep/inner.py": "\nimport collections\ncollections.nope()\n",
    }
    said = refusal(make_project(files, {"a": "./a.py:graph"}))
    assert "PROJECT/deep/inner.py, line 3: AttributeError" in said


def test_files_and_modules_that_are_not_there(make_project: MakeProject) -> None:
    config = make_project({}, {"a": "./gone.py:graph"})
    assert refusal(config) == "Graph 'a' (./gone.py:graph) in PROJECT/langgraph.json: there is no file PROJECT/gone.py."
    said = refusal(make_project({}, {"a": "gone.away:graph"}))
    assert "Graph 'a' (gone.away:graph) cannot be imported: ModuleNotFoundError: No module named 'gone'" in said


def test_a_file_that_failed_is_tried_again(make_project: MakeProject) -> None:
    config = make_project({"no-name.py": "raise ValueError\n"}, {"a": "./no-name.py:graph"})
    refusal(config)
    (config.directory / "no-name.py").write_text(GRAPH)
    load_graphs(config)
