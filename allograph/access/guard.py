"""What handlers ask before they do something. Whoever answers a client asks here first, whatever protocol it speaks."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from uuid import UUID

from allograph.access.policy import Action, Policy, Resource, stamped
from allograph.access.users import User, current_user
from allograph.errors import Unauthorized
from allograph.runner.requests import RunRequest
from allograph.runner.states import not_found
from allograph.store.database import EVERYTHING, Allowed
from allograph.store.threads import Threads

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Grant:
    """What a run may be made of, and by whom."""

    user: User | None = None
    threads: Allowed = EVERYTHING
    """Which threads it may run on."""
    assistants: Allowed = EVERYTHING
    """Which assistants it may be one of."""


OPEN = Grant()
"""Everything, by nobody in particular."""


class Access:
    """What the user of the current request may touch; everything, where no `Auth` is in force."""

    def __init__(self, policy: Policy | None, threads: Threads, shared: Sequence[UUID]) -> None:
        """`shared` are the assistants that everybody may read and run."""
        self.policy = policy
        self.threads = threads
        self.shared = frozenset(shared)

    async def allow(self, resource: Resource, action: Action, value: dict[str, Any]) -> Allowed:
        """What rows of the resource the user may touch. The handler may change `value`; its metadata are then `stamped`.

        Raises `Forbidden` when the handler says no, and what it raises itself.
        """
        if self.policy is None:
            return EVERYTHING
        user = current_user.get()
        if user is None:
            raise Unauthorized("Authentication is needed for this.")
        return await self.policy.allow(resource, action, value, user)

    async def thread(self, thread_id: UUID, action: Action, missing: Exception | None = None, /, **value: Any) -> None:
        """Raise `missing` when the user has no such thread, whether or not somebody else has it."""
        if self.policy is None:
            return
        allowed = await self.allow("threads", action, {"thread_id": thread_id, **value})
        if allowed is not EVERYTHING and not await self.threads.visible(thread_id, allowed):
            raise missing or not_found(thread_id)

    async def run(self, request: RunRequest, run_id: UUID, assistant_id: UUID, thread_id: UUID | None) -> tuple[RunRequest, Grant]:
        """Whether the user may make such a run; answers the request with the metadata that the handler gave it.

        The assistants that every graph has are for all to run.
        """
        if self.policy is None:
            return request, OPEN
        value: dict[str, Any] = {
            "thread_id": thread_id, "assistant_id": assistant_id, "run_id": run_id, "status": "pending",
            "metadata": dict(request.metadata), "prevent_insert_if_inflight": request.multitask_strategy == "reject",
            "multitask_strategy": request.multitask_strategy,
            "if_not_exists": "create" if request.create_thread else "reject", "after_seconds": request.after_seconds,
            "kwargs": {
                "input": request.input, "command": request.command, "config": request.config, "context": request.context,
                "stream_mode": request.stream_mode, "interrupt_before": request.interrupt_before,
                "interrupt_after": request.interrupt_after, "webhook": request.webhook, "feedback_keys": request.feedback_keys,
                "temporary": thread_id is None and not request.keep_thread, "subgraphs": request.stream_subgraphs,
                "resumable": request.stream_resumable, "checkpoint_during": request.checkpoint_during,
                "durability": request.durability,
            },
        }  # fmt: skip
        threads = await self.allow("threads", "create_run", value)
        assistants = (
            EVERYTHING if assistant_id in self.shared else await self.allow("assistants", "read", {"assistant_id": assistant_id})
        )
        return replace(request, metadata=stamped(value["metadata"], threads)), Grant(current_user.get(), threads, assistants)

    async def follow(self, thread_id: UUID, parts: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
        """What happens in a thread, until it is somebody else's."""
        may = await self.watch(thread_id)
        async with aclosing(parts):
            async for part in parts:
                if not await may():
                    return
                yield part

    async def watch(self, thread_id: UUID) -> Callable[[], Awaitable[bool]]:
        """Whether the user may see what was just read of a thread, to be asked each time.

        A thread may be followed before it exists, and be made by somebody else then; it may be deleted, and made anew by somebody
        else. One that does not exist is nobody's.
        """
        allowed = await self.allow("threads", "read", {"thread_id": thread_id})

        async def may() -> bool:
            return allowed is EVERYTHING or not await self.threads.kept_from(thread_id, allowed)

        return may
