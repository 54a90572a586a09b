"""`make fuzz`: Schemathesis against a fresh server with a fresh database and real graphs.

All phases, all checks, requests that fit the contract and requests that do not, on every operation of the served contract that
is implemented. Ends with 0 only when nothing at all failed. `tests/fuzz/` holds what Schemathesis is told beyond the contract.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib.metadata
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import yaml

from allograph import contract
from allograph.generated.routes import OPERATIONS
from allograph.handlers import HANDLER_CLASSES
from allograph.routing import has_method
from scripts.oracle import oracle
from tests.access.world import ENVIRONMENT, headers
from tests.server_process import data_folder, serving

ROOT = Path(__file__).resolve().parent.parent
FUZZ = ROOT / "tests" / "fuzz"
CONFIG = FUZZ / "langgraph.json"
REPORTS = ROOT / "build" / "fuzz"
RESULTS = FUZZ / "results.json"

TARGETS = ("ours", "guarded", "oracle", "oracle-by-ours")
"""Our server by the contract it serves, without authentication and with it; the reference by its own contract, and by ours."""

MOST_EXCEPTIONS = 10

THEIRS = "something-of-the-other-user"
"""What each thing says of the user who does not ask."""

MOST_WALKS = 4
"""Times that the stateful phase is begun anew, with another seed. Schemathesis ends it early when Hypothesis sees that the server
answered differently than the last time, which a server with runs under way does."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", default="1", help='a number, or "random"')
    parser.add_argument("--examples", type=int, help="examples for each operation, instead of what the configuration says")
    parser.add_argument("--minutes", type=int, help="go on fuzzing for so long")
    parser.add_argument("--target", choices=TARGETS, default="ours", help="what is fuzzed, and by whose contract")
    parser.add_argument("--record", action="store_true", help="write what came out into tests/fuzz/results.json")
    parser.add_argument("rest", nargs="*", help="more arguments for `schemathesis run`, after --")
    chosen = parser.parse_args()
    seed = random.SystemRandom().randrange(2**32) if chosen.seed == "random" else int(chosen.seed)
    print(f"seed {seed}" + (f"; again with `make fuzz SEED={seed}`" if chosen.seed == "random" else ""), flush=True)
    options = [*chosen.rest]
    if chosen.examples:
        options += ["--max-examples", str(chosen.examples)]
    if chosen.minutes:
        options += ["--max-time", str(chosen.minutes * 60)]
    report = Report(chosen.target)
    own = chosen.target in ("ours", "guarded")
    code = fuzz(report, seed, options, whole=not options) if own else fuzz_oracle(report, seed, options)
    if chosen.record:
        _record(report, seed)
    sys.exit(code)


class Report:
    """The files of one target in `build/fuzz`, each with its name, so that several may be fuzzed at once."""

    def __init__(self, target: str) -> None:
        REPORTS.mkdir(parents=True, exist_ok=True)
        for leftover in REPORTS.glob(f"{target}.*"):
            leftover.unlink()
        self.target = target
        self.tally = REPORTS / f"{target}.json"
        self.requests = REPORTS / f"{target}.requests"
        """A line for each: the same seed has to give the same lines."""

    def junit(self, part: str) -> Path:
        return REPORTS / f"{self.target}.{part}.xml"

    def read(self) -> dict[str, Any]:
        if not self.tally.exists():
            sys.exit("error: Schemathesis ended before it sent anything")
        tally: dict[str, Any] = json.loads(self.tally.read_text())
        return tally

    def digest(self) -> str:
        return hashlib.sha256(self.requests.read_bytes()).hexdigest()[:12]


