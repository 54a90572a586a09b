"""Runs: the record that the API shows and the queue that workers take from, in one table.

Every statement that changes how many runs of a thread are active locks the thread's row before it touches the run's. So the
runs of one thread are accepted, cancelled and ended one after the other, and two such statements never wait for each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, LiteralString
from uuid import UUID

from psycopg import Rollback, errors
from psycopg.types.json import Jsonb

from allograph.access.users import User
from allograph.encoding import dumps
from allograph.store.database import EVERYTHING, Allowed, Connection, Database, Row, again, within
from allograph.store.run_events import END, StoredEvent
from allograph.store.ttl import Ttl, ttl_parameters
from allograph.store.webhooks import owed

RunStatus = Literal["pending", "running", "error", "success", "timeout", "interrupted"]
CancelAction = Literal["interrupt", "rollback"]
RestingStatus = Literal["idle", "interrupted", "error"]

COLUMNS = (
    "run_id", "thread_id", "assistant_id", "metadata", "status", "kwargs", "multitask_strategy", "created_at", "updated_at",
    "langsmith_session_name",
)  # fmt: skip
"""What the API shows of a run, in the reference's order."""

_SHOWN: LiteralString = (
    "runs.run_id, runs.thread_id, runs.assistant_id, runs.created_at, runs.updated_at, runs.metadata, runs.status, runs.kwargs,"
    " runs.multitask_strategy, NULL AS langsmith_session_name, runs.resumable"
)
# `recorded`: its events are written down, for readers in other processes or for later.
_CLAIMED: LiteralString = (
    _SHOWN + ", runs.auth_user, runs.attempt, runs.worker_id, runs.cancel_action, runs.resumable OR runs.followed"
    " OR coalesce(runs.follower <> %(worker_id)s::uuid, false)"
    " OR EXISTS (SELECT FROM threads AS t WHERE t.thread_id = runs.thread_id AND t.followed_until > now()) AS recorded"
)

# One active run more on a thread that exists.
_ON_THREAD: LiteralString = """
WITH thread AS (
    UPDATE threads
    SET active_runs = active_runs + 1, updated_at = now(), metadata = metadata || %(thread_metadata)s, config = %(thread_config)s
    WHERE thread_id = %(thread_id)s AND metadata @> ANY(%(allowed)s::jsonb[]) AND (NOT %(only_if_idle)s::bool OR active_runs = 0)
    RETURNING thread_id, active_runs
)"""

# A run that brings its thread along, or finds it.
_WITH_THREAD: LiteralString = """
WITH thread AS (
    INSERT INTO threads (thread_id, active_runs, metadata, config, temporary, ttl_strategy, ttl_minutes, expires_at)
    VALUES (
        %(thread_id)s, 1, %(thread_metadata)s, %(thread_config)s, %(temporary)s, %(ttl_strategy)s, %(ttl_minutes)s::float8,
        now() + make_interval(secs => 60 * %(ttl_minutes)s::float8)
    )
    ON CONFLICT (thread_id) DO UPDATE
    SET active_runs = threads.active_runs + 1, updated_at = now(), metadata = threads.metadata || EXCLUDED.metadata,
        config = EXCLUDED.config
    WHERE threads.metadata @> ANY(%(allowed)s::jsonb[]) AND (NOT %(only_if_idle)s::bool OR threads.active_runs = 0)
    RETURNING thread_id, active_runs
)"""

# A run that is the only active one of its thread may start at once in the process that accepted it (`worker_id` given),
# without the detour through the queue.
_INSERT: LiteralString = f""",
run AS (
    INSERT INTO runs (
        run_id, thread_id, assistant_id, graph_id, metadata, kwargs, multitask_strategy, resumable, follower, webhook, auth_user,
        run_after, status, worker_id, attempt, started_at
    )
    SELECT %(run_id)s, thread_id, %(assistant_id)s, %(graph_id)s, %(metadata)s, %(kwargs)s, %(multitask_strategy)s,
        %(resumable)s, %(follower)s, %(webhook)s, %(auth_user)s::json,
        now() + make_interval(secs => %(after_seconds)s::float8),
        CASE WHEN at_once THEN 'running' ELSE 'pending' END, CASE WHEN at_once THEN %(worker_id)s::uuid END, at_once::integer,
        CASE WHEN at_once THEN now() END
    FROM thread, LATERAL (
        SELECT active_runs = 1 AND %(worker_id)s::uuid IS NOT NULL AND %(after_seconds)s::float8 = 0 AS at_once
    ) AS start
    RETURNING {_CLAIMED}
)
SELECT * FROM run
"""

