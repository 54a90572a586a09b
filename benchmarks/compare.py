"""The floor, our server and the reference side by side: `make bench`.

All run at once on one machine and take turns, a window each, for several rounds; the median of the rounds counts. Machines are
noisy: only the ratios within one such run mean anything.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import httpx
import uvloop

from benchmarks.floor import WARM_UP as FLOOR_WARM_UP
from benchmarks.load import INPUTS, OPERATIONS, Sample, measure
from scripts.oracle import EXECUTABLE, free_port, oracle

ROOT = Path(__file__).resolve().parent.parent
CONFIG = Path(__file__).parent / "graphs" / "langgraph.json"

FLOOR, OURS, REFERENCE, CLIENT = "floor", "allograph", "langgraph dev", "(client alone)"


class Floor:
    """The floor's process, which takes one request after the other."""

    def __init__(self, uri: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.floor", "--database-uri", uri], cwd=ROOT, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self.process.stdout
        assert self.process.stdout.readline() == "ready\n"

    def measure(self, operation: str, clients: int, seconds: float, graph: str) -> Sample:
        assert self.process.stdin
        assert self.process.stdout
        asked = {"operation": operation, "clients": clients, "seconds": seconds, "graph": graph}
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        return Sample(**json.loads(self.process.stdout.readline()))


@contextlib.contextmanager
def floor(uri: str) -> Iterator[Floor]:
    running = Floor(uri)
    try:
        yield running
    finally:
        running.process.kill()
        running.process.wait()


@contextlib.contextmanager
def null_server() -> Iterator[str]:
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.null_server"], cwd=ROOT, text=True, stdout=subprocess.PIPE)
    try:
        assert process.stdout
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def allograph(uri: str, folder: Path, jobs: int) -> Iterator[tuple[str, int]]:
    """Our server on a database, with its log in `folder`: its URL and process id."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with (folder / "allograph.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "allograph.cli", "serve", "--config", str(CONFIG), "--port", str(port)], cwd=ROOT,
            stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            env={**os.environ, "DATABASE_URI": uri, "N_JOBS_PER_WORKER": str(jobs), "ALLOGRAPH_CHECK_CONTRACT": "0"},
        )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{url}/ok", timeout=2).status_code == 200:
                    break
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"allograph did not start: {(folder / 'allograph.log').read_text()[-4000:]}")
            time.sleep(0.1)
        yield url, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()
        process.wait()


def memory(pid: int) -> dict[str, float]:
    """MB that a process takes: resident, and its fair share of what it shares with others."""
    found = {}
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            name, _, rest = line.partition(":")
            if name in ("Rss", "Pss"):
                found[name.upper()] = round(int(rest.split()[0]) / 1024, 1)
    return found


def cpu_seconds(pid: int) -> float:
    """What a process and those of its children that have ended have used so far."""
    return sum(map(int, _stat(pid)[11:15])) / os.sysconf("SC_CLK_TCK")


def _stat(pid: int | str) -> list[str]:
    """The fields of /proc/<pid>/stat from the third on."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def database_cpu_seconds(postmaster: int | None) -> float:
    """The same of Postgres: the postmaster and its children."""
    if postmaster is None:
        return 0.0
    used = cpu_seconds(postmaster)
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if _stat(folder.name)[1] == str(postmaster):
                used += cpu_seconds(int(folder.name))
    return used


def postmaster_of(folder: Path) -> int | None:
    for found in folder.rglob("postmaster.pid"):
        return int(found.read_text().split()[0])
    return None


def listener(url: str) -> int | None:
    """The process that listens at a loopback URL."""
    port = int(url.rpartition(":")[2])
    inodes = {
        fields[9]
        for fields in (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
        if fields[3] == "0A" and int(fields[1].partition(":")[2], 16) == port
    }
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if any(os.readlink(entry).removeprefix("socket:[").rstrip("]") in inodes for entry in (folder / "fd").iterdir()):
                return int(folder.name)
    return None


FIELDS = ("per_second", "p50", "p95", "first_event_p50", "first_token_p50", "cpu_server", "cpu_database")

Key = tuple[str, int, str]
"""Operation, clients, contestant."""


def compare(options: argparse.Namespace) -> tuple[dict[Key, list[Sample]], dict[str, dict[str, float]]]:
    from allograph.store.embedded import EmbeddedPostgres

    results: dict[Key, list[Sample]] = {}
    sizes: dict[str, dict[str, float]] = {}
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="allograph-bench-")))
        folder.chmod(0o755)
        uri = options.database_uri or stack.enter_context(EmbeddedPostgres(folder / "data"))
        ours, pid = stack.enter_context(allograph(uri, folder, options.jobs))
        bare = stack.enter_context(floor(uri))
        urls = {OURS: ours}
        if options.reference:
            urls[REFERENCE] = stack.enter_context(oracle(CONFIG))
        processes = {OURS: pid, REFERENCE: listener(urls[REFERENCE]) if REFERENCE in urls else None}
        sizes = {f"{name}, idle": memory(process) for name, process in processes.items() if process}

        postmaster = postmaster_of(folder)

        def sample(contestant: str, operation: str, clients: int) -> None:
            process = processes.get(contestant)

            def cpu() -> tuple[float, ...]:
                return (cpu_seconds(process), database_cpu_seconds(postmaster)) if process else ()

            if contestant == FLOOR:
                before = database_cpu_seconds(postmaster)
                one = bare.measure(operation, clients, options.seconds, options.graph)
                # The warm-up of the floor is a part of this, and so is its share of what was done.
                used = (database_cpu_seconds(postmaster) - before) * options.seconds / (options.seconds + FLOOR_WARM_UP)
                one.cpu_database = round(used * 1000 / max(1, one.done), 2)
            else:
                one = uvloop.run(measure(urls[contestant], operation, clients, options.seconds, options.graph, cpu=cpu))
            results.setdefault((operation, clients, contestant), []).append(one)
            progress = f"  {contestant:16} {operation:10} @{clients:<4} {one.per_second:9.1f}/s  p50 {one.p50:8.1f} ms"
            print(f"{progress}  CPU {one.cpu_server} + {one.cpu_database} ms", file=sys.stderr, flush=True)

        cases = [(operation, clients) for operation in options.operations for clients in options.clients]
        for number in range(options.rounds):
            print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
            for operation, clients in cases:
                # Turn by turn, and not always the same first.
                order = [name for name in (FLOOR, *urls) if name != FLOOR or operation in ("wait", "stream")]
                turn = number % len(order)
                for contestant in order[turn:] + order[:turn]:
                    sample(contestant, operation, clients)
        sizes |= {f"{name}, after": memory(process) for name, process in processes.items() if process}
        urls[CLIENT] = stack.enter_context(null_server())
        for operation, clients in cases:
            sample(CLIENT, operation, clients)
    return results, sizes