def fuzz(report: Report, seed: int, options: list[str], *, whole: bool) -> int:
    """Fuzz our server.

    `whole` runs walk on until the links of each reply were followed, and fail when they were not; single links are only named.
    """
    exceptions = yaml.safe_load((FUZZ / "exceptions.yaml").read_text()) or []
    if len(exceptions) > MOST_EXCEPTIONS:
        sys.exit(f"error: {FUZZ / 'exceptions.yaml'} has {len(exceptions)} lines; at most {MOST_EXCEPTIONS} may be excused")
    missing = [one for one in OPERATIONS if not has_method(HANDLER_CLASSES.get(one.field), one)]
    for operation in missing:
        options += ["--exclude-operation-id", operation.operation_id]
    guarded = report.target == "guarded"
    with data_folder() as folder, serving(folder / "data", config=CONFIG, environment=ENVIRONMENT if guarded else {}) as server:
        began = time.monotonic()
        judge = f"{server.url}/openapi.json"
        phases = ["--phases", "examples,coverage,fuzzing"] if whole else []
        code = _schemathesis(report, server.url, judge, seed, [*options, *phases])
        for walk in range(MOST_WALKS if whole else 0):
            if walk and not _unwalked(_untrodden(report)):
                break
            code = _schemathesis(report, server.url, judge, seed + walk, [*options, "--phases", "stateful"], f"walk-{walk}") or code
        seconds = time.monotonic() - began
        alive = server.process.poll() is None and httpx.get(f"{server.url}/ok?check_db=1", timeout=10).status_code == 200
        broken = [line for line in server.output.splitlines() if "contract violation" in line or "Exception in ASGI" in line]
    tally = report.read()
    print(f"{len(OPERATIONS) - len(missing)} operations in {seconds:.0f} s; {len(missing)} are not implemented yet and answer 501")
    print(_answers(tally["answers"]))
    slowest = sorted(tally["seconds"].items(), key=lambda item: -item[1])[:3]
    print(f"slowest: {', '.join(f'{name} {spent:.0f} s' for name, spent in slowest)}")
    print(f"digest of the requests: {report.digest()}")
    for index, line in enumerate(exceptions):
        print(f"excused {tally['excused'].get(str(index), 0)} times: {line['operation']} {line['check']}: {line['reason']}")
    untrodden = _untrodden(report)
    print(f"{sum(tally['followed'].values())} times a link was followed; {len(untrodden)} links to refusals only, or never")
    for link in untrodden:
        print(f"  {tally['followed'].get(link, 0)} times followed: {link}")
    unwalked = _unwalked(untrodden) if whole else []
    for reply in unwalked:
        print(f"no link was followed from {reply}")
    leaks = sum(tally["leaks"].values())
    if guarded:
        print(f"{leaks} replies to one of two users with something of the other's: {', '.join(tally['leaks'])}")
    for line in broken[:20]:
        print(f"in the server's log: {line[:500]}")
    if not alive:
        print("the server is not what it was: it ended or its database does not answer")
    return code or (1 if broken or not alive or unwalked or leaks else 0)


def fuzz_oracle(report: Report, seed: int, options: list[str]) -> int:
    """The same against the reference, whose failures are counted and not ours."""
    with oracle(CONFIG) as url:
        judge = f"{url}/openapi.json"
        if report.target == "oracle-by-ours":
            # What our server would serve at the reference's address, with the same graphs.
            judge = str(REPORTS / "contract.json")
            Path(judge).write_bytes(contract.served(tuple(json.loads(CONFIG.read_text())["graphs"]), url))
        _schemathesis(report, url, judge, seed, options)
    print(_answers(report.read()["answers"]))
    return 0


def _schemathesis(report: Report, url: str, judge: str, seed: int, options: list[str], part: str = "all") -> int:
    """Fuzz the server at `url` by the contract at `judge`, an address or a file; the exit code."""
    asks = headers("owner") if report.target == "guarded" else {}
    things = list(_things(url, asks))
    if asks:
        # Another user, whose things are named as often as one's own.
        things += _things(url, headers("other"), marker=THEIRS)
        options = [*options, *(word for name, value in asks.items() for word in ("-H", f"{name.title()}: {value}"))]
    given = {
        "things": things, "url": url, "tally": str(report.tally), "requests": str(report.requests), "headers": asks,
    }  # fmt: skip
    command = [
        str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(FUZZ / "schemathesis.toml"),
        "run", judge, "--url", url, "--seed", str(seed),
        "--report", "junit", "--report-junit-path", str(report.junit(part)), *options,
    ]  # fmt: skip
    # The order of sets must not change from run to run.
    environment = {**os.environ, "ALLOGRAPH_FUZZ": json.dumps(given), "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0"}
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def _record(report: Report, seed: int) -> None:
    """Keep the figures of this run for docs/PARITY.md. A failure counts once for each operation and check."""
    tally = report.read()
    failed = Counter(name.rpartition(" ")[2] for name in tally["failures"])
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    results[report.target] = {
        "version": importlib.metadata.version("allograph") if report.target == "ours" else contract.UPSTREAM_VERSION,
        "schemathesis": importlib.metadata.version("schemathesis"), "seed": seed,
        "operations": len({name.rpartition(" ")[0] for name in tally["answers"]}), "requests": sum(tally["answers"].values()),
        "server_errors": sum(count for name, count in tally["answers"].items() if name.rpartition(" ")[2].startswith("5")),
        "failures": dict(sorted(failed.items())),
    }  # fmt: skip
    RESULTS.write_text(json.dumps(results, indent=2, sort_keys=True) + "\n")


