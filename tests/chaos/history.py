"""What the clients of a chaos run sent and saw, and what the database says afterwards: all that the checker judges by."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["ledger", "quiz", "breakpoints"]

ACTIVE = ("pending", "running")
ENDED = ("success", "error", "timeout", "interrupted")


@dataclass
class Sent:
    """A request that creates a run. `status` None: no answer came, the run may exist or not."""

    tag: str
    steps: int
    thread_id: str | None
    kind: Kind = "ledger"
    strategy: str = "enqueue"
    delayed: bool = False
    temporary: bool = False
    cancels_when_left: bool = False
    status: int | None = None
    run_id: str | None = None
    output: Any = None
    """The whole answer of wait or join, if it came."""

    @property
    def acknowledged(self) -> bool:
        return self.run_id is not None

    @property
    def possible(self) -> bool:
        """The server has taken it, or may have."""
        return self.status is None or self.status < 400 or self.status >= 500

    @property
    def block(self) -> list[str]:
        """What the run appends to the entries of its thread."""
        return block(self.tag, self.steps)


@dataclass
class Cancel:
    """A cancel of one run. `status_after` is what the run's status was when the answer had come."""

    run_id: str
    action: str
    waits: bool = False
    status: int | None = None
    status_after: str | None = None


@dataclass
class Reading:
    """What one reader saw of a run's events, over all its connections."""

    run_id: str
    tag: str
    events: list[tuple[int, str, Any]] = field(default_factory=list)
    """Number, name and data."""
    complete: bool = False
    """The server ended the stream."""
    connections: int = 0
    began: float = field(default_factory=time.monotonic)
    ended: float = 0.0
    """When the stream was read to its end."""


@dataclass
class ThreadReading:
    """What one reader saw of a thread's events, over all its connections, by their ids."""

    thread_id: str
    ids: list[int] = field(default_factory=list)
    connections: int = 0


@dataclass
class History:
    sent: list[Sent] = field(default_factory=list)
    cancels: list[Cancel] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    thread_readings: list[ThreadReading] = field(default_factory=list)
    conversations: dict[str, tuple[Kind, str, int]] = field(default_factory=dict)
    """Threads that one client has to itself: what it does there, the tag of its entries and the number of steps."""
    deleted: set[str] = field(default_factory=set)
    """Threads of which somebody asked that they be deleted."""
    database_deaths: list[float] = field(default_factory=list)
    """When Postgres was killed, or taken away."""
    failures: list[str] = field(default_factory=list)
    """Answers that no trouble excuses, such as a 500."""


@dataclass
class RunRow:
    run_id: str
    thread_id: str
    seq: int
    status: str
    attempt: int
    tag: str
    """Empty for a run without an input."""
    steps: int
    delayed: bool = False
    temporary: bool = False


@dataclass
class ThreadRow:
    thread_id: str
    status: str
    active_runs: int
    temporary: bool
    shown: list[str]
    """The entries that the thread's row shows."""
    entries: list[str]
    """The entries of its newest checkpoint."""


@dataclass
class CheckpointRow:
    checkpoint_id: str
    parent_id: str | None
    run_id: str


@dataclass
class Facts:
    """What the database says at the end."""

    runs: list[RunRow] = field(default_factory=list)
    threads: list[ThreadRow] = field(default_factory=list)
    checkpoints: dict[str, list[CheckpointRow]] = field(default_factory=dict)
    """Of each thread, in the order of their ids; the main namespace only."""
    events: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    """Number and name of each stored event of a run, in the order in which readers of its thread see them."""
    thread_events: dict[str, list[int]] = field(default_factory=dict)
    """The ids of the stored events of a thread."""
    orphans: list[str] = field(default_factory=list)
    """Threads that do not exist, of which checkpoints, blobs or writes do."""


def block(tag: str, steps: int) -> list[str]:
    return [f"{tag}:in", *(f"{tag}:{number}" for number in range(1, steps + 1))]


def quiz_block(tag: str, steps: int) -> list[str]:
    return [f"{tag}:in", *(f"{tag}:{number}={number}" for number in range(1, steps + 1))]
