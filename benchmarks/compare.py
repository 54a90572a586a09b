"""The floor, our server and the reference side by side: `make bench`.

All run at once on one machine and take turns, a window each, for several rounds; the median of the rounds counts. Machines are
noisy: only the ratios within one such run mean anything.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import uvloop

from allograph.store.embedded import EmbeddedPostgres
from benchmarks.contestants import (
    CONFIG,
    DEPLOYMENTS,
    cpu_seconds,
    database,
    database_cpu_seconds,
    deployed,
    floor,
    listener,
    memory,
    null_server,
    postmaster_of,
)
from benchmarks.floor import WARM_UP as FLOOR_WARM_UP
from benchmarks.load import INPUTS, OPERATIONS, Sample, measure
from scripts.oracle import EXECUTABLE, oracle

OURS = {key: f"allograph {deployment.name}" for key, deployment in DEPLOYMENTS.items()}
FLOOR, REFERENCE, CLIENT = "floor", "langgraph dev", "(client alone)"
ORDER = (FLOOR, *OURS.values(), REFERENCE, CLIENT)

FIELDS = ("per_second", "p50", "p95", "first_event_p50", "first_token_p50", "cpu_server", "cpu_database")

Key = tuple[str, int, str]
"""Operation, clients, contestant."""


def compare(options: argparse.Namespace) -> tuple[dict[Key, list[Sample]], dict[str, dict[str, float]]]:
    results: dict[Key, list[Sample]] = {}
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="allograph-bench-")))
        folder.chmod(0o755)
        uri = options.database_uri or stack.enter_context(EmbeddedPostgres(folder / "data"))
        bare = stack.enter_context(floor(stack.enter_context(database(uri, "floor"))))
        urls: dict[str, str] = {}
        processes: dict[str, list[int]] = {}
        redis: dict[str, int] = {}
        for key in options.deployments:
            running = stack.enter_context(deployed(key, uri, folder, options.jobs))
            urls[OURS[key]], processes[OURS[key]] = running.url, running.processes
            if running.redis:
                redis[OURS[key]] = running.redis
        if options.reference:
            urls[REFERENCE] = stack.enter_context(oracle(CONFIG))
            processes[REFERENCE] = [pid for pid in [listener(urls[REFERENCE])] if pid]
        sizes = {f"{name}, idle": memory(pids) for name, pids in processes.items()}

        postmaster = postmaster_of(folder)

        def sample(contestant: str, operation: str, clients: int) -> None:
            pids = processes.get(contestant, [])

            def cpu() -> tuple[float, ...]:
                behind = database_cpu_seconds(postmaster) + (cpu_seconds(redis[contestant]) if contestant in redis else 0)
                return (sum(map(cpu_seconds, pids)), behind) if pids else ()

            if contestant == FLOOR:
                before = database_cpu_seconds(postmaster)
                one = bare.measure(operation, clients, options.seconds, options.graph)
                # The warm-up of the floor is a part of this, and so is its share of what was done.
                used = (database_cpu_seconds(postmaster) - before) * options.seconds / (options.seconds + FLOOR_WARM_UP)
                one.cpu_database = round(used * 1000 / max(1, one.done), 2)
            else:
                one = uvloop.run(measure(urls[contestant], operation, clients, options.seconds, options.graph, cpu=cpu))
            results.setdefault((operation, clients, contestant), []).append(one)
            progress = f"  {contestant:34} {operation:10} @{clients:<4} {one.per_second:9.1f}/s  p50 {one.p50:8.1f} ms"
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
        sizes |= {f"{name}, after": memory(pids) for name, pids in processes.items()}
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
        " | CPU ms of the stores | × floor | × reference | p50 × floor |",
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
        return OPERATIONS.index(key[0]), key[1], ORDER.index(key[2])

    for operation, clients, contestant in sorted(results, key=place):
        samples = results[operation, clients, contestant]
        measured = contestant != CLIENT
        to_floor = ratio(samples, (operation, clients, FLOOR), "per_second") if measured else None
        to_reference = ratio(samples, (operation, clients, REFERENCE), "per_second") if contestant in OURS.values() else None
        p50_to_floor = ratio(samples, (operation, clients, FLOOR), "p50") if measured else None
        numbers = [median(samples, field) for field in FIELDS]
        failed = sum(one.failed for one in samples)
        lines.append(
            f"| {operation} | {clients} | {contestant}{f' ({failed} failed)' if failed else ''} | "
            + " | ".join(shown(number) for number in numbers)
            + f" | {shown(to_floor, 2)} | {shown(to_reference, 2)} | {shown(p50_to_floor, 2)} |"
        )
    lines += ["", "| memory of all processes, MB | RSS | PSS |", "|---|---:|---:|"]
    lines += [f"| {name} | {size.get('RSS', '')} | {size.get('PSS', '')} |" for name, size in sizes.items()]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one round of short windows")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float, help="per window")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 20])
    parser.add_argument("--operations", nargs="+", choices=OPERATIONS, default=list(OPERATIONS))
    parser.add_argument("--deployments", nargs="+", choices=DEPLOYMENTS, default=["serve", "api+1", "api+2", "redis"])
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