# The heads of their threads: no run of the same thread is running, and none that is due was accepted earlier. One that has begun
# and lost its worker comes before all others, also before one that was accepted earlier and has become due meanwhile. Only of
# graphs that this worker has: another version of the project may run beside it.
_CLAIM: LiteralString = f"""
WITH head AS (
    SELECT run_id FROM runs AS candidate
    WHERE status = 'pending' AND run_after <= now() AND graph_id = ANY(%(graph_ids)s) AND NOT EXISTS (
        SELECT FROM runs AS other
        WHERE other.thread_id = candidate.thread_id AND (
            other.status = 'running'
            OR (
                other.status = 'pending' AND other.run_after <= now()
                AND (other.attempt = 0, other.seq) < (candidate.attempt = 0, candidate.seq)
            )
        )
    )
    ORDER BY seq LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
UPDATE runs SET status = 'running', worker_id = %(worker_id)s, attempt = attempt + 1, updated_at = now(),
    started_at = coalesce(started_at, now())
FROM head WHERE runs.run_id = head.run_id
RETURNING {_CLAIMED}
"""

_LOCK_THREAD: LiteralString = """
WITH thread AS (SELECT thread_id FROM threads WHERE thread_id = %(thread_id)s FOR UPDATE),"""

# The end of a run stands behind its last event, written with the end itself: of a temporary run nothing else will tell its output.
_TELL: LiteralString = f""",
told AS (
    INSERT INTO run_events (thread_id, id, run_id, seq, name, data, thread_seq, created_at)
    SELECT thread_id, %(end_id)s, run_id, %(end_seq)s, '{END}', %(end)s::bytea, %(end_thread_seq)s,
        to_timestamp(%(end_at)s / 1000.0)
    FROM ended WHERE %(end)s::bytea IS NOT NULL
    ON CONFLICT DO NOTHING
)"""

# The end of a run, for the worker that still holds it (same worker, same attempt), together with its thread's new state.
# `values` NULL keeps the state that the thread shows. A cancel that came while the graph was ending is carried out all the same: it
# was accepted.
_FINISH: LiteralString = f"""{_LOCK_THREAD}
ended AS (
    UPDATE runs
    SET status = %(status)s, updated_at = now(), worker_id = NULL, cancel_action = NULL, error = %(error)s, auth_user = NULL
    FROM thread
    WHERE runs.run_id = %(run_id)s AND runs.thread_id = thread.thread_id
        AND runs.worker_id = %(worker_id)s AND runs.attempt = %(attempt)s AND runs.status = 'running'
        AND (runs.cancel_action IS NULL OR %(status)s = 'interrupted')
    RETURNING runs.run_id, runs.thread_id
){_TELL},
released AS (
    UPDATE threads
    SET active_runs = active_runs - 1, resting_status = %(thread_status)s, "values" = coalesce(%(values)s, "values"),
        interrupts = %(interrupts)s, error = %(error)s, updated_at = now(), state_updated_at = now(),
        expires_at = now() + make_interval(secs => 60 * ttl_minutes)
    FROM ended WHERE threads.thread_id = ended.thread_id
    RETURNING active_runs
)
SELECT active_runs FROM released
"""

# The end of a stateless run whose thread goes with it.
_FINISH_TEMPORARY: LiteralString = f"""{_LOCK_THREAD}
ended AS (
    SELECT runs.run_id, runs.thread_id FROM runs, thread
    WHERE runs.run_id = %(run_id)s AND runs.thread_id = thread.thread_id
        AND runs.worker_id = %(worker_id)s AND runs.attempt = %(attempt)s AND runs.status = 'running'
        AND (runs.cancel_action IS NULL OR %(status)s = 'interrupted')
){_TELL},
c AS (DELETE FROM checkpoints USING ended WHERE checkpoints.thread_id = ended.thread_id::text),
b AS (DELETE FROM checkpoint_blobs USING ended WHERE checkpoint_blobs.thread_id = ended.thread_id::text),
w AS (DELETE FROM checkpoint_writes USING ended WHERE checkpoint_writes.thread_id = ended.thread_id::text),
gone AS (DELETE FROM threads USING ended WHERE threads.thread_id = ended.thread_id)
SELECT 0 AS active_runs FROM ended
"""