def declared_links(document: dict[str, Any]) -> list[str]:
    """The links of a contract, named as Schemathesis names them."""
    operations = [(f"{method.upper()} {path}", one) for path, item in document["paths"].items() for method, one in item.items()]
    labels = {one["operationId"]: label for label, one in operations}
    return [
        f"{label} -> [{status}] {name} -> {labels[link['operationId']]}"
        for label, one in operations
        for status, response in one["responses"].items()
        for name, link in response.get("links", {}).items()
    ]


def _untrodden(report: Report) -> list[str]:
    """The links of the contract that were never followed to an answer that is no refusal."""
    led_somewhere = report.read()["led_somewhere"]
    return [link for link in declared_links(contract.document()) if not led_somewhere.get(link)]


def _unwalked(untrodden: list[str]) -> list[str]:
    """The replies, such as `PUT /store/items -> [204`, all of whose links are among these."""
    declared = Counter(link.partition("]")[0] for link in declared_links(contract.document()))
    missing = Counter(link.partition("]")[0] for link in untrodden)
    return [reply for reply, links in declared.items() if missing[reply] == links]


def _answers(answers: dict[str, int]) -> str:
    """How many requests there were, to how many operations, with which statuses."""
    by_operation: Counter[str] = Counter()
    by_status: Counter[str] = Counter()
    for name, count in answers.items():
        operation, _, status = name.rpartition(" ")
        by_operation[operation] += count
        by_status[status] += count
    least = ", ".join(f"{name} {count}" for name, count in sorted(by_operation.items(), key=lambda item: item[1])[:3])
    statuses = ", ".join(f"{status}: {count}" for status, count in sorted(by_status.items()))
    return f"{sum(by_operation.values())} requests to {len(by_operation)} operations ({statuses}); fewest: {least}"


def _things(url: str, asks: dict[str, str], marker: str = "fuzz") -> Iterator[dict[str, str]]:
    """Things that exist, as the path parameters that name them: runs that ended, wait, were interrupted, or are late."""
    with httpx.Client(base_url=url, headers=asks, timeout=30) as http:

        def sent(path: str, body: Any) -> Any:
            answer = http.post(path, json=body)
            answer.raise_for_status()
            return answer.json()

        for graph, given in {
            "steps": {"text": marker}, "chat": {"messages": marker}, "asking": {"text": marker}, "anything": [1, {"a": marker}],
        }.items():  # fmt: skip
            assistant = sent("/assistants", {"graph_id": graph, "metadata": {"of": marker}})["assistant_id"]
            http.patch(f"/assistants/{assistant}", json={"name": "Second"}).raise_for_status()
            thread = sent("/threads", {"metadata": {"of": marker}})["thread_id"]
            run = sent(f"/threads/{thread}/runs", {"assistant_id": assistant, "input": given, "stream_resumable": True})["run_id"]
            http.get(f"/threads/{thread}/runs/{run}/join").raise_for_status()
            state = http.get(f"/threads/{thread}/state").json()
            thing = {"assistant_id": assistant, "thread_id": thread, "run_id": run}
            yield {**thing, "checkpoint_id": state["checkpoint"]["checkpoint_id"]}
        yield {**thing, "thread_id": sent("/threads", {})["thread_id"], "namespace": "second"}


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
