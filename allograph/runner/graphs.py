"""The graphs that are served: loaded once at start-up, opened for each use.

A graph of langgraph.json may be a compiled graph or an `@entrypoint`, an uncompiled `StateGraph`, or a factory: a
function, sync or async, that is given the run's `config: RunnableConfig` or a `runtime: ServerRuntime` or both or
nothing, and that returns one of these or a context manager, sync or async, that yields one. As in the reference a
factory is called for every use of its graph, also for reading state and drawing, and `runtime.access_context` tells
which.

Sync factories run in a thread, one for each, since building a model client takes tens of milliseconds that would hold
up every stream of the process. One that needs the event loop says so by failing without it, and is from then on called
on the loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
import inspect
import linecache
import logging
import re
import sys
import sysconfig
import traceback
import typing
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, TypeAlias, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import StateGraph
from langgraph.pregel import Pregel
from langgraph.pregel.remote import RemoteGraph
from langgraph.store.base import BaseStore
from langgraph_sdk.auth.types import BaseUser
from langgraph_sdk.runtime import (
    AccessContext,
    ServerRuntime,
    _ExecutionRuntime,
    _ReadRuntime,
)

from allograph.access.users import OF_THE_SERVER
from allograph.config import Config, GraphDef
from allograph.errors import StartupError
from allograph.runner.modules import NoSuchFileError, import_place

log = logging.getLogger("allograph.graphs")

Graph: TypeAlias = Pregel[Any, Any, Any, Any]
Saver: TypeAlias = BaseCheckpointSaver[Any]

__all__ = ["AccessContext", "Graph", "GraphFactoryError", "GraphLoadError", "Graphs", "load_graphs"]


_UNNAMED = "LangGraph"
"""What LangGraph calls a graph that was compiled without a name."""


class GraphLoadError(StartupError):
    """A graph of langgraph.json cannot be served; the message names graph, file, line and reason."""


class GraphFactoryError(Exception):
    """A graph's factory returned something that is not a graph."""


class Graphs:
    """The served graphs by id, in the order of langgraph.json."""

    def __init__(self, served: Mapping[str, _Static | _Factory]) -> None:
        self._served = dict(served)

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(self._served)

    @property
    def descriptions(self) -> dict[str, str | None]:
        """Graph id → the description that langgraph.json gives."""
        return {graph_id: served.description for graph_id, served in self._served.items()}

    def __contains__(self, graph_id: object) -> bool:
        return isinstance(graph_id, str) and graph_id in self._served

    def is_static(self, graph_id: str) -> bool:
        """Whether the graph is the same for every run, so that what is derived from it may be kept."""
        return isinstance(self._served[graph_id], _Static)

    def open(
        self,
        graph_id: str,
        *,
        access_context: AccessContext,
        store: BaseStore,
        checkpointer: Saver | None = None,
        config: RunnableConfig | None = None,
        context: Any = None,
        user: BaseUser | None = None,
    ) -> AbstractAsyncContextManager[Graph]:
        """The graph, ready to run or to be asked, with `checkpointer` and `store` in place of its own.

        `config`, `context` (in `threads.create_run` only) and `user` are for factories. Raises `KeyError` for an
        unknown graph; entering raises what the factory raises, or `GraphFactoryError`.
        """
        served = self._served[graph_id]
        if isinstance(served, _Static):
            return _Ready(_prepared(graph_id, served.graph, checkpointer, store))
        config = _factory_config(config, access_context, user)
        runtime: ServerRuntime[Any]
        if access_context == "threads.create_run":
            runtime = _ExecutionRuntime(
                access_context=access_context, user=user, store=store, context={} if context is None else context
            )
        else:
            runtime = _ReadRuntime(access_context=access_context, user=user, store=store)
        return served.open(config, runtime, checkpointer)


def load_graphs(config: Config) -> Graphs:
    """Import every graph of `config`, whose project `activate` has made importable.

    Raises `GraphLoadError` for the first graph that cannot be served.
    """
    return Graphs({graph_id: _load(graph_id, definition, config) for graph_id, definition in config.graphs.items()})


@dataclass(frozen=True, slots=True)
class _Static:
    graph: Graph
    description: str | None


class _Ready:
    """An open static graph: nothing to set up, nothing to tear down."""

    __slots__ = ("graph",)

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    async def __aenter__(self) -> Graph:
        return self.graph

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        return None


def _prepared(graph_id: str, graph: Graph, checkpointer: Saver | None, store: BaseStore) -> Graph:
    """A shallow copy of `graph` that keeps its state with us, and goes by `graph_id` unless it was named.

    `Pregel.copy` validates the whole graph again, which takes ten times as long. Subgraphs are given the root's
    checkpointer and store by LangGraph when they run.
    """
    copy: Graph = object.__new__(type(graph))
    copy.__dict__.update(graph.__dict__)
    copy.checkpointer = checkpointer
    copy.store = store
    if copy.name == _UNNAMED:
        copy.name = graph_id
    return copy


# ---- factories


