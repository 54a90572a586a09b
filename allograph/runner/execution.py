"""One execution of a run: from the claimed row through the graph to its outcome."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import re
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Any, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import CheckpointTuple
from langgraph.errors import UnknownInterruptError
from langgraph.store.base import BaseStore
from langgraph.types import Command, Send

from allograph.encoding import dumps, loads
from allograph.runner import classic
from allograph.runner.breakpoints import INTERRUPT, stopped
from allograph.runner.classic import Chunk
from allograph.runner.events import RunStream
from allograph.runner.graphs import Graph, Graphs
from allograph.runner.protocol import driving as protocol
from allograph.runner.state import interrupts_by_task
from allograph.store.checkpoints import Checkpoints
from allograph.store.runs import CancelAction, ClaimedRun, Outcome, RestingStatus, RunStatus
from allograph.store.saver import StorageError

log = logging.getLogger("allograph.run")

TURNS_TO_LOG = 5

Rows = Callable[[tuple[str, ...], str, Any], Iterator[tuple[str, Any]]]

_INTERRUPT_ID = re.compile("[0-9a-f]{32}")  # as LangGraph itself tells a resume by ids from a resume value that is a dictionary


@dataclass(frozen=True, slots=True)
class Result:
    """How an execution ended: what is written, and what those who wait for the run are told."""

    outcome: Outcome
    output: bytes
    rolled_back: bool = False
    """The run is deleted instead of ended."""
    asked: Sequence[Mapping[str, Any]] = ()
    """What waits for an answer: `id`, `value` and the `namespace` of the graph that asks."""


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


def error_shown(error: BaseException) -> dict[str, Any]:
    shown: dict[str, Any] = {"error": type(error).__name__, "message": str(error)}
    if isinstance(error, UnknownInterruptError):
        shown["refusal"] = {"reason": error.reason, "interrupt_ids": error.interrupt_ids, "pending_ids": error.pending_ids}
    return shown


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
        self._saver = checkpoints.saver_of_run(run, self._written_down)
        self._last_values: Any = None
        self._interrupted = False
        self._asked_in: dict[str, tuple[str, ...]] = {}

    async def execute(self) -> Result:
        """Run the graph to its end.

        Raises `StorageError` when the database was away, and `asyncio.CancelledError` when the task was cancelled though nobody
        asked the run to be: then it has not ended, and goes on from its last checkpoint another time.
        """
        result = await self._execute()
        return replace(result, asked=self._asked(result.outcome))

    async def _execute(self) -> Result:
        run = self.run
        config = run_config(run, self.described)
        # Of every attempt, though it may end at once: that of an earlier one may not have been written down.
        self.stream.append("metadata", dumps({"run_id": run.run_id, "attempt": run.attempt}))
        try:
            async with self._open(config) as graph:
                try:
                    if self.cancel_action:
                        raise Cancelled(self.cancel_action)
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
            return await self.end_as_asked(self.cancel_action)
        except StorageError:
            raise
        except Exception as error:  # noqa: BLE001 - a factory or a context manager of the user's that fails
            shown = self._report(error)
            return Result(Outcome("error", "error", error=shown), b'{"__error__":%b}' % shown)

    async def end_as_asked(self, action: CancelAction) -> Result:
        """What to write instead, when a cancel was accepted before the end that `execute` answered could be written."""
        config = run_config(self.run, self.described)
        cancelled = Cancelled(action)
        try:
            async with self._open(config) as graph:
                return await self._after_cancel(graph, config, cancelled)
        except StorageError:
            raise
        except Exception as error:  # noqa: BLE001 - a factory or a context manager of the user's that fails
            log.warning("run %s ends without a look at its state: %s: %s", self.run.run_id, type(error).__name__, error)
            if action == "rollback":
                await self.checkpoints.undo(self.run)
            return Result(Outcome("interrupted", "interrupted", error=dumps(cancelled.shown)), b"{}", action == "rollback")

    def _open(self, config: RunnableConfig) -> AbstractAsyncContextManager[Graph]:
        return self.graphs.open(
            config["configurable"]["graph_id"], config=config, checkpointer=self._saver, store=self.store,
            access_context="threads.create_run", context=self.run.kwargs["context"],
            user=config["configurable"].get("langgraph_auth_user"),
        )  # fmt: skip

    async def _written_down(self) -> None:
        """What a task streamed is written down before its result is: after a crash the task is not executed again."""
        if self.stream.flush:
            # The task has ended in this turn of the event loop: what it streamed last is logged in the next ones.
            for _ in range(TURNS_TO_LOG):
                await asyncio.sleep(0)
            await self.stream.flush()

    async def _drive(self, graph: Graph, config: RunnableConfig) -> None:
        kwargs = self.run.kwargs
        payload = run_input(kwargs)
        newest = await self._own_newest() if self.run.attempt > 1 else None
        if newest:
            # The worker before this one got past the input: go on from its last checkpoint, wherever the run had started.
            payload = None
            config = at_newest(config)
            if await stopped(graph, config, newest, kwargs["interrupt_before"], kwargs["interrupt_after"]):
                self._interrupted = True
                return
        elif self.run.attempt > 1:
            # An answer to an interrupt may have got as far as a task; the next one must not be answered with it, too.
            await self.checkpoints.undo(self.run)
        if newest is None and (answers := answered(kwargs)) and protocol.is_protocol(kwargs):
            self.stream.append("input.answered", dumps({"interrupt_ids": list(answers)}))
        deadline = asyncio.timeout(self.timeout)
        chunks, rows = self._driven(graph, payload, config)
        try:
            async with deadline, contextlib.aclosing(chunks):
                async for namespace, mode, chunk in chunks:
                    self._notice(namespace, mode, chunk)
                    for name, shown in rows(namespace, mode, chunk):
                        self.stream.append(name, dumps(shown))
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
            await self._saver.close()

    def _driven(self, graph: Graph, payload: Any, config: RunnableConfig) -> tuple[AsyncGenerator[Chunk, None], Rows]:
        """The graph as the API that started the run drives it, and what of its chunks is logged."""
        kwargs = self.run.kwargs
        context = fitting_context(graph.context_schema, kwargs["context"])
        if protocol.is_protocol(kwargs):
            return protocol.drive(graph, payload, config, kwargs, context), protocol.rows
        return classic.drive(graph, payload, config, kwargs, context, self.run.run_id), classic.Rows(kwargs["stream_mode"]).of

    def _notice(self, namespace: tuple[str, ...], mode: str, chunk: Any) -> None:
        """Keep what the end of the run needs: the last state, and where somebody is asked something."""
        if mode == "values" and not namespace:
            self._last_values = chunk
        if mode in ("values", "updates") and isinstance(chunk, dict) and INTERRUPT in chunk:
            self._interrupted = self._interrupted or not namespace
            for interrupt in chunk[INTERRUPT]:
                # A subgraph tells it before the graphs around it do.
                self._asked_in.setdefault(interrupt.id, namespace)

    async def _own_newest(self) -> CheckpointTuple | None:
        """The thread's newest checkpoint if it is of this run: then its input is in the state and must not be applied again."""
        address = {"thread_id": str(self.run.thread_id), "checkpoint_ns": ""}
        newest = await self._saver.aget_tuple({"configurable": address})
        return newest if newest and newest.metadata.get("run_id") == str(self.run.run_id) else None

    async def _after_success(self, graph: Graph, config: RunnableConfig) -> Result:
        values = _of_output(graph, self._last_values) if protocol.is_protocol(self.run.kwargs) else self._last_values
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
        # What nothing was run of leaves the thread as it was.
        thread_status = outcome.thread_status if isinstance(error, UnknownInterruptError) else "error"
        return Result(replace(outcome, thread_status=thread_status, error=shown), b'{"__error__":%b}' % shown)

    async def _after_cancel(self, graph: Graph, config: RunnableConfig, cancelled: Cancelled) -> Result:
        rolled_back = cancelled.action == "rollback"
        if rolled_back:
            await self.checkpoints.undo(self.run)
        outcome, _ = await self._state_outcome(graph, config, "interrupted")
        output = dumps(self._last_values) if self._last_values is not None else b"{}"
        return Result(replace(outcome, error=dumps(cancelled.shown)), output, rolled_back)

    def _asked(self, outcome: Outcome) -> list[dict[str, Any]]:
        if outcome.thread_status != "interrupted":
            return []
        waiting = [interrupt for of_task in loads(outcome.interrupts).values() for interrupt in of_task]
        return [{**interrupt, "namespace": self._asked_in.get(interrupt["id"], ())} for interrupt in waiting]

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


