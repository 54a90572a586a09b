"""LangGraph's state snapshots in the shapes of the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.types import Interrupt, PregelTask, StateSnapshot

_CHECKPOINT_KEYS = ("checkpoint_id", "thread_id", "checkpoint_ns", "checkpoint_map")


def checkpoint_of(config: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What identifies a checkpoint, from the config that LangGraph keeps it under."""
    configurable = (config or {}).get("configurable")
    if not configurable or "checkpoint_id" not in configurable:
        return None
    return {key: configurable[key] for key in _CHECKPOINT_KEYS if key in configurable}


def interrupt_shown(interrupt: Interrupt | Mapping[str, Any]) -> dict[str, Any]:
    """An interrupt as states and threads show it."""
    if not isinstance(interrupt, Interrupt):
        return dict(interrupt)
    shown = {"id": interrupt.id, "value": interrupt.value}
    if (schema := getattr(interrupt, "response_schema", None)) is not None:
        shown["response_schema"] = schema
    return shown


def _task_shown(task: PregelTask) -> dict[str, Any]:
    nested = task.state
    return {
        "id": task.id,
        "name": task.name,
        "path": task.path,
        # A saver that outlives the process keeps an error as its text.
        "error": task.error if task.error is None or isinstance(task.error, str) else repr(task.error),
        "interrupts": [interrupt_shown(interrupt) for interrupt in task.interrupts],
        # Without `subgraphs` LangGraph gives only the config under which the child's state can be asked for.
        "checkpoint": None if isinstance(nested, StateSnapshot) or nested is None else _child_checkpoint(nested),
        "state": state_shown(nested) if isinstance(nested, StateSnapshot) else None,
        "result": task.result,
    }


def _child_checkpoint(config: RunnableConfig) -> dict[str, Any]:
    configurable = config["configurable"]
    return {key: configurable[key] for key in sorted(_CHECKPOINT_KEYS, reverse=True) if key in configurable}


def state_shown(snapshot: StateSnapshot) -> dict[str, Any]:
    """A state as GET /threads/{id}/state answers it."""
    checkpoint = checkpoint_of(snapshot.config) if snapshot.metadata is not None else None
    parent = checkpoint_of(snapshot.parent_config)
    return {
        "values": snapshot.values,
        "next": list(snapshot.next),
        "tasks": [_task_shown(task) for task in snapshot.tasks],
        "metadata": snapshot.metadata,
        "created_at": snapshot.created_at,
        "checkpoint": checkpoint,
        "parent_checkpoint": parent,
        "interrupts": [interrupt_shown(interrupt) for interrupt in snapshot.interrupts],
        "checkpoint_id": checkpoint["checkpoint_id"] if checkpoint else None,
        "parent_checkpoint_id": parent["checkpoint_id"] if parent else None,
    }


def interrupts_by_task(snapshot: StateSnapshot) -> dict[str, list[dict[str, Any]]]:
    """The `interrupts` of a thread: what each waiting task asks."""
    return {task.id: [interrupt_shown(interrupt) for interrupt in task.interrupts] for task in snapshot.tasks if task.interrupts}
