"""The process that keeps an embedded Postgres: `embedded_guardian.py UID GID LOCK HOME POSTGRES ARGUMENTS...`

Started by `allograph.store.embedded`, which says how the locks work. A program of its own, so that it outlives whoever
started it; standard library only, and few modules of it: 3.6 MB of private memory, no wake-ups while nothing happens.

- Postgres died (kill -9, out of memory): it is started again as soon as every process it left behind has gone.
- Every user left, in whatever way: fast shutdown, then exit. The exclusive lock on `users.lock` is granted exactly
  then, and keeps new users waiting until Postgres is down.
- Three starts in a row that end within two seconds: exit. The reason is in `postgres.log`, our standard error.
"""

import _thread
import fcntl
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress

HARMLESS_SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


class Guardian:
    """One cluster under `home`, served by the program `command`."""

    def __init__(self, home: str, command: list[str]) -> None:
        self.data = os.path.join(home, "data")
        self.command = command
        self.cluster_lock = os.path.join(home, "cluster.lock")
        self.pid = 0
        self.leaving = False
        self.mutex = _thread.allocate_lock()  # between starting Postgres and deciding to leave

    def run(self) -> None:
        quick_ends = 0
        while quick_ends < 3:
            lock = self.wait_for_leftovers()
            began = time.monotonic()
            with self.mutex:
                if self.leaving:
                    return
                self.pid = self.start(lock)
            os.close(lock)  # from here on Postgres and its children hold it
            _, status = os.waitpid(self.pid, 0)
            if self.leaving:
                return
            quick_ends = quick_ends + 1 if time.monotonic() - began < 2 else 0
            say(f"postgres ({self.pid}) ended with status {os.waitstatus_to_exitcode(status)}, starting it again")
            time.sleep(0.1 * quick_ends)
        say("postgres ended three times in a row, giving up")

    def start(self, lock: int) -> int:
        # `lock` proves that no process of an earlier Postgres is alive, so the pid in postmaster.pid is stale even if
        # some other process has it today. Postgres believes that of its "grandparent" only. (Its own check, that nobody
        # uses the old shared memory, stays in force.) LC_ALL keeps macOS from starting a thread.
        environment = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", "PG_GRANDPARENT_PID": self.recorded_pid()}
        os.set_inheritable(lock, True)
        return os.posix_spawn(self.command[0], self.command, environment, setsigdef=HARMLESS_SIGNALS, setsigmask=())

    def leave_when_alone(self, users: int) -> None:
        fcntl.flock(users, fcntl.LOCK_EX)
        with self.mutex:
            self.leaving = True
        for kill, patience in (
            (signal.SIGINT, 30),
            (signal.SIGQUIT, 5),
            (signal.SIGKILL, 5),
        ):  # fast, immediate, the end
            with suppress(ProcessLookupError):
                if self.pid:
                    os.kill(self.pid, kill)
            time.sleep(patience)

    def wait_for_leftovers(self) -> int:
        """Returns the lock that Postgres hands down to all its processes: it is free when the last of them is gone."""
        lock = os.open(self.cluster_lock, os.O_RDWR)
        began = time.monotonic()
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return lock
            except BlockingIOError:
                # SIGINT means a fast shutdown to a postmaster whose guardian was killed; and to a backend without
                # postmaster, to cancel its query, after which it leaves by itself. What hangs is made to leave.
                waited = time.monotonic() - began
                kill = signal.SIGINT if waited < 3 else signal.SIGQUIT if waited < 6 else signal.SIGKILL
                for pid in self.leftovers():
                    with suppress(ProcessLookupError):
                        os.kill(pid, kill)
                time.sleep(0.02)

    def leftovers(self) -> Iterator[int]:
        if not os.path.isdir("/proc/self"):  # macOS: the postmaster only; its children follow it
            pid = self.recorded_pid()
            with os.popen(f"ps -o command= -p {pid}") as ps:  # noqa: S605  # digits
                if self.data in ps.read():
                    yield int(pid)
            return
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with suppress(OSError), open(f"/proc/{pid}/comm") as name:
                if name.read() == "postgres\n" and os.readlink(f"/proc/{pid}/cwd") == self.data:
                    yield int(pid)

    def recorded_pid(self) -> str:
        with suppress(OSError), open(os.path.join(self.data, "postmaster.pid")) as file:
            if (pid := file.readline().strip()).isdigit():
                return pid
        return "0"


def say(text: str) -> None:
    print(time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()), "guardian:", text, file=sys.stderr, flush=True)


def main(uid: int, gid: int, guardian_lock: int, home: str, command: list[str]) -> None:
    if os.fork():  # nobody's child: whoever started us need not collect us
        os._exit(0)
    os.set_inheritable(guardian_lock, False)  # held until we end, by us alone
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    for harmless in HARMLESS_SIGNALS:
        signal.signal(harmless, signal.SIG_IGN)
    guardian = Guardian(home, command)
    _thread.start_new_thread(guardian.leave_when_alone, (os.open(os.path.join(home, "users.lock"), os.O_RDWR),))
    guardian.run()
    os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5:])
