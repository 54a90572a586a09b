"""One execution of a run: from the claimed row through the graph to its outcome."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from langchain_core.runnables import RunnableConfig
from langgraph.store.base import BaseStore
from langgraph.types import Command, Send

from allograph.encoding import dumps
from allograph.runner.events import RunStream
from allograph.runner.graphs import Graph, Graphs
from allograph.runner.messages import MessageGatherer
from allograph.runner.state import checkpoint_of, interrupts_by_task
from allograph.store.checkpoints import Checkpoints
from allograph.store.runs import CancelAction, ClaimedRun, Outcome, RestingStatus, RunStatus
from allograph.store.saver import StorageError, storage

log = logging.getLogger("allograph.run")

# LangGraph's own modes behind the names that clients ask for.
_NATIVE = {"messages": "messages", "messages-tuple": "messages"}
# Always asked of the graph: the last `values` is the run's output, and only `updates` tells of a static interrupt.
_NEEDED = ("values", "updates")

INTERRUPT = "__interrupt__"


@dataclass(frozen=True, slots=True)
class Result:
    """How an execution ended: what is written, and what those who wait for the run are told."""

    outcome: Outcome
    output: bytes
    rolled_back: bool = False
    """The run is deleted instead of ended."""


class Cancelled(Exception):
    """The run was asked to end."""

    def __init__(self, action: CancelAction) -> None:
        super().__init__(action)
        self.action = action

    @property
    def shown(self) -> dict[str, str]:
        name = "UserRollback" if self.action == "rollback" else "UserInterrupt"
        return {
            "error": name,
            "message": f"{self.action} requested via POST /threads/{{thread_id}}/runs/{{run_id}}/cancel",
        }


class RunTimeoutError(Exception):
    """The run took longer than `BG_JOB_TIMEOUT_SECS`."""


def error_shown(error: BaseException) -> dict[str, str]:
    return {"error": type(error).__name__, "message": str(error)}


class Execution:
    """Drives the graph of one claimed run and appends what it streams to the run's log.

    Only `execute` may be called, once. `cancel` asks it to end from outside; it is a request, the end comes when the graph
    has let go.
    """

    def __init__(
        self, run: ClaimedRun, stream: RunStream, *, graphs: Graphs, checkpoints: Checkpoints, store: BaseStore, timeout: float,
        described: Mapping[str, Any],
    ) -> None:  # fmt: skip
        self.run = run
        self.stream = stream
        self.graphs = graphs
        self.checkpoints = checkpoints
        self.store = store
        self.timeout = timeout
        self.described = described
        """What the server says of itself in the metadata of each checkpoint."""
        self.cancel_action: CancelAction | None = run.cancel_action
        self.settling = False
        """The graph has ended; a cancel comes too late."""
        self._last_values: Any = None
        self._interrupted = False

    async def execute(self) -> Result:
        """Run the graph to its end.

        Raises `StorageError` when the database was away, and `asyncio.CancelledError` when the task was cancelled though nobody
        asked the run to be: then it has not ended, and goes on from its last checkpoint another time.
        """
        run = self.run
        config = run_config(run, self.described)
        try:
            async with self.graphs.open(
                config["configurable"]["graph_id"], config=config, checkpointer=self.checkpoints.saver_of_run(), store=self.store,
                access_context="threads.create_run", context=run.kwargs["context"],
            ) as graph:  # fmt: skip
                try:
                    if self.cancel_action:
                        raise Cancelled(self.cancel_action)
                    self.stream.append("metadata", dumps({"run_id": run.run_id, "attempt": run.attempt}))
                    await self._drive(graph, config)
                except Cancelled as cancelled:
                    return await self._after_cancel(graph, config, cancelled)
                except StorageError:
                    raise
                except Exception as error:  # noqa: BLE001 - whatever a user's graph raises ends its run
                    return await self._after_error(graph, config, error)
                return await self._after_success(graph, config)
        except asyncio.CancelledError:
            if not self.cancel_action:
                raise
            _uncancel()
            shown = dumps(Cancelled(self.cancel_action).shown)
            return Result(Outcome("interrupted", "interrupted", error=shown), b"{}")
        except StorageError:
            raise
        except Exception as error:  # noqa: BLE001 - a factory or a context manager of the user's that fails
            shown = self._report(error)
            return Result(Outcome("error", "error", error=shown), b'{"__error__":%b}' % shown)

    async def _drive(self, graph: Graph, config: RunnableConfig) -> None:
        kwargs = self.run.kwargs
        payload = run_input(kwargs)
        if self.run.attempt > 1 and await self._already_applied():
            # The worker before this one got past the input: go on from its last checkpoint, wherever the run had started.
            payload = None
            config = at_newest(config)
        modes = kwargs["stream_mode"]
        gatherer = MessageGatherer()
        deadline = asyncio.timeout(self.timeout)
        try:
            async with deadline, contextlib.aclosing(self._chunks(graph, payload, config, modes)) as chunks:
                async for namespace, mode, chunk in chunks:
                    self._log_chunk(namespace, mode, chunk, modes, gatherer)
                    if self.stream.throttle:
                        await self.stream.throttle()
        except TimeoutError as error:
            if deadline.expired():
                raise RunTimeoutError(f"the run took longer than {self.timeout:g} seconds") from error
            raise
        except asyncio.CancelledError:
            if not self.cancel_action:
                raise
            _uncancel()
            raise Cancelled(self.cancel_action) from None
        finally:
            self.settling = True

    async def _chunks(
        self, graph: Graph, payload: Any, config: RunnableConfig, modes: list[str]
    ) -> AsyncGenerator[tuple[tuple[str, ...], str, Any], None]:
        kwargs = self.run.kwargs
        native = {_NATIVE.get(mode, mode) for mode in modes if mode != "events"}
        subgraphs = bool(kwargs["subgraphs"])
        options: dict[str, Any] = {
            "stream_mode": sorted({*native, *_NEEDED}),
            "output_keys": graph.output_channels,
            "interrupt_before": kwargs["interrupt_before"],
            "interrupt_after": kwargs["interrupt_after"],
            "durability": kwargs["durability"],
            "context": fitting_context(graph.context_schema, kwargs["context"]),
            "subgraphs": subgraphs,
        }
        if "events" not in modes:
            async for chunk in graph.astream(payload, config, **options):
                yield chunk if subgraphs else ((), *chunk)
            return
        root = str(self.run.run_id)
        async for event in graph.astream_events(payload, config, version="v2", **options):
            if event["event"] == "on_chain_stream" and event["run_id"] == root:
                chunk = event["data"]["chunk"]
                yield chunk if subgraphs else ((), *chunk)
            else:
                yield (), "events", event

    def _log_chunk(self, namespace: tuple[str, ...], mode: str, chunk: Any, modes: list[str], gatherer: MessageGatherer) -> None:
        if not namespace:
            if mode == "values":
                self._last_values = chunk
            if mode in _NEEDED and isinstance(chunk, dict) and INTERRUPT in chunk:
                self._interrupted = True
        where = f"|{'|'.join(namespace)}" if namespace else ""
        if mode == "messages":
            message, metadata = chunk
            if "messages-tuple" in modes:
                self.stream.append(f"messages{where}", dumps([message, metadata]))
            elif "messages" in modes:
                # Without the namespace: a client of this mode gathers messages by their ids, wherever they come from.
                for name, payload in gatherer.events(message, metadata):
                    self.stream.append(name, dumps(payload))
        elif mode in modes:
            self.stream.append(f"{mode}{where}", dumps(_shown(mode, chunk)))

    async def _already_applied(self) -> bool:
        """Whether a checkpoint of this run exists: its input is in the state and must not be applied again."""
        address = {"thread_id": str(self.run.thread_id), "checkpoint_ns": ""}
        latest = await self.checkpoints.saver_of_run().aget_tuple({"configurable": address})
        return latest is not None and latest.metadata.get("run_id") == str(self.run.run_id)

    async def _after_success(self, graph: Graph, config: RunnableConfig) -> Result:
        values = self._last_values
        whole = graph.output_channels == graph.stream_channels_asis
        if self._interrupted or not whole or values is None or "values" not in self.run.kwargs["stream_mode"]:
            outcome, state = await self._state_outcome(graph, config, "success")
            if "values" not in self.run.kwargs["stream_mode"] or values is None:
                return Result(outcome, state)
            return Result(outcome, dumps(values))
        body = dumps(values)
        return Result(Outcome("success", "idle", values=body), body)

    async def _after_error(self, graph: Graph, config: RunnableConfig, error: Exception) -> Result:
        shown = self._report(error)
        outcome, _ = await self._state_outcome(graph, config, "timeout" if isinstance(error, RunTimeoutError) else "error")
        return Result(replace(outcome, thread_status="error", error=shown), b'{"__error__":%b}' % shown)

    async def _after_cancel(self, graph: Graph, config: RunnableConfig, cancelled: Cancelled) -> Result:
        rolled_back = cancelled.action == "rollback"
        if rolled_back:
            with storage():
                await self.checkpoints.delete_of_run(self.run.thread_id, self.run.run_id)
        outcome, _ = await self._state_outcome(graph, config, "interrupted")
        output = dumps(self._last_values) if self._last_values is not None else b"{}"
        return Result(replace(outcome, error=dumps(cancelled.shown)), output, rolled_back)

    async def _state_outcome(self, graph: Graph, config: RunnableConfig, status: RunStatus) -> tuple[Outcome, bytes]:
        """The outcome that the thread's newest checkpoint tells, and its values as JSON."""
        try:
            snapshot = await graph.aget_state(at_newest(config))
        except StorageError:
            raise
        except Exception as error:  # noqa: BLE001 - a state that the graph's own schema or code refuses
            log.warning("the state of thread %s cannot be read: %s: %s", self.run.thread_id, type(error).__name__, error)
            return Outcome(status, "idle"), b"{}"
        if snapshot.metadata is None:
            return Outcome(status, "idle"), b"{}"
        values = dumps(snapshot.values)
        resting: RestingStatus = "interrupted" if snapshot.next else "idle"
        return Outcome(status, resting, values=values, interrupts=dumps(interrupts_by_task(snapshot))), values

    def _report(self, error: Exception) -> bytes:
        """Tell the log and the readers; answer what the API shows of the error, as JSON."""
        log.error("run %s failed: %s: %s", self.run.run_id, type(error).__name__, error, exc_info=error)
        shown = dumps(error_shown(error))
        self.stream.append("error", shown)
        return shown