@dataclass(slots=True)
class _Factory:
    graph_id: str
    function: Callable[..., Any]
    arguments: Mapping[str, str]
    """Parameter → `config` or `runtime`; a digit is the place of a positional-only one."""
    description: str | None
    on_loop: bool
    warned: bool = False
    thread: ThreadPoolExecutor | None = None

    @contextlib.asynccontextmanager
    async def open(self, config: RunnableConfig, runtime: ServerRuntime[Any], checkpointer: Saver | None) -> AsyncIterator[Graph]:
        given = {"config": config, "runtime": runtime}
        positional = [given[kind] for name, kind in self.arguments.items() if name.isdigit()]
        named = {name: given[kind] for name, kind in self.arguments.items() if not name.isdigit()}
        async with contextlib.AsyncExitStack() as stack:
            made = await self._call(functools.partial(self.function, *positional, **named))
            if inspect.isawaitable(made):
                made = await made
            if isinstance(made, AbstractAsyncContextManager):
                made = await stack.enter_async_context(made)
            elif isinstance(made, AbstractContextManager):
                manager = made
                made = await self._call(manager.__enter__)

                async def leave(*error: Any) -> bool | None:
                    return cast(bool | None, await self._call(functools.partial(manager.__exit__, *error)))

                stack.push_async_exit(leave)
            graph = _compiled(made)
            if graph is None:
                raise GraphFactoryError(f"The factory of graph {self.graph_id!r} returned {_described(made)}, not a graph.")
            if not self.warned:
                self.warned = True
                _warn_of_own(self.graph_id, graph)
            yield _prepared(self.graph_id, graph, checkpointer, runtime.store)

    async def _call(self, function: Callable[[], Any]) -> Any:
        if not self.on_loop:
            run = contextvars.copy_context().run
            try:
                return await asyncio.get_running_loop().run_in_executor(self._thread(), run, function)
            except RuntimeError as error:
                if not re.search("no (running|current) event loop", str(error)):
                    raise
                self.on_loop = True
        return function()

    def _thread(self) -> ThreadPoolExecutor:
        # One, since the reference never calls a factory twice at once; and not the loop's, where sync nodes of running
        # graphs may take every place for minutes.
        if self.thread is None:
            self.thread = ThreadPoolExecutor(1, thread_name_prefix=f"factory-{self.graph_id}")
        return self.thread


def _factory_config(config: RunnableConfig | None, access_context: AccessContext, user: BaseUser | None) -> RunnableConfig:
    """`config` as the reference gives it to factories: every usual key is there, and a flag that some look at.

    Who asks, a run says of itself; what an assistant says of it counts for nothing.
    """
    copy: dict[str, Any] = {"tags": [], "metadata": {}, "callbacks": None, **(config or {})}
    executes = access_context == "threads.create_run"
    configurable = copy.get("configurable", {})
    if not executes:
        configurable = {key: value for key, value in configurable.items() if not key.startswith(OF_THE_SERVER)}
        if user is not None:
            configurable |= {
                "langgraph_auth_user": user, "langgraph_auth_user_id": user.identity,
                "langgraph_auth_permissions": user.permissions, "user_id": user.identity,
            }  # fmt: skip
    copy["configurable"] = {**configurable, "__is_for_execution__": executes}
    return cast(RunnableConfig, copy)


def _arguments(function: Callable[..., Any]) -> Mapping[str, str]:
    """What each parameter of a factory is given.

    Raises `TypeError` when one that has no default is neither config nor runtime.
    """
    try:
        signature = inspect.signature(function)
    except ValueError:  # a builtin that does not tell
        return {}
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    parameters = {name: each for name, each in signature.parameters.items() if each.kind not in variable}
    hints = _hints(function)
    kinds: dict[str, str] = {}
    unknown: list[str] = []
    for name, parameter in parameters.items():
        hint = hints.get(name, parameter.annotation)
        text = hint if isinstance(hint, str) else str(hint)
        plain = hint is parameter.empty or re.match(r"(typing\.)?(Any|<class 'dict'>|dict|Dict|Mapping)\b", text)
        if re.search(r"\b(ServerRuntime|_ExecutionRuntime|_ReadRuntime)\b", text):
            kinds[name] = "runtime"
        elif re.search(r"\bRunnableConfig\b", text) or name == "config":
            kinds[name] = "config"
        elif name == "runtime" and hint is parameter.empty:
            kinds[name] = "runtime"
        elif len(parameters) == 1 and (plain or parameter.default is parameter.empty):
            kinds[name] = "config"  # `def make(x)`: the reference passes the config, too
        elif parameter.default is parameter.empty:
            unknown.append(name)
    if unknown or len(set(kinds.values())) != len(kinds):
        raise TypeError(f"takes {signature}, and a factory may ask for `config: RunnableConfig` and `runtime: ServerRuntime` only")
    positional = [name for name, each in parameters.items() if each.kind is each.POSITIONAL_ONLY]
    return {str(positional.index(name)) if name in positional else name: kind for name, kind in kinds.items()}