# A run that never ran ends at once. Another is asked to end: the request stays on the row until its worker, or whoever takes it
# over after that worker's death, carries it out.
_CANCEL: LiteralString = """
WITH thread AS (
    SELECT thread_id FROM threads
    WHERE thread_id IN (SELECT thread_id FROM runs WHERE {which} AND runs.status IN ('pending', 'running'))
        AND metadata @> ANY(%(allowed)s::jsonb[])
    ORDER BY thread_id FOR UPDATE
),
cancelled AS (
    UPDATE runs
    SET status = CASE WHEN attempt = 0 THEN 'interrupted' ELSE status END,
        cancel_action = CASE WHEN attempt > 0 THEN coalesce(cancel_action, %(action)s) END, updated_at = now(),
        auth_user = CASE WHEN attempt > 0 THEN auth_user END
    FROM thread
    WHERE runs.thread_id = thread.thread_id AND {which} AND runs.status IN ('pending', 'running')
    RETURNING {shown}
),
released AS (
    UPDATE threads SET active_runs = active_runs - ended.count, updated_at = now()
    FROM (SELECT thread_id, count(*) FROM cancelled WHERE status = 'interrupted' GROUP BY thread_id) AS ended
    WHERE threads.thread_id = ended.thread_id
),
called AS ({owed})
SELECT *, pg_notify('allograph', CASE status
    WHEN 'running' THEN 'cancel:' || run_id::text WHEN 'pending' THEN 'queue:' ELSE 'ended:' || run_id::text
END)::text FROM cancelled
"""

# Runs whose worker has not been heard of, and those that a worker holds without executing them (`dropped`): back to the queue (a
# cancel that was asked for is carried out by whoever claims them), or to their end when they were tried often enough.
_RECLAIM: LiteralString = f"""
WITH orphan AS (
    SELECT run_id, thread_id, cancel_action IS NULL AND retries >= %(max_retries)s AS exhausted FROM runs
    WHERE status = 'running' AND (
        NOT EXISTS (SELECT FROM workers WHERE workers.worker_id = runs.worker_id AND lease_until > now())
        OR (worker_id = %(worker_id)s AND run_id = ANY(%(dropped)s))
    )
    FOR UPDATE SKIP LOCKED
),
taken AS (
    UPDATE runs
    SET status = CASE WHEN exhausted THEN 'error' ELSE 'pending' END, error = CASE WHEN exhausted THEN %(error)s::json END,
        worker_id = NULL, retries = retries + (NOT exhausted)::integer, updated_at = now(),
        auth_user = CASE WHEN NOT exhausted THEN auth_user END
    FROM orphan WHERE runs.run_id = orphan.run_id
    RETURNING runs.run_id, runs.thread_id, runs.status, runs.attempt
),
released AS (
    UPDATE threads
    SET active_runs = active_runs - 1, updated_at = now(), resting_status = 'error', error = %(error)s::json
    FROM taken WHERE threads.thread_id = taken.thread_id AND taken.status = 'error'
),
called AS ({owed("runs JOIN taken USING (run_id) WHERE taken.status = 'error'", "'error'", "NULL", "%(error)s::json")})
SELECT *, pg_notify('allograph', CASE WHEN status = 'pending' THEN 'queue:' ELSE 'ended:' || run_id::text END)::text FROM taken
"""

# A stopping worker gives a run back, which is no retry: nothing was wrong with the run. The attempt still counts, for the next one
# goes on from its checkpoints. A cancel that was asked for stays asked for: whoever claims the run ends it.
_HAND_BACK: LiteralString = """
UPDATE runs SET status = 'pending', worker_id = NULL, updated_at = now()
WHERE run_id = %(run_id)s AND worker_id = %(worker_id)s AND attempt = %(attempt)s AND status = 'running'
RETURNING pg_notify('allograph', 'queue:')::text
"""

_CANCEL_SHOWN = _CANCEL.replace("{shown}", _SHOWN).replace(
    "{owed}", owed("runs JOIN cancelled USING (run_id) WHERE cancelled.status = 'interrupted'", "'interrupted'", "NULL", "NULL")
)
_CANCEL_IDS = _CANCEL_SHOWN.replace("{which}", "runs.thread_id = %(thread_id)s AND runs.run_id = ANY(%(run_ids)s)")
_CANCEL_OF_THREADS = _CANCEL_SHOWN.replace("{which}", "runs.thread_id = ANY(%(thread_ids)s)")
_CANCEL_OTHERS = _CANCEL_SHOWN.replace("{which}", "runs.thread_id = %(thread_id)s AND runs.run_id <> %(run_id)s")
_CANCEL_BY_METADATA = _CANCEL_SHOWN.replace("{which}", "runs.metadata @> %(metadata)s")
_CANCEL_BY_STATUS = _CANCEL_SHOWN.replace("{which}", "runs.status = ANY(%(statuses)s)")

