"""Notes in the database, within the transactions themselves, which tick of a cron was taken and which run was made of it.

The tables of the server do not say it: a run does not know its tick, and one with a temporary thread is gone when it has ended.
"""

from __future__ import annotations

from typing import LiteralString

from tests.chaos.facts import connected
from tests.chaos.history import CronRun, Facts, Tick

# A change by a client sets `updated_at`, a tick does not.
_INSTALL: LiteralString = """
CREATE TABLE noted_ticks (cron_id uuid, tick timestamptz, next_tick timestamptz, fired timestamptz, transaction bigint);
CREATE TABLE noted_runs (run_id uuid PRIMARY KEY, cron_id uuid, transaction bigint, deleted_as text);

CREATE FUNCTION note_tick() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO noted_ticks VALUES (OLD.cron_id, OLD.next_run_date, NEW.next_run_date, clock_timestamp(), txid_current());
    RETURN NULL;
END $$;
CREATE TRIGGER note_tick AFTER UPDATE ON crons FOR EACH ROW WHEN (NEW.updated_at = OLD.updated_at) EXECUTE FUNCTION note_tick();

CREATE FUNCTION note_run() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO noted_runs VALUES (NEW.run_id, (NEW.metadata ->> 'cron_id')::uuid, txid_current());
    RETURN NULL;
END $$;
CREATE TRIGGER note_run AFTER INSERT ON runs FOR EACH ROW WHEN (NEW.metadata ? 'cron_id') EXECUTE FUNCTION note_run();

CREATE FUNCTION note_end() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    UPDATE noted_runs SET deleted_as = OLD.status WHERE run_id = OLD.run_id;
    RETURN NULL;
END $$;
CREATE TRIGGER note_end AFTER DELETE ON runs FOR EACH ROW WHEN (OLD.metadata ? 'cron_id') EXECUTE FUNCTION note_end();
"""

_TICKS: LiteralString = """
SELECT cron_id::text, extract(epoch FROM tick)::float8 AS tick, extract(epoch FROM next_tick)::float8 AS next_tick,
    extract(epoch FROM fired)::float8 AS fired, transaction
FROM noted_ticks ORDER BY fired
"""

_RUNS: LiteralString = "SELECT run_id::text, cron_id::text, transaction, deleted_as FROM noted_runs"


def install(conninfo: str) -> None:
    """Note from now on; the tables of the server must be there."""
    with connected(conninfo) as connection:
        connection.execute(_INSTALL)


def read(conninfo: str, facts: Facts) -> None:
    """Put what was noted into `facts`."""
    with connected(conninfo) as connection:
        facts.ticks = [Tick(**row) for row in connection.execute(_TICKS).fetchall()]
        facts.cron_runs = [CronRun(**row) for row in connection.execute(_RUNS).fetchall()]
        facts.crons = [row["cron_id"] for row in connection.execute("SELECT cron_id::text FROM crons").fetchall()]