def _hints(function: Callable[..., Any]) -> Mapping[str, Any]:
    target: Any = function
    while isinstance(target, functools.partial):
        target = target.func
    if not inspect.isroutine(target):
        target = type(target).__call__ if not inspect.isclass(target) else target.__init__
    try:
        return typing.get_type_hints(inspect.unwrap(target))
    except Exception:  # noqa: BLE001 - names that exist for type checkers only: the text of the annotation will do
        return {}


# ---- loading


def _load(graph_id: str, definition: GraphDef, config: Config) -> _Static | _Factory:
    place = f"Graph {graph_id!r} ({definition.path})"
    value = _variable(place, definition, config)
    try:
        graph = _compiled(value)
    except Exception as error:
        raise GraphLoadError(f"{place} does not compile: {_reason(error, config)}") from error
    if graph is not None:
        _warn_of_own(graph_id, graph)
        return _Static(graph, definition.description)
    if isinstance(value, RemoteGraph) or not callable(value):
        raise GraphLoadError(
            f"{place}: {definition.variable!r} is {_described(value)}, not a graph: expected a compiled graph, "
            "a StateGraph, an @entrypoint or a function that makes one."
        )
    if inspect.isgeneratorfunction(value) or inspect.isasyncgenfunction(value):
        raise GraphLoadError(
            f"{place}: {definition.variable!r} is a generator; make it a factory with `@contextlib."
            f"{'async' if inspect.isasyncgenfunction(value) else ''}contextmanager`."
        )
    try:
        arguments = _arguments(value)
    except TypeError as error:
        raise GraphLoadError(f"{place}: {definition.variable!r} {error}.") from None
    is_async = inspect.iscoroutinefunction(value) or inspect.isasyncgenfunction(inspect.unwrap(value))
    return _Factory(graph_id, value, arguments, definition.description, on_loop=is_async)


def _variable(place: str, definition: GraphDef, config: Config) -> Any:
    """The object that langgraph.json names."""
    try:
        module = import_place(definition.place, config.directory)
    except NoSuchFileError as error:
        raise GraphLoadError(f"{place} in {config.path}: {error}.") from None
    except (Exception, SystemExit) as error:
        raise GraphLoadError(f"{place} cannot be imported: {_reason(error, config)}") from error
    try:
        return getattr(module, definition.variable)
    except AttributeError:
        names = _graph_names(module)
        raise GraphLoadError(
            f"{place}: {getattr(module, '__file__', definition.place)} has no {definition.variable!r}; "
            + (f"it has {', '.join(names)}." if names else "it defines no graph and no function.")
        ) from None


def _graph_names(module: ModuleType) -> list[str]:
    """Names in `module` that could be meant: graphs, and functions that are its own."""
    public = {name: value for name, value in vars(module).items() if not name.startswith("_")}
    graphs = [name for name, value in public.items() if isinstance(value, Pregel | StateGraph)]
    functions = [
        name for name, value in public.items() if inspect.isroutine(value) and getattr(value, "__module__", None) == module.__name__
    ]
    return graphs + functions


def _compiled(value: Any) -> Graph | None:
    if isinstance(value, Pregel):
        return value
    if isinstance(value, StateGraph):
        return value.compile()
    return None


def _warn_of_own(graph_id: str, graph: Graph) -> None:
    own = [
        name for name, value in (("checkpointer", graph.checkpointer), ("store", graph.store)) if not isinstance(value, bool | None)
    ]
    if own:
        log.warning(
            "graph %r brings its own %s, which is ignored: the server keeps its state in Postgres",
            graph_id, " and ".join(own),
        )  # fmt: skip


def _described(value: Any) -> str:
    kind = type(value)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return "None" if value is None else f"something of type {name}"


def _reason(error: BaseException, config: Config) -> str:
    """File, line, type and text of `error`, without the traceback."""
    text = str(error) or "no message"
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}, line {error.lineno}: {type(error).__name__}: {error.msg}."
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.endswith(".py")]
    own = [frame for frame in frames if _is_of_project(Path(frame.filename), config)]
    if not own:
        return f"{type(error).__name__}: {text}."
    line = linecache.getline(own[-1].filename, own[-1].lineno or 0).strip()
    hint = ""
    if isinstance(error, ModuleNotFoundError) and error.name:
        hint = f" Install it into {sys.prefix}, or add the folder that holds it to `dependencies`."
    return (
        f"{own[-1].filename}, line {own[-1].lineno}: {type(error).__name__}: {text.rstrip('.')}"
        + (f" (at `{line}`)" if line else "")
        + f".{hint}"
    )


def _is_of_project(file: Path, config: Config) -> bool:
    """Whether a frame is of the project rather than ours or an installed package's."""
    file, project = file.resolve(), config.directory.resolve()
    if file.is_relative_to(Path(__file__).resolve().parents[1]):
        return False
    paths = sysconfig.get_paths()
    installed = any(file.is_relative_to(Path(paths[name]).resolve()) for name in ("stdlib", "purelib", "platlib"))
    return not installed or (file.is_relative_to(project) and "site-packages" not in file.relative_to(project).parts)
