"""The authorisation table: who may do what, each line of it asked of a live server.

`table.yaml` is what was agreed on. After a change that is meant, `python -m tests.access.test_table` writes it anew; its
difference is what has to be looked at.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets
import yaml
from websockets.exceptions import InvalidStatus

from allograph.generated import routes
from tests.access.cases import CASES
from tests.access.world import ACTORS, ENVIRONMENT, REFUSED, TLS, Nothing, Things, headers
from tests.server_process import ServerProcess, data_folder, serving

TABLE = Path(__file__).parent / "table.yaml"
PROJECT = Path(__file__).parent / "tokens" / "langgraph.json"
_IDS = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32}|name-[0-9a-f]{32}")
MADE = ("POST /threads", "POST /threads/{thread_id}/runs/wait, to be made if it is not there", "run.start on the owner's thread")
ALIKE = [line for line in CASES if line not in MADE and "{system}" not in line and "A2A" not in line]
"""Lines in which what is another's must be answered as what does not exist. Not where that would be made: a taken id is taken."""

_QUIET = 0.6
"""Seconds after which an open stream is taken to have nothing more to say."""


@pytest.fixture(scope="module")
def guarded() -> Iterator[ServerProcess]:
    with data_folder() as folder, serving(folder / "data", config=PROJECT, environment=ENVIRONMENT) as running:
        yield running


@pytest.fixture(scope="module")
def table() -> dict[str, dict[str, str]]:
    loaded: dict[str, dict[str, str]] = yaml.safe_load(TABLE.read_text())
    return loaded


def test_every_operation_has_a_line(table: dict[str, dict[str, str]]) -> None:
    assert {f"{operation.method} {operation.path}" for operation in routes.OPERATIONS} <= table.keys()
    assert table.keys() == CASES.keys()


@pytest.mark.parametrize("line", CASES)
def test_line(guarded: ServerProcess, table: dict[str, dict[str, str]], line: str) -> None:
    found = outcomes(guarded.url, line)
    assert {actor: outcome for actor, (outcome, _) in found.items()} == table[line]
    outcome, reply = found["other"]
    if line not in ALIKE or (reply[0] < 400 and "error" not in outcome):
        return  # there is nothing to be told apart: what is made, what is searched, what everybody may do
    missing = ask(guarded.url, line, "other", Nothing(guarded.url))
    assert (missing[0], _IDS.sub("<id>", missing[1])) == (reply[0], _IDS.sub("<id>", reply[1]))


def outcomes(url: str, line: str) -> dict[str, tuple[str, tuple[int, str]]]:
    """What each actor is answered, as the table says it and as it came."""
    found, untouched = {}, Things(url)
    for actor in ACTORS:
        things = untouched if actor in REFUSED else Things(url)
        reply = ask(url, line, actor, things)
        found[actor] = shown(reply, things), reply
    return found


def shown(reply: tuple[int, str], things: Things) -> str:
    """The status; `error` if the body is one of JSON-RPC or of the protocol; a count; `theirs` if it shows what the owner has."""
    status, text = reply
    words = [str(status)]
    try:
        body = json.loads(text)
    except ValueError:
        body = None
    if isinstance(body, dict) and (body.get("error") or body.get("__error__") or _failed(body.get("result"))):
        words.append("error")
    if isinstance(count := body.get("pruned_count") if isinstance(body, dict) else body, int):
        words.append(f"={count}")
    if things.marker in text:
        words.append("theirs")
    return " ".join(words)


def _failed(result: Any) -> bool:
    return isinstance(result, dict) and bool(result.get("isError"))


def ask(url: str, line: str, actor: str, things: Things) -> tuple[int, str]:
    """Status and body; of a stream what came until it was quiet."""
    path, body = CASES[line](things, actor)
    method = line.split()[0]
    if method == "WS":
        return asyncio.run(_over_socket(url.replace("http", "ws") + path, body, actor))
    if method not in ("GET", "PUT", "POST", "PATCH", "DELETE"):
        method = "GET" if body is None else "POST"
    accept = {"accept": "application/json, text/event-stream", "mcp-session-id": "of-nobody"} if path.startswith("/mcp") else {}
    text = b""
    with httpx.Client(
        base_url=url, headers={**headers(actor), **accept}, timeout=httpx.Timeout(30, read=_QUIET), verify=TLS
    ) as client:
        if "/stream" not in path:
            client.timeout = httpx.Timeout(30)
        content = None if body is None else json.dumps(body)
        with client.stream(method, path, content=content, headers={"content-type": "application/json"} if content else {}) as reply:
            try:
                for chunk in reply.iter_bytes():
                    text += chunk
            except httpx.ReadTimeout:
                pass  # an open stream
            return reply.status_code, text.decode()


async def _over_socket(url: str, message: Any, actor: str) -> tuple[int, str]:
    try:
        async with websockets.connect(url, additional_headers=headers(actor)) as socket:
            await socket.send(json.dumps(message))
            return 101, str(await asyncio.wait_for(socket.recv(), 10))
    except InvalidStatus as refused:
        return refused.response.status_code, ""


def main() -> None:
    with data_folder() as folder, serving(folder / "data", config=PROJECT, environment=ENVIRONMENT) as running:
        lines = {line: {actor: outcome for actor, (outcome, _) in outcomes(running.url, line).items()} for line in CASES}
    TABLE.write_text(
        "# Who may do what: docs/auth.md. Written by `python -m tests.access.test_table`, and read by people.\n"
        "# `theirs`: the reply shows what the owner has. `error`: of JSON-RPC, of a tool, or of the protocol. `=n`: a count.\n"
        + yaml.safe_dump(lines, sort_keys=False, width=200)
    )


if __name__ == "__main__":
    sys.exit(main())
