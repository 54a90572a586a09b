"""Compare our server with the reference, scenario by scenario: `record`, `compare` (live), `docs`.

`record` plays every scenario against `langgraph dev` and writes `tests/recordings/`; `--check` only says what would
change. `compare` plays them against both servers, which are started here unless `--reference` or `--ours` names one
that runs; with `--recorded`, against ours only. `docs` writes `docs/PARITY.md`.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from scripts.oracle import free_port, oracle
from tests.parity import report
from tests.parity.compare import Difference, allowances, compare, unexplained
from tests.parity.scenario import CONFIG, RECORDINGS, Record, Scenario, load, recorded, run, save

AT_ONCE = 6
"""Scenarios played together. The reference looks at its queue once a second, so that most of a scenario is waiting."""


def play(scenarios: list[Scenario], url: str) -> dict[str, Record]:
    """Play scenarios against one server: those that may, together; then those that must be alone."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        together = [s for s in scenarios if not s.alone]
        records = dict(zip([s.name for s in together], pool.map(lambda s: run(s, url), together), strict=True))
    return records | {s.name: run(s, url) for s in scenarios if s.alone}


@contextlib.contextmanager
def ours(config: Path) -> Iterator[str]:
    """Our server on the test graphs, with a database of its own."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    data = tempfile.mkdtemp(prefix="parity-")
    # As root, Postgres runs as another user, who must be able to enter.
    os.chmod(data, 0o755)  # noqa: S103
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("allograph")), "serve", "--config", str(config), "--port", str(port)],
        env={**os.environ, "ALLOGRAPH_DATA_DIR": data},
        stdout=sys.stderr,
    )
    try:
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{url}/ok", timeout=2).status_code == 200:
                    break
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("our server did not start")
            time.sleep(0.1)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        shutil.rmtree(data, ignore_errors=True)


def record(scenarios: list[Scenario], url: str | None, check: bool) -> int:
    """Renew the recordings; returns how many differ from what is checked in."""
    with contextlib.nullcontext(url) if url else oracle(CONFIG) as at:
        records = play(scenarios, at)
    changed = failed = 0
    for scenario in scenarios:
        result = records[scenario.name]
        if result.failure:
            failed += 1
            print(f"{scenario.name} could not be played:\n{result.failure}")
            continue
        before = recorded(scenario) if scenario.recording.exists() else []
        differences = compare(scenario.name, before, result.exchanges)
        if differences or len(before) != len(result.exchanges):
            changed += 1
            print(f"{scenario.name}: {'changed' if before else 'new'}")
            for difference in differences:
                print(f"  {difference}")
        if not check and (differences or len(before) != len(result.exchanges)):
            save(scenario, result)
    known = {scenario.recording for scenario in load().values()}
    for leftover in sorted(set(RECORDINGS.glob("*.json")) - known):
        print(f"{leftover.name} belongs to no scenario")
        if not check:
            leftover.unlink()
    print(f"{len(scenarios)} scenarios, {changed} recordings changed, {failed} failed")
    return changed * check + failed


def show(scenarios: list[Scenario], expected: dict[str, Record], got: dict[str, Record]) -> int:
    """Print what differs and is not in differences.yaml; returns how much there is to do."""
    allowed = allowances()
    frequent: Counter[str] = Counter()
    bad = 0
    for scenario in scenarios:
        differences: list[Difference] = compare(
            scenario.name, expected[scenario.name].exchanges, got[scenario.name].exchanges, got[scenario.name].failure
        )
        left = unexplained(differences, allowed)
        frequent.update(re.sub(r"\[\d+\]", "[]", difference.path) for difference in left)
        if left:
            bad += 1
            print(f"\n=== {scenario.name}")
            for difference in left:
                print(f"  {difference}")
    if frequent:
        print("\n=== where the most differences are")
        for path, count in frequent.most_common(20):
            print(f"{count:5} {path}")
    unused = [entry for entry in allowed if not entry.used] if len(scenarios) == len(load()) else []
    for entry in unused:
        where = f"{entry.scenario} {entry.exchange} {entry.path}"
        print(f"\nthis entry of differences.yaml covers nothing: {where}: {entry.reason}")
    print(f"\n{len(scenarios)} scenarios, {len(scenarios) - bad} equal or allowed, {bad} different")
    return bad + len(unused)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("record", "compare"):
        command = commands.add_parser(name)
        command.add_argument("only", nargs="*", help="scenarios, or the beginnings of their names")
        command.add_argument("--reference", help="URL of a reference that runs already")
    commands.choices["record"].add_argument("--check", action="store_true", help="write nothing, fail if something changed")
    commands.choices["compare"].add_argument("--ours", help="URL of our server, if it runs already")
    commands.choices["compare"].add_argument("--recorded", action="store_true", help="use the recordings")
    commands.add_parser("docs")
    options = parser.parse_args()
    if options.command == "docs":
        report.PAGE.write_text(report.page())
        return 0
    scenarios = [s for s in load().values() if not options.only or s.name.startswith(tuple(options.only))]
    if options.command == "record":
        return min(record(scenarios, options.reference, options.check), 1)
    if options.recorded:
        expected = {s.name: Record(recorded(s), "") for s in scenarios}
    else:
        with contextlib.nullcontext(options.reference) if options.reference else oracle(CONFIG) as url:
            expected = play(scenarios, url)
    with contextlib.nullcontext(options.ours) if options.ours else ours(CONFIG) as url:
        got = play(scenarios, url)
    return min(show(scenarios, expected, got), 1)


if __name__ == "__main__":
    # A reader of the output may leave early (`| head`); the servers must still be stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with contextlib.suppress(BrokenPipeError):
        sys.exit(main())
    os._exit(1)
