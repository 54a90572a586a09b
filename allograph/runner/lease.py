"""The sign of life of a worker, from a thread and a connection of its own: a graph that blocks the event loop does not make
its worker look dead, and a worker that is cut off from the database learns it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from allograph.store.database import Row
from allograph.store.runs import HEARTBEAT, HELD

log = logging.getLogger("allograph.lease")


class Lease:
    """Renews the lease of one worker three times per lease time.

    `on_held` is called, in the lease's thread, with the runs that the database says this worker holds after each renewal;
    `on_lost` once when the lease ran out without one that succeeded.
    """

    def __init__(
        self, conninfo: str, worker_id: UUID, seconds: float, *, on_held: Callable[[list[Row]], None], on_lost: Callable[[], None]
    ) -> None:
        self.conninfo = conninfo
        self.worker_id = worker_id
        self.seconds = seconds
        self.on_held = on_held
        self.on_lost = on_lost
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        interval = self.seconds / 3
        renewed = time.monotonic()
        lost = False
        connection: psycopg.Connection[Row] | None = None
        while not self._stop.is_set():
            try:
                if connection is None:
                    connection = psycopg.connect(
                        self.conninfo, autocommit=True, row_factory=dict_row, connect_timeout=max(2, int(interval)),
                        application_name="allograph-lease", keepalives_idle=max(1, int(interval)), keepalives_interval=1,
                        keepalives_count=3, tcp_user_timeout=int(interval * 1000),
                        # A database that stops answering must not hold up the judgement that the lease is lost.
                        options=f"-c statement_timeout={max(1000, int(interval * 1000))}",
                    )  # fmt: skip
                asked = time.monotonic()
                connection.execute(HEARTBEAT, {"worker_id": self.worker_id, "lease": self.seconds})
                held = connection.execute(HELD, [self.worker_id]).fetchall()
                renewed, lost = asked, False
                self.on_held(held)
            except psycopg.Error as error:
                log.warning("the lease was not renewed: %s", str(error).strip())
                if connection is not None:
                    connection.close()
                    connection = None
                if not lost and time.monotonic() - renewed >= self.seconds:
                    lost = True
                    self.on_lost()
                self._stop.wait(min(interval, 0.5))
                continue
            self._stop.wait(interval)
        if connection is not None:
            connection.close()
