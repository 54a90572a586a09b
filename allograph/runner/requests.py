"""From what a client asks for to a run that can be stored: assistant, thread and request merged, nothing left to look up."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from allograph.access.users import OF_THE_SERVER, User
from allograph.encoding import dumps
from allograph.store.database import EVERYTHING, Allowed, Row
from allograph.store.runs import NewRun
from allograph.store.ttl import Ttl


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What RunCreateStateful and RunCreateStateless say, with the contract's defaults filled in."""

    assistant_id: str
    """The id of an assistant, or of a graph, whose default assistant is meant."""
    input: Any = None
    command: dict[str, Any] | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    context: dict[str, Any] | None = None
    checkpoint: dict[str, Any] = field(default_factory=dict)
    stream_mode: list[str] = field(default_factory=lambda: ["values"])
    stream_subgraphs: bool = False
    stream_resumable: bool = False
    """Keep the events, so that clients can come back for them."""
    interrupt_before: Any = None
    interrupt_after: Any = None
    feedback_keys: list[str] | None = None
    multitask_strategy: str = "enqueue"
    after_seconds: float = 0
    """Do not start earlier than this many seconds from now."""
    create_thread: bool = False
    """Make the thread if it does not exist."""
    keep_thread: bool = False
    """Of a stateless run: do not delete its thread."""
    durability: str = "async"
    strict_resume: bool = False
    """Refuse to run when an interrupt that the command answers does not wait any more."""
    webhook: str | None = None
    """A URL to call when the run has ended; checked when the run is accepted."""
    cron_id: str | None = None
    """The cron whose tick this is."""
    checkpoint_during: bool = True
    """The older form of `durability`: false means "exit"."""


caller_configurable: ContextVar[Mapping[str, str]] = ContextVar("caller_configurable", default=MappingProxyType({}))
"""What the request that makes a run adds to `config.configurable`, set by whatever receives it; the client's own words do not
replace it."""


def new_id() -> UUID:
    """A UUIDv7: ids made later sort later."""
    return uuid7()


def merged_config(config: Mapping[str, Any], context: Mapping[str, Any] | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """`config` and `context` with what each says in both: LangGraph graphs read one or the other.

    Callers have refused requests that give both.
    """
    if context is None:
        return dict(config), dict(config.get("configurable", {}))
    return {**config, "configurable": dict(context)}, dict(context)


def build_run(
    request: RunRequest,
    assistant: Row,
    thread_id: UUID | None,
    known: Mapping[str, Any] | None,
    request_id: UUID,
    ttl: Ttl | None,
    *,
    run_id: UUID,
    user: User | None = None,
    allowed: Allowed = EVERYTHING,
) -> NewRun:
    """The run to store.

    `thread_id` None asks for a stateless run, which gets a thread of its own. `known` is the metadata of the thread, None when
    it does not exist. `request_id` is that of the HTTP request, for correlation; `ttl` is for a thread that the run makes. `user`
    asks for it, and may do so on threads that are `allowed`.
    """
    temporary = thread_id is None and not request.keep_thread
    thread_id = thread_id or new_id()
    assistant_config: dict[str, Any] = assistant["config"].parsed()
    own = {"graph_id": assistant["graph_id"], "assistant_id": str(assistant["assistant_id"])}
    cron = {"cron_id": request.cron_id} if request.cron_id else {}
    metadata = {
        **assistant["metadata"], **(known or {}), **own, **cron, **(request.config.get("metadata") or {}), **request.metadata,
    }  # fmt: skip
    config, context = merged_config(request.config, request.context)
    context = {**assistant["context"].parsed(), **context, **(cron if request.context is None else {})}
    context = {key: value for key, value in context.items() if not key.startswith(OF_THE_SERVER)}
    settings = {key: value for key, value in {**assistant_config, **config}.items() if key not in ("configurable", "metadata")}
    thread_config = {**settings, "configurable": assistant_config.get("configurable", {})}
    if given := request.config.get("metadata"):
        thread_config["metadata"] = given
    kwargs = {
        "input": request.input,
        "command": request.command,
        "config": {
            **settings,
            "configurable": {
                **assistant_config.get("configurable", {}), **config.get("configurable", {}),
                **caller_configurable.get(), **request.checkpoint, **cron,
                "langgraph_auth_user": user.shown() if user else None, "langgraph_auth_user_id": user.identity if user else "",
                "langgraph_auth_permissions": user.permissions if user else [],
                "langgraph_request_id": str(request_id), "__request_start_time_ms__": int(time.time() * 1000),
                "__after_seconds__": request.after_seconds,
                "run_id": str(run_id), "thread_id": str(thread_id), **own, "user_id": user.identity if user else "",
            },
            "metadata": metadata,
        },
        "context": context,
        "stream_mode": request.stream_mode,
        "interrupt_before": request.interrupt_before,
        "interrupt_after": request.interrupt_after,
        "webhook": request.webhook,
        "feedback_keys": request.feedback_keys,
        "temporary": temporary,
        "subgraphs": request.stream_subgraphs,
        "resumable": request.stream_resumable,
        "checkpoint_during": request.checkpoint_during,
        "durability": request.durability,
        **({"strict_resume": True} if request.strict_resume else {}),
    }  # fmt: skip
    return NewRun(
        run_id=run_id, thread_id=thread_id, assistant_id=assistant["assistant_id"], graph_id=assistant["graph_id"],
        metadata=metadata, kwargs=dumps(kwargs),
        multitask_strategy=request.multitask_strategy,
        thread_metadata=own if known is not None or (temporary and user is None) else {**request.metadata, **own},
        thread_config=dumps(thread_config), creates_thread=known is None,
        temporary=temporary, resumable=request.stream_resumable, after_seconds=request.after_seconds, webhook=request.webhook,
        ttl=None if temporary else ttl, user=user.to_dict() if user else None, allowed=allowed,
    )  # fmt: skip
