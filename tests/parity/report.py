"""The page `docs/PARITY.md`, made from the recordings and from the list of differences."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict

from .compare import allowances
from .scenario import ROOT, load, recorded

PAGE = ROOT / "docs" / "PARITY.md"
FUZZED = ROOT / "tests" / "fuzz" / "results.json"
CONTRACT = ROOT / "openapi" / "upstream.json"
METHODS = ("get", "post", "put", "patch", "delete")

INTRODUCTION = """\
<!-- Made by `python -m scripts.parity docs` from tests/recordings/ and tests/parity/differences.yaml. Do not edit. -->
# Parity with the reference

The same scripted conversations are held with `langgraph dev` (the reference, version pinned in `scripts/oracle.in`) and
with this server. Status, headers that clients read, JSON bodies and every frame of every stream are compared; ids,
times, versions and addresses are replaced by tokens first, and ids must still correspond one to one.

- `make parity-record` plays the scenarios of `tests/parity/scenarios/` against the reference and renews
  `tests/recordings/`. After raising the reference's version, the diff of the recordings is the report of what changed.
- `make parity` plays them against both servers, live, and compares.
- `make test` plays them against our server and compares with the recordings, so that no reference is needed.
- A difference is a failure, unless `tests/parity/differences.yaml` lists it with a reason. An entry that covers nothing
  is a failure too.
"""


def _operations() -> dict[tuple[str, str], re.Pattern[str]]:
    """The contract's operations with what their paths look like."""
    if not CONTRACT.exists():
        return {}
    paths = json.loads(CONTRACT.read_text())["paths"]
    return {
        (method.upper(), path): re.compile(
            "/".join("[^/]+" if part.startswith("{") else re.escape(part) for part in path.split("/"))
        )
        for path, item in paths.items()
        for method in item
        if method in METHODS
    }


def _called(operations: dict[tuple[str, str], re.Pattern[str]], method: str, path: str) -> tuple[str, str] | None:
    """The operation that a request is for; a literal path wins over a templated one."""
    bare = path.partition("?")[0]
    fits = [key for key, pattern in operations.items() if key[0] == method and pattern.fullmatch(bare)]
    return min(fits, key=lambda key: key[1].count("{"), default=None)


def _fuzzed() -> list[str]:
    """What `make fuzz` found in both servers, side by side."""
    if not FUZZED.exists():
        return []
    results = json.loads(FUZZED.read_text())
    columns = [results["ours"], results["oracle-by-ours"], results["oracle"]]
    checks = sorted({check for one in columns for check in one["failures"]})
    rows = [
        ("operations", [one["operations"] for one in columns]),
        ("requests", [one["requests"] for one in columns]),
        ("answers of 500 and above", [one["server_errors"] for one in columns]),
        *((f"`{check}`", [one["failures"].get(check, 0) for one in columns]) for check in checks),
        ("**failures**", [f"**{sum(one['failures'].values())}**" for one in columns]),
    ]
    ours, reference = results["ours"], results["oracle"]
    return [
        "## Fuzzed against the contract",
        "",
        f"Schemathesis {ours['schemathesis']}, all checks, seed {ours['seed']}, the same strategies and graphs for both servers. A",
        "failure counts once an operation and check. The reference is judged twice: by the contract that this server serves, and",
        "by the one that it serves itself. With its overlays ours is stricter where this server refuses what the reference takes,",
        "and wider where the reference answers what its own contract does not declare. Ours had the examples of `make fuzz` and",
        "the stateful phase; the reference, of which each run takes a second, had 8 examples an operation and no stateful phase.",
        "",
        f"| | Allograph {ours['version']}, by its contract | `langgraph dev` {reference['version']}, by that too | by its own |",
        "|---|---:|---:|---:|",
        *(f"| {name} | {' | '.join(map(str, cells))} |" for name, cells in rows),
        "",
    ]


def page() -> str:
    """The whole page."""
    operations = _operations()
    topics: dict[str, Counter[str]] = defaultdict(Counter)
    statuses: dict[tuple[str, str], Counter[int]] = defaultdict(Counter)
    total: Counter[str] = Counter()
    for name, script in load().items():
        topic = name.partition("/")[0]
        streams = 0
        for exchange in recorded(script):
            request = exchange["request"]
            frames = len(exchange.get("events", []))
            streams += "events" in exchange
            topics[topic].update(exchanges=1, streams="events" in exchange, frames=frames)
            if operation := _called(operations, request["method"], request["path"]):
                statuses[operation][exchange["status"]] += 1
        topics[topic].update(scenarios=1)
    for counts in topics.values():
        total.update(counts)
    columns = ("scenarios", "exchanges", "streams", "frames")
    lines = [INTRODUCTION, "## What is compared", "", f"| topic | {' | '.join(columns)} |", f"|---|{'---:|' * 4}"]
    lines += [f"| {topic} | {' | '.join(str(topics[topic][c]) for c in columns)} |" for topic in sorted(topics)]
    lines += [f"| **all** | {' | '.join(f'**{total[c]}**' for c in columns)} |", ""]
    if operations:
        lines += [
            "## Operations of the contract",
            "",
            f"{len(statuses)} of {len(operations)} are in at least one scenario. Exchanges by the reference's status:",
            "",
            "| operation | statuses |",
            "|---|---|",
        ]
        for method, path in sorted(operations, key=lambda key: (key[1], key[0])):
            seen = ", ".join(f"{status} × {n}" for status, n in sorted(statuses[method, path].items()))
            lines.append(f"| `{method} {path}` | {seen or '(none)'} |")
        lines.append("")
    lines += _fuzzed()
    allowed = allowances()
    lines += [
        "## Different on purpose",
        "",
        f"{len(allowed)} entries in `tests/parity/differences.yaml`.",
        "",
        "| where | what | why |",
        "|---|---|---|",
    ]
    for entry in allowed:
        where = entry.scenario if entry.exchange == "*" else f"{entry.scenario}: {entry.exchange}"
        what = f"status {entry.status}" if entry.status else entry.path
        lines.append(f"| `{where}` | `{what}` | {' '.join(entry.reason.split())} |".replace("\\|", "|"))
    return "\n".join(lines) + "\n"