def _uncancel() -> None:
    if task := asyncio.current_task():
        task.uncancel()


def run_config(run: ClaimedRun, described: Mapping[str, Any]) -> RunnableConfig:
    """The config that the graph is called with: what the run was created with, its ids, and what describes this attempt."""
    config: dict[str, Any] = run.kwargs["config"]
    # What LangGraph hands down to subgraphs under these names is not for clients to say; its RemoteGraph passes some along.
    configurable = {key: value for key, value in config["configurable"].items() if not key.startswith("__pregel_")}
    metadata = {
        **config.get("metadata", {}), "run_attempt": run.attempt, **described, "run_id": str(run.run_id),
        "thread_id": str(run.thread_id),
    }  # fmt: skip
    return cast(RunnableConfig, {
        **config, "configurable": configurable, "metadata": metadata,
        "run_id": run.run_id, "run_name": configurable["graph_id"],
    })  # fmt: skip


def fitting_context(schema: Any, context: dict[str, Any]) -> dict[str, Any]:
    """The part of a run's context that the graph knows: a dataclass refuses the rest, and other graphs' settings may be in it."""
    if dataclasses.is_dataclass(schema):
        known = {field.name for field in dataclasses.fields(schema)}
        return {key: value for key, value in context.items() if key in known}
    return context


