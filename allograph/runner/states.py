"""The states of threads, read and changed through the graphs that made them."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, cast
from uuid import UUID

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.errors import EmptyInputError, InvalidUpdateError
from langgraph.store.base import BaseStore
from langgraph.types import StateSnapshot, StateUpdate

from allograph.access.users import current_user
from allograph.errors import ApiError, BadRequest, Conflict, Invalid, NotFound
from allograph.runner.execution import run_input
from allograph.runner.graphs import Graph, Graphs
from allograph.runner.state import interrupts_by_task, state_shown
from allograph.store.checkpoints import Checkpoints
from allograph.store.database import Row, again
from allograph.store.runs import RestingStatus
from allograph.store.threads import Threads

log = logging.getLogger("allograph.states")

EMPTY = state_shown(StateSnapshot({}, (), {}, None, None, None, (), ()))
"""The state of a thread on which nothing has run."""


def not_found(thread_id: UUID) -> NotFound:
    return NotFound(f"Thread with ID {thread_id} not found")


class States:
    """Reads and updates. `checkpoint` arguments have the keys of the contract's CheckpointConfig; their `thread_id` is not read."""

    def __init__(self, threads: Threads, checkpoints: Checkpoints, graphs: Graphs, store: BaseStore) -> None:
        self.threads = threads
        self.checkpoints = checkpoints
        self.graphs = graphs
        self.store = store

    async def get(self, thread_id: UUID, checkpoint: Mapping[str, Any] | None = None, *, subgraphs: bool = False) -> dict[str, Any]:
        """A state, the newest or the one at `checkpoint`. Raises `NotFound` for an unknown thread or checkpoint."""
        thread = await self._thread(thread_id)
        async with self._graph(thread, required=False) as graph:
            if graph is None:
                if checkpoint and checkpoint.get("checkpoint_id"):
                    raise _no_checkpoint(thread_id, checkpoint)
                return EMPTY
            config = _config(thread_id, checkpoint)
            snapshot: StateSnapshot | None
            try:
                snapshot = await graph.aget_state(config, subgraphs=subgraphs)
            except Exception as error:  # noqa: BLE001 - the graph's own reducers and types read an input that they have refused
                log.warning("the newest writes of thread %s cannot be read: %s: %s", thread_id, type(error).__name__, error)
                snapshot = await _stored(graph, config)
        if snapshot is None or snapshot.metadata is None:
            if checkpoint and checkpoint.get("checkpoint_id"):
                raise _no_checkpoint(thread_id, checkpoint)
            return EMPTY
        return state_shown(snapshot)

    async def history(
        self, thread_id: UUID, *, limit: int, before: str | None = None, metadata: Mapping[str, Any] | None = None,
        checkpoint: Mapping[str, Any] | None = None,
    ) -> list[dict[str, Any]]:  # fmt: skip
        """States, newest first: before the checkpoint id `before`, of the namespace of `checkpoint`, with `metadata` in theirs."""
        thread = await self._thread(thread_id)
        async with self._graph(thread, required=False) as graph:
            if graph is None:
                return []
            config = _config(thread_id, checkpoint)
            earlier = _config(thread_id, {"checkpoint_id": before}) if before else None
            with _refused():
                snapshots = graph.aget_state_history(config, filter=dict(metadata or {}) or None, before=earlier, limit=limit)
                return [state_shown(snapshot) async for snapshot in snapshots]

    async def update(
        self, thread_id: UUID, values: Any, *, as_node: str | None = None, checkpoint: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Write a checkpoint as if `as_node` had returned `values`; answer what identifies it.

        Raises `Conflict` while runs of the thread are active, `BadRequest` for what the graph does not take.
        """
        thread = await self._thread(thread_id)
        checkpoint_id, namespace = (checkpoint or {}).get("checkpoint_id"), (checkpoint or {}).get("checkpoint_ns", "")
        if checkpoint and checkpoint_id and not await self.checkpoints.exists(thread_id, checkpoint_id, namespace):
            raise _no_checkpoint(thread_id, checkpoint)

        async def change() -> dict[str, Any]:
            async with self._changing(thread) as graph:
                with _refused():
                    config = await graph.aupdate_state(_config(thread_id, checkpoint, thread), values, as_node=as_node)
                return dict(config["configurable"])

        return await again(change)

    async def apply_supersteps(self, thread_id: UUID, supersteps: Sequence[Sequence[Mapping[str, Any]]]) -> None:
        """Make a thread's state from updates (`values` or `command`, and `as_node`), one checkpoint for each super-step."""
        thread = await self._thread(thread_id)
        steps = [
            [
                StateUpdate(run_input({"command": one["command"]}) if one.get("command") else one.get("values"), one["as_node"])
                for one in updates
            ]
            for updates in supersteps
        ]
        async with self._changing(thread) as graph:
            with _refused():
                await graph.abulk_update_state(_config(thread_id, None, thread), steps)

    @contextlib.asynccontextmanager
    async def _changing(self, thread: Row) -> AsyncIterator[Graph]:
        """The graph, while no run of the thread can start; afterwards the thread's row shows the new state."""
        thread_id: UUID = thread["thread_id"]
        saver = self.checkpoints.saver()
        async with self._graph(thread, required=True, saver=saver) as graph, self.threads.locked(thread_id) as locked:
            if locked is None:
                raise not_found(thread_id)
            if locked.active_runs:
                raise Conflict(f"Thread {thread_id} has {locked.active_runs} active runs; wait for them or cancel them first.")
            assert graph is not None
            # Not a second connection of the pool: all others may be held by requests that wait for this thread.
            saver.conn = cast(Any, locked.connection)
            yield graph
            with _refused():
                snapshot = await graph.aget_state(_config(thread_id, None))
            resting: RestingStatus = "interrupted" if snapshot.next else "idle"
            await locked.set_state(snapshot.values, interrupts_by_task(snapshot), resting)

    async def _thread(self, thread_id: UUID) -> Row:
        thread = await self.threads.get(thread_id)
        if thread is None:
            raise not_found(thread_id)
        return thread

    @contextlib.asynccontextmanager
    async def _graph(self, thread: Row, *, required: bool, saver: AsyncPostgresSaver | None = None) -> AsyncIterator[Graph | None]:
        graph_id = thread["metadata"].get("graph_id") or None
        if graph_id is None:
            if required:
                raise BadRequest(
                    f"Thread {thread['thread_id']} has no graph yet: make a run on it, or set graph_id in its metadata."
                )
            yield None
            return
        if graph_id not in self.graphs:
            served = ", ".join(self.graphs.ids)
            raise NotFound(f"Graph '{graph_id}' of thread {thread['thread_id']} is not served here. Served are: {served}")
        opened = self.graphs.open(
            graph_id, access_context="threads.update" if required else "threads.read", store=self.store,
            checkpointer=saver or self.checkpoints.saver(), config=_config(thread["thread_id"], None, thread),
            user=current_user.get(),
        )  # fmt: skip
        async with contextlib.AsyncExitStack() as stack:
            with factory_errors(graph_id):
                graph = await stack.enter_async_context(opened)
            yield graph


@contextlib.contextmanager
def factory_errors(graph_id: str) -> Iterator[None]:
    """A graph that its own project cannot make for this thread or assistant: said in its words, not as our failure."""
    try:
        yield
    except ApiError:
        raise
    except Exception as error:
        log.warning("graph %s could not be made: %s: %s", graph_id, type(error).__name__, error)
        raise Invalid(f"Graph '{graph_id}' could not be made: {type(error).__name__}: {error}") from error


async def _stored(graph: Graph, config: RunnableConfig) -> StateSnapshot | None:
    """The state as its checkpoint has it, without the writes that came after it."""
    async for snapshot in graph.aget_state_history(config, limit=1):
        return snapshot
    return None


def _config(thread_id: UUID, checkpoint: Mapping[str, Any] | None, thread: Row | None = None) -> RunnableConfig:
    configurable = {key: value for key, value in (checkpoint or {}).items() if value is not None}
    configurable["thread_id"] = str(thread_id)
    if thread is not None:
        configurable["graph_id"] = thread["metadata"]["graph_id"]
    configurable.setdefault("checkpoint_ns", "")
    return {"configurable": configurable}


def _no_checkpoint(thread_id: UUID, checkpoint: Mapping[str, Any]) -> NotFound:
    return NotFound(f"Checkpoint {checkpoint['checkpoint_id']} not found in thread {thread_id}")


@contextlib.contextmanager
def _refused() -> Any:
    """What LangGraph does not take is the client's mistake, in LangGraph's own words."""
    try:
        yield
    except ApiError:
        raise
    except (InvalidUpdateError, EmptyInputError, ValueError, KeyError, TypeError, NotImplementedError) as error:
        reason = str(error).partition("\n")[0] or "refused by the graph"
        raise BadRequest(f"{type(error).__name__}: {reason}") from error
