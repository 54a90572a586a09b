"""What the database knows of the work that there is: the same in every process."""

from __future__ import annotations

from typing import LiteralString

from allograph.store.database import Database, Row

# Only runs that have not ended are looked at, which have an index of their own. "Unblocked" is what a free worker would claim.
_QUEUE: LiteralString = """
WITH active AS (
    SELECT status, run_after <= now() AS due,
        greatest(extract(epoch FROM now() - greatest(created_at, run_after)), 0)::float8 AS waited,
        seq = min(seq) OVER (PARTITION BY thread_id) AS first
    FROM runs WHERE status IN ('pending', 'running')
)
SELECT count(*) FILTER (WHERE status = 'running') AS running,
    count(*) FILTER (WHERE status = 'pending') AS pending,
    max(waited) FILTER (WHERE status = 'pending' AND due) AS longest,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY waited) FILTER (WHERE status = 'pending' AND due) AS median,
    max(waited) FILTER (WHERE status = 'pending' AND due AND first) AS longest_unblocked,
    (SELECT count(*) FROM workers WHERE lease_until > now()) AS workers
FROM active
"""


async def queue_figures(database: Database) -> Row:
    """`running, pending` runs, the seconds that due ones wait (`longest, median, longest_unblocked`), `workers` that are alive."""
    row = await database.fetch_one(_QUEUE)
    assert row
    return row