# A run that was rolled back leaves nothing behind: its row and its checkpoints go, its thread shows what was before it.
_FINISH_ROLLED_BACK: LiteralString = f"""{_LOCK_THREAD}
ended AS (
    DELETE FROM runs USING thread
    WHERE runs.run_id = %(run_id)s AND runs.thread_id = thread.thread_id
        AND runs.worker_id = %(worker_id)s AND runs.attempt = %(attempt)s AND runs.status = 'running'
    RETURNING runs.run_id, runs.thread_id
){_TELL},
released AS (
    UPDATE threads
    SET active_runs = active_runs - 1, resting_status = %(thread_status)s, "values" = %(values)s, interrupts = %(interrupts)s,
        error = NULL, updated_at = now(), state_updated_at = now()
    FROM ended WHERE threads.thread_id = ended.thread_id
    RETURNING active_runs
)
SELECT active_runs FROM released
"""


# Beside the statement that ends a run which has a webhook, in one transaction.
_OWE: LiteralString = owed(
    "runs WHERE run_id = %(run_id)s AND worker_id = %(worker_id)s AND attempt = %(attempt)s AND status = 'running'",
    "%(status)s::text", """coalesce(%(values)s::json, (SELECT "values" FROM threads WHERE threads.thread_id = runs.thread_id))""",
    "%(error)s::json",
)  # fmt: skip

SWEPT_AT_ONCE = 1000

# A limit keeps each transaction short.
_SWEEP_ENDED: LiteralString = """
DELETE FROM runs WHERE run_id IN (
    SELECT run_id FROM runs
    WHERE updated_at < now() - make_interval(secs => %s) AND status NOT IN ('pending', 'running') LIMIT %s FOR UPDATE SKIP LOCKED
)
"""

_ASKED: LiteralString = """
SELECT cancel_action FROM runs WHERE run_id = %s AND worker_id = %s AND attempt = %s AND status = 'running'
"""

_MARK_FOLLOWED: LiteralString = "UPDATE runs SET followed = true WHERE run_id = %s AND NOT followed AND NOT resumable"

_GET: LiteralString = f"SELECT {_SHOWN} FROM runs WHERE thread_id = %s AND run_id = %s"

_FIND: LiteralString = f"SELECT {_SHOWN} FROM runs WHERE run_id = %s"

_LIST: LiteralString = f"""
SELECT {_SHOWN} FROM runs
WHERE thread_id = %(thread_id)s AND (%(status)s::text IS NULL OR status = %(status)s)
ORDER BY seq DESC LIMIT %(limit)s OFFSET %(offset)s
"""

# Only a run that has ended can be deleted; an active one is cancelled first.
_DELETE: LiteralString = """
DELETE FROM runs WHERE thread_id = %s AND run_id = %s AND status NOT IN ('pending', 'running')
"""

HEARTBEAT: LiteralString = """
INSERT INTO workers (worker_id, lease_until) VALUES (%(worker_id)s, now() + make_interval(secs => %(lease)s))
ON CONFLICT (worker_id) DO UPDATE SET lease_until = EXCLUDED.lease_until
"""

HELD: LiteralString = "SELECT run_id, attempt, cancel_action, followed FROM runs WHERE worker_id = %s AND status = 'running'"

_FORGET_WORKER: LiteralString = "DELETE FROM workers WHERE worker_id = %s"

_SWEEP_WORKERS: LiteralString = "DELETE FROM workers WHERE lease_until < now() - interval '1 hour'"

# Threads of stateless runs that ended in another way than through their worker.
_SWEEP_TEMPORARY: LiteralString = """
WITH gone AS (DELETE FROM threads WHERE temporary AND active_runs = 0 RETURNING thread_id::text AS id),
c AS (DELETE FROM checkpoints USING gone WHERE thread_id = gone.id),
b AS (DELETE FROM checkpoint_blobs USING gone WHERE thread_id = gone.id),
w AS (DELETE FROM checkpoint_writes USING gone WHERE thread_id = gone.id)
SELECT count(*) FROM gone
"""


# A run that has ended is not undone any more.
_SWEEP_UNDO: LiteralString = """
DELETE FROM undo_writes USING runs WHERE runs.run_id = undo_writes.run_id AND runs.status NOT IN ('pending', 'running')
"""