def at_newest(config: RunnableConfig) -> RunnableConfig:
    """The same config, pointing at the thread's newest checkpoint."""
    configurable = {key: value for key, value in config["configurable"].items() if key not in ("checkpoint_id", "checkpoint_map")}
    return {**config, "configurable": configurable}


def run_input(kwargs: dict[str, Any]) -> Any:
    """What the graph is called with: the input, or the command that resumes, updates or redirects it."""
    command = kwargs["command"]
    if command is None:
        return kwargs["input"]
    update = command.get("update")
    if isinstance(update, list) and all(isinstance(pair, list) and len(pair) == 2 for pair in update):
        update = [(key, value) for key, value in update]
    goto = command.get("goto") or ()
    return Command(
        update=update, resume=command.get("resume"), goto=[_goto(one) for one in goto] if isinstance(goto, list) else _goto(goto)
    )


def _goto(target: Any) -> Any:
    return Send(target["node"], target.get("input")) if isinstance(target, dict) else target


def _shown(mode: str, chunk: Any) -> Any:
    """A chunk without what LangGraph keeps in configs for itself."""
    if mode == "checkpoints":
        return {**chunk, "config": _public(chunk["config"]), "parent_config": _public(chunk["parent_config"])}
    if mode == "debug" and chunk["type"] == "checkpoint":
        payload = chunk["payload"]
        shown = _shown("checkpoints", payload)
        shown["tasks"] = [_debug_task(task) for task in payload["tasks"]]
        shown["checkpoint"] = checkpoint_of(payload["config"])
        shown["parent_checkpoint"] = checkpoint_of(payload["parent_config"])
        return {**chunk, "payload": shown}
    return chunk


def _debug_task(task: dict[str, Any]) -> dict[str, Any]:
    """A task whose child has a checkpoint of its own says where, instead of showing LangGraph's config of it."""
    if not (isinstance(task.get("state"), dict) and "configurable" in task["state"]):
        return task
    return {key: value for key, value in task.items() if key != "state"} | {"checkpoint": task["state"]["configurable"]}


def _public(config: RunnableConfig | None) -> Any:
    if not config:
        return None
    return {"configurable": {key: v for key, v in config["configurable"].items() if not key.startswith("__pregel_")}}