def median(samples: list[Sample], field: str) -> float | None:
    values = [value for one in samples if (value := getattr(one, field)) is not None]
    return statistics.median(values) if values else None


def table(results: dict[Key, list[Sample]], sizes: dict[str, dict[str, float]]) -> str:
    """Markdown. Each ratio is the median of the ratios of the rounds: its two windows were minutes apart at most."""
    lines = [
        "| operation | clients | contestant | per second | p50 ms | p95 ms | first event ms | first token ms | CPU ms"
        " | CPU ms of Postgres | × floor | × reference | p50 × floor |",
        "|---|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]

    def shown(value: float | None, digits: int = 1) -> str:
        return "" if value is None else f"{value:.{digits}f}"

    def ratio(samples: list[Sample], key: Key, field: str) -> float | None:
        others = results.get(key)
        if not others or others is samples:
            return None
        pairs = zip(samples, others, strict=False)
        found: float = statistics.median(getattr(a, field) / max(getattr(b, field), 1e-9) for a, b in pairs)
        return found

    def place(key: Key) -> tuple[int, int, int]:
        return OPERATIONS.index(key[0]), key[1], (FLOOR, OURS, REFERENCE, CLIENT).index(key[2])

    for operation, clients, contestant in sorted(results, key=place):
        samples = results[operation, clients, contestant]
        measured = contestant != CLIENT
        to_floor = ratio(samples, (operation, clients, FLOOR), "per_second") if measured else None
        to_reference = ratio(samples, (operation, clients, REFERENCE), "per_second") if contestant == OURS else None
        p50_to_floor = ratio(samples, (operation, clients, FLOOR), "p50") if measured else None
        numbers = [median(samples, field) for field in FIELDS]
        failed = sum(one.failed for one in samples)
        lines.append(
            f"| {operation} | {clients} | {contestant}{f' ({failed} failed)' if failed else ''} | "
            + " | ".join(shown(number) for number in numbers)
            + f" | {shown(to_floor, 2)} | {shown(to_reference, 2)} | {shown(p50_to_floor, 2)} |"
        )
    lines += ["", "| memory, MB | RSS | PSS |", "|---|---:|---:|"]
    lines += [f"| {name} | {size.get('RSS', '')} | {size.get('PSS', '')} |" for name, size in sizes.items()]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one round of short windows")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float, help="per window")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 20])
    parser.add_argument("--operations", nargs="+", choices=OPERATIONS, default=list(OPERATIONS))
    parser.add_argument("--graph", choices=sorted(INPUTS), default="chat")
    parser.add_argument("--jobs", type=int, default=10, help="N_JOBS_PER_WORKER of both servers' default")
    parser.add_argument("--no-reference", dest="reference", action="store_false")
    parser.add_argument("--database-uri", help="unset: an embedded Postgres")
    parser.add_argument("--json", type=Path, help="also write every sample to this file")
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else 3)
    options.seconds = options.seconds or (2.0 if options.quick else 4.0)
    if options.reference and not EXECUTABLE.exists():
        parser.error(f"{EXECUTABLE} does not exist: run `make oracle-setup`, or give --no-reference")
    results, sizes = compare(options)
    if options.json:
        every = [{"contestant": key[2], **asdict(one)} for key, samples in results.items() for one in samples]
        options.json.write_text(json.dumps(every))
    print(table(results, sizes))


if __name__ == "__main__":
    main()
