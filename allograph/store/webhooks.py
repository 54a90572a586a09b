"""The outbox of webhooks: calls that are owed because a run has ended, until they were answered or given up."""

from __future__ import annotations

from typing import LiteralString
from uuid import UUID

from allograph.store.database import Database, Row


def owed(source: LiteralString, status: LiteralString, values: LiteralString, error: LiteralString) -> LiteralString:
    """The statement that owes a call for each run of `source` (a FROM clause over `runs`) that has a webhook.

    `status`, `values` and `error` are the SQL of how the run ends. The payload has the fields of a run as the API shows it, with
    `run_started_at`, `run_ended_at`, `values` and `error`.
    """
    return f"""
INSERT INTO webhooks (run_id, url, payload)
SELECT runs.run_id, runs.webhook, json_build_object(
    'run_id', runs.run_id, 'thread_id', runs.thread_id, 'assistant_id', runs.assistant_id, 'metadata', runs.metadata,
    'status', {status}, 'kwargs', runs.kwargs, 'multitask_strategy', runs.multitask_strategy, 'created_at', runs.created_at,
    'updated_at', now(), 'langsmith_session_name', NULL, 'run_started_at', runs.started_at, 'run_ended_at', now(),
    'webhook_sent_at', NULL, 'values', {values}, 'error', {error}
)
FROM {source} AND runs.webhook IS NOT NULL
"""


# Those that are due, for one process: they are due again when `lease` is over, whatever happens to it.
_TAKE: LiteralString = """
WITH due AS (
    SELECT webhook_id FROM webhooks WHERE failed_at IS NULL AND next_attempt_at <= now()
    ORDER BY next_attempt_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
UPDATE webhooks SET attempts = attempts + 1, next_attempt_at = now() + make_interval(secs => %(lease)s)
FROM due WHERE webhooks.webhook_id = due.webhook_id
RETURNING webhooks.webhook_id, run_id, url, payload, attempts
"""

_DELIVERED: LiteralString = "DELETE FROM webhooks WHERE webhook_id = %(webhook_id)s AND attempts = %(attempts)s"

_FAILED: LiteralString = """
UPDATE webhooks
SET last_error = %(error)s, next_attempt_at = now() + make_interval(secs => %(pause)s::float8),
    failed_at = CASE WHEN %(give_up)s::bool THEN now() END
WHERE webhook_id = %(webhook_id)s AND attempts = %(attempts)s
"""

_SWEEP: LiteralString = "DELETE FROM webhooks WHERE failed_at < now() - make_interval(secs => %s)"


class Outbox:
    """The statements on webhooks. `runs` fills the table; see `owed`."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def take(self, limit: int, lease_seconds: float) -> list[Row]:
        """Up to `limit` calls that are due, oldest first: `webhook_id, run_id, url, payload, attempts`."""
        return await self.database.fetch_all(_TAKE, {"limit": limit, "lease": lease_seconds})

    async def delivered(self, webhook_id: UUID, attempts: int) -> None:
        await self.database.execute(_DELIVERED, {"webhook_id": webhook_id, "attempts": attempts})

    async def failed(self, webhook_id: UUID, attempts: int, error: str, *, pause_seconds: float, give_up: bool) -> None:
        """Try again after a pause, or never; another process may have taken the call meanwhile, then this says nothing."""
        await self.database.execute(_FAILED, {
            "webhook_id": webhook_id, "attempts": attempts, "error": error, "pause": pause_seconds, "give_up": give_up,
        })  # fmt: skip

    async def sweep(self, seconds: float) -> None:
        """Forget calls that were given up longer ago than this."""
        await self.database.execute(_SWEEP, [seconds])