def _of_output(graph: Graph, values: Any) -> Any:
    """What of a whole state is the graph's output."""
    keys = graph.output_channels
    return {key: values[key] for key in keys if key in values} if isinstance(keys, list) and isinstance(values, dict) else values


def _uncancel() -> None:
    if task := asyncio.current_task():
        task.uncancel()


def run_config(run: ClaimedRun, described: Mapping[str, Any]) -> RunnableConfig:
    """The config that the graph is called with: what the run was created with, its ids, and what describes this attempt."""
    config: dict[str, Any] = run.kwargs["config"]
    # What LangGraph hands down to subgraphs under these names is not for clients to say; its RemoteGraph passes some along.
    configurable = {key: value for key, value in config["configurable"].items() if not key.startswith("__pregel_")}
    if run.kwargs.get("strict_resume"):
        configurable["__pregel_strict_resume"] = True
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


def answered(kwargs: dict[str, Any]) -> dict[str, Any]:
    """The answers that a run brings, by the ids of the interrupts that they are for."""
    resume = (kwargs["command"] or {}).get("resume")
    return resume if isinstance(resume, dict) and all(_INTERRUPT_ID.fullmatch(key) for key in resume) else {}


def _goto(target: Any) -> Any:
    return Send(target["node"], target.get("input")) if isinstance(target, dict) else target