# What a new run is made from, in one look.
_ASSISTANT_AND_THREAD: LiteralString = """
SELECT a.assistant_id, a.graph_id, a.config, a.context, a.metadata, t.metadata AS thread_metadata
FROM assistants AS a LEFT JOIN threads AS t ON t.thread_id = %(thread_id)s AND t.metadata @> ANY(%(threads)s::jsonb[])
WHERE a.assistant_id = %(assistant_id)s AND (a.metadata @> ANY(%(assistants)s::jsonb[]) OR a.assistant_id = ANY(%(shared)s::uuid[]))
"""

# What those who waited for a run are told, when it did not end in their process.
_ENDED: LiteralString = """
SELECT run_id, runs.status, runs.error, "values", interrupts, resting_status
FROM runs JOIN threads USING (thread_id) WHERE run_id = ANY(%s) AND runs.status NOT IN ('pending', 'running')
"""

# The same of runs that are gone, by the row that was written with their ends.
_TOLD: LiteralString = "SELECT run_id, data FROM run_events WHERE run_id = ANY(%s) AND name = %s"

_ACTIVE: LiteralString = "SELECT run_id FROM runs WHERE run_id = ANY(%s) AND status IN ('pending', 'running')"


_GO_ON: LiteralString = """
SELECT EXISTS (SELECT FROM runs WHERE run_id = ANY(%(run_ids)s) AND status IN ('pending', 'running'))
    AND EXISTS (SELECT FROM workers WHERE worker_id <> %(process_id)s AND lease_until > now()) AS goes_on
"""


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run as it was accepted. JSON values are already encoded."""

    run_id: UUID
    thread_id: UUID
    assistant_id: UUID
    graph_id: str
    metadata: dict[str, Any]
    kwargs: bytes
    multitask_strategy: str
    thread_metadata: dict[str, Any]
    thread_config: bytes
    after_seconds: float = 0
    creates_thread: bool = False
    """Make the thread if it does not exist."""
    resumable: bool = False
    """Its events are kept, so that clients can come back for them."""
    temporary: bool = False
    """The thread made is deleted when the run ends."""
    ttl: Ttl | None = None
    """How long the thread made lives."""
    webhook: str | None = None
    """A URL that is called when the run has ended."""
    user: Mapping[str, Any] | None = None
    """Who asked for it, as the graph is told."""
    allowed: Allowed = EVERYTHING
    """What the metadata of its thread must contain."""

    @property
    def cancel_action(self) -> CancelAction:
        """How the other runs of the thread end, where this one comes in their place."""
        return "rollback" if self.multitask_strategy == "rollback" else "interrupt"


@dataclass(frozen=True, slots=True)
class ClaimedRun:
    """A run that a worker holds: it may write the run's end as long as nobody took the run away."""

    run_id: UUID
    thread_id: UUID
    assistant_id: UUID
    worker_id: UUID
    attempt: int
    """1 for the first execution."""
    cancel_action: CancelAction | None
    """Asked for while nobody held the run: end it, do not execute it."""
    kwargs: dict[str, Any]
    resumable: bool
    recorded: bool
    """Its events are written down, for readers in other processes or for later."""

    @classmethod
    def of(cls, row: Row) -> ClaimedRun:
        kwargs = row["kwargs"].parsed()
        if row["auth_user"] is not None:
            kwargs["config"]["configurable"]["langgraph_auth_user"] = User(row["auth_user"].parsed())
        return cls(
            row["run_id"], row["thread_id"], row["assistant_id"], row["worker_id"], row["attempt"], row["cancel_action"], kwargs,
            row["resumable"], row["recorded"],
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended, and what its thread shows from then on."""

    status: RunStatus
    thread_status: RestingStatus
    values: bytes | None = None
    """The thread's state as JSON; None leaves what it showed."""
    interrupts: bytes = b"{}"
    error: bytes | None = None
    """`{"error": <class>, "message": <text>}` as JSON."""


class Runs:
    """The statements on runs. Nothing here waits for a run; see `allograph.runner`."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def create(
        self, run: NewRun, *, only_if_idle: bool = False, follower: UUID | None = None, worker_id: UUID | None = None
    ) -> Row | None:
        """Accept a run. With `worker_id` it starts in that worker if its thread is free (status `running` in the answer).

        None: there is no such thread, or `only_if_idle` was asked for and it is busy. Of a run that is pending, tell workers.
        """
        return await self.database.fetch_one(_creating(run), _creation(run, only_if_idle, follower, worker_id))

    async def create_all(self, runs: Sequence[NewRun]) -> list[Row]:
        """Accept several runs with threads of their own, all or none."""
        rows = []
        async with self.database.transaction() as connection:
            for run in runs:
                cursor = await connection.execute(_creating(run), _creation(run, False, None, None))
                rows.extend(await cursor.fetchall())
        return rows

    async def assistant_and_thread(
        self, assistant_id: UUID, thread_id: UUID | None, *, assistants: Allowed = EVERYTHING,
        shared: Sequence[UUID] = (), threads: Allowed = EVERYTHING,
    ) -> Row | None:  # fmt: skip
        """The assistant, with the thread's metadata as `thread_metadata` (None if there is no such thread).

        `assistants` and `threads` are what their metadata must contain; an assistant may be one of `shared` instead.
        """
        return await self.database.fetch_one(_ASSISTANT_AND_THREAD, {
            "assistant_id": assistant_id, "thread_id": thread_id, "assistants": within(assistants), "shared": list(shared),
            "threads": within(threads),
        })  # fmt: skip

    async def ended(self, run_ids: Sequence[UUID]) -> list[Row]:
        """Those of these runs that have ended, with what their threads show."""
        return await self.database.fetch_all(_ENDED, [list(run_ids)])

    async def told(self, run_ids: Sequence[UUID]) -> list[Row]:
        """What was written down of the ends of these runs with the statements that ended them; some are gone with their threads."""
        return await self.database.fetch_all(_TOLD, [list(run_ids), END])

    async def go_on_elsewhere(self, run_ids: Sequence[UUID], process_id: UUID) -> bool:
        """Whether one of these runs is active, and there is another process than this one to execute it."""
        row = await self.database.fetch_one(_GO_ON, {"run_ids": list(run_ids), "process_id": process_id})
        return bool(row and row["goes_on"])

    async def active(self, run_ids: Sequence[UUID]) -> set[UUID]:
        """Those of these runs that are pending or running."""
        return {row["run_id"] for row in await self.database.fetch_all(_ACTIVE, [list(run_ids)])}

    async def end_of(self, run_id: UUID) -> Row | None:
        """`status` and `attempt` of a run."""
        return await self.database.fetch_one("SELECT status, attempt FROM runs WHERE run_id = %s", [run_id])

    async def cancel_action(self, run_id: UUID) -> CancelAction | None:
        """How a run was asked to end, if it was and has not."""
        row = await self.database.fetch_one("SELECT cancel_action FROM runs WHERE run_id = %s", [run_id])
        return row["cancel_action"] if row else None

    async def claim(self, worker_id: UUID, graph_ids: Sequence[str], limit: int) -> list[ClaimedRun]:
        """Up to `limit` runs of these graphs that may start now, oldest first."""
        try:
            rows = await self.database.fetch_all(_CLAIM, {"worker_id": worker_id, "graph_ids": list(graph_ids), "limit": limit})
        except errors.UniqueViolation:
            # A run of the same thread started between the look and the claim; whoever ends it wakes the queue.
            return []
        return [ClaimedRun.of(row) for row in rows]

    async def finish(self, run: ClaimedRun, outcome: Outcome, end: StoredEvent | None = None) -> int | None:
        """Write the end of a run; answer how many of its thread are still active.

        None: nothing was written; it was taken away, or asked to end in another way (`asked_to_end`).

        Tells nobody: NOTIFY would make the commits of all ends wait for one another. Use `Notifications.send` afterwards.
        """
        return await self._end(_FINISH_TEMPORARY if run.kwargs["temporary"] else _FINISH, run, outcome, end)

    async def finish_rolled_back(self, run: ClaimedRun, outcome: Outcome, end: StoredEvent | None = None) -> int | None:
        """The same for a run that was rolled back: it is deleted, `outcome` is what its thread shows now."""
        return await self._end(_FINISH_TEMPORARY if run.kwargs["temporary"] else _FINISH_ROLLED_BACK, run, outcome, end)

    async def _end(self, statement: LiteralString, run: ClaimedRun, outcome: Outcome, end: StoredEvent | None) -> int | None:
        parameters = {
            "run_id": run.run_id, "thread_id": run.thread_id, "worker_id": run.worker_id, "attempt": run.attempt,
            "status": outcome.status, "thread_status": outcome.thread_status, "values": _text(outcome.values),
            "interrupts": _text(outcome.interrupts), "error": _text(outcome.error),
            "end": end.data if end else None, "end_id": end.id if end else None, "end_seq": end.seq if end else None,
            "end_thread_seq": end.thread_seq if end else None, "end_at": end.at if end else None,
        }  # fmt: skip
        if run.kwargs.get("webhook"):
            row = await again(lambda: self._end_and_owe(statement, parameters))
        else:
            row = await self.database.fetch_one(statement, parameters)
        return row["active_runs"] if row else None

    async def _end_and_owe(self, statement: LiteralString, parameters: dict[str, Any]) -> Row | None:
        row = None
        async with self.database.transaction() as connection:
            # First: the end may delete the run. If the end does not count, neither does this find the run as held.
            await connection.execute(_OWE, parameters)
            row = await (await connection.execute(statement, parameters)).fetchone()
            if row is None:
                raise Rollback
        return row

    async def asked_to_end(self, run: ClaimedRun) -> CancelAction | None:
        """How a run that is still held was asked to end."""
        row = await self.database.fetch_one(_ASKED, [run.run_id, run.worker_id, run.attempt])
        return row["cancel_action"] if row else None

    async def hand_back(self, run: ClaimedRun) -> bool:
        """Give a run back to the queue. False: it is not held."""
        parameters = {"run_id": run.run_id, "worker_id": run.worker_id, "attempt": run.attempt}
        return await self.database.fetch_one(_HAND_BACK, parameters) is not None

    async def create_instead(
        self, run: NewRun, *, follower: UUID | None = None, worker_id: UUID | None = None
    ) -> tuple[Row | None, list[Row]]:
        """Accept a run and ask the active ones of its thread to end, both or neither; answer the run and those others."""

        async def create() -> tuple[Row | None, list[Row]]:
            async with self.database.transaction() as connection:
                return await self.create_within(connection, run, follower=follower, worker_id=worker_id)

        return await again(create)

    async def create_within(
        self, connection: Connection, run: NewRun, *, follower: UUID | None = None, worker_id: UUID | None = None
    ) -> tuple[Row | None, list[Row]]:
        """Accept a run, by its multitask strategy, in an open transaction; answer it and those that were asked to end for it.

        No run: there is no such thread, or it is busy and the strategy is to reject then.
        """
        only_if_idle = run.multitask_strategy == "reject"
        cursor = await connection.execute(_creating(run), _creation(run, only_if_idle, follower, worker_id))
        row = await cursor.fetchone()
        if row is None or run.multitask_strategy not in ("interrupt", "rollback"):
            return row, []
        where = {"thread_id": run.thread_id, "run_id": run.run_id, "allowed": within(run.allowed)}
        return row, await _cancelled(connection, _CANCEL_OTHERS, where, run.cancel_action)

    async def cancel(self, thread_id: UUID, run_ids: Sequence[UUID], action: CancelAction) -> list[Row]:
        """End pending runs, ask running ones to end; answer those that were active. A pending run that is rolled back is gone."""
        return await self._cancel(_CANCEL_IDS, {"thread_id": thread_id, "run_ids": list(run_ids)}, action, EVERYTHING)

    async def cancel_by_status(
        self, statuses: Sequence[RunStatus], action: CancelAction, allowed: Allowed = EVERYTHING
    ) -> list[Row]:
        """The same for every run that is in one of `statuses`; `allowed` is what the metadata of their threads must contain."""
        return await self._cancel(_CANCEL_BY_STATUS, {"statuses": list(statuses)}, action, allowed)

    async def cancel_by_metadata(
        self, metadata: Mapping[str, Any], action: CancelAction, allowed: Allowed = EVERYTHING
    ) -> list[Row]:
        """The same for every active run whose metadata contain these."""
        return await self._cancel(_CANCEL_BY_METADATA, {"metadata": Jsonb(metadata)}, action, allowed)

    async def cancel_of_threads(self, thread_ids: Sequence[UUID], allowed: Allowed = EVERYTHING) -> list[Row]:
        """The same for every active run of these threads."""
        return await self._cancel(_CANCEL_OF_THREADS, {"thread_ids": list(thread_ids)}, "interrupt", allowed)

    async def _cancel(self, statement: LiteralString, where: dict[str, Any], action: CancelAction, allowed: Allowed) -> list[Row]:
        where = {**where, "allowed": within(allowed)}

        async def cancel() -> list[Row]:
            async with self.database.transaction() as connection:
                return await _cancelled(connection, statement, where, action)

        return await again(cancel)

    async def reclaim(self, max_retries: int, worker_id: UUID, dropped: Sequence[UUID] = ()) -> list[Row]:
        """Take runs from workers that are no longer heard of, and those that `worker_id` does not execute though it holds them;
        answer `run_id, thread_id, status, attempt` of each."""
        error = dumps({"error": "RunAttemptsExhausted", "message": f"the worker of this run died {max_retries + 1} times"})
        return await self.database.fetch_all(
            _RECLAIM,
            {"max_retries": max_retries, "error": error.decode(), "worker_id": worker_id, "dropped": list(dropped)},
        )

    async def mark_followed(self, run_id: UUID) -> bool:
        """Have the run's events written down from now on; False if they are already."""
        return await self.database.execute(_MARK_FOLLOWED, [run_id]) > 0

    async def get(self, thread_id: UUID, run_id: UUID) -> Row | None:
        return await self.database.fetch_one(_GET, [thread_id, run_id])

    async def find(self, run_id: UUID) -> Row | None:
        """A run by its id alone, as stateless runs are addressed."""
        return await self.database.fetch_one(_FIND, [run_id])

    async def graph_ids(self, run_ids: Sequence[UUID]) -> dict[UUID, str]:
        """The graphs of runs; without those that are not there any more."""
        rows = await self.database.fetch_all("SELECT run_id, graph_id FROM runs WHERE run_id = ANY(%s)", [list(run_ids)])
        return {row["run_id"]: row["graph_id"] for row in rows}

    async def list_of(self, thread_id: UUID, status: str | None, limit: int, offset: int) -> list[Row]:
        """Newest first."""
        parameters = {"thread_id": thread_id, "status": status, "limit": limit, "offset": offset}
        return await self.database.fetch_all(_LIST, parameters)

    async def delete(self, thread_id: UUID, run_id: UUID) -> bool:
        """Delete a run that has ended; False when there is none such."""
        return await self.database.execute(_DELETE, [thread_id, run_id]) > 0

    async def heartbeat(self, worker_id: UUID, lease_seconds: float) -> None:
        await self.database.execute(HEARTBEAT, {"worker_id": worker_id, "lease": lease_seconds})

    async def sweep(self) -> None:
        """Delete what dead workers left, their leases and the threads of their stateless runs, and what no run needs any more."""
        await self.database.execute(_SWEEP_TEMPORARY)
        await self.database.execute(_SWEEP_WORKERS)
        await self.database.execute(_SWEEP_UNDO)

    async def sweep_ended(self, seconds: float) -> None:
        """Delete runs that ended longer ago than this; their threads stay."""
        while await self.database.execute(_SWEEP_ENDED, [seconds, SWEPT_AT_ONCE]) == SWEPT_AT_ONCE:
            pass

    async def forget_worker(self, worker_id: UUID) -> None:
        await self.database.execute(_FORGET_WORKER, [worker_id])


async def _cancelled(
    connection: Connection, statement: LiteralString, parameters: dict[str, Any], action: CancelAction
) -> list[Row]:
    rows = await (await connection.execute(statement, {**parameters, "action": action})).fetchall()
    never_ran = [row["run_id"] for row in rows if row["status"] == "interrupted"]
    if action == "rollback" and never_ran:
        await connection.execute("DELETE FROM runs WHERE run_id = ANY(%s)", [never_ran])
    return rows


def _creating(run: NewRun) -> LiteralString:
    return (_WITH_THREAD if run.creates_thread else _ON_THREAD) + _INSERT


def _creation(run: NewRun, only_if_idle: bool, follower: UUID | None, worker_id: UUID | None) -> dict[str, Any]:
    return {
        "run_id": run.run_id, "thread_id": run.thread_id, "assistant_id": run.assistant_id, "graph_id": run.graph_id,
        "metadata": Jsonb(run.metadata),
        "kwargs": run.kwargs.decode(), "multitask_strategy": run.multitask_strategy, "after_seconds": run.after_seconds,
        "thread_metadata": Jsonb(run.thread_metadata), "thread_config": run.thread_config.decode(),
        "temporary": run.temporary, "only_if_idle": only_if_idle, "worker_id": worker_id, "follower": follower,
        "resumable": run.resumable, "webhook": run.webhook, "allowed": within(run.allowed),
        "auth_user": dumps(run.user).decode() if run.user is not None else None, **ttl_parameters(run.ttl),
    }  # fmt: skip


def _text(body: bytes | None) -> str | None:
    """Encoded JSON as psycopg sends it to a `json` column."""
    return None if body is None else body.decode()
