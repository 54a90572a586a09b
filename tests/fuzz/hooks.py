"""What Schemathesis is told about this API beyond its contract: loaded by `scripts/fuzz.py` into each run.

JSON Schema cannot say everything. Where a request that it allows is refused for a good reason, the request is put right here
(not the check switched off); where it names a thing by a random id, it is given one that exists, half the time. Failures of
which the check is to blame, not the server, stand in `exceptions.yaml`, each with its reason.
"""

from __future__ import annotations

import atexit
import json
import os
import random
import re
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import schemathesis
import schemathesis.cli
import yaml
from schemathesis.core import NOT_SET
from schemathesis.core.failures import Failure
from schemathesis.core.transport import Response
from schemathesis.engine import events
from schemathesis.engine.run import PhaseName
from schemathesis.generation.case import Case
from schemathesis.hooks import HookContext

from allograph.errors import Invalid
from allograph.handlers.store import LONGEST, LONGEST_FIELD
from allograph.runner.schedule import Schedule

GIVEN: dict[str, Any] = json.loads(os.environ.get("ALLOGRAPH_FUZZ", "{}"))
"""From `scripts/fuzz.py`: the server's `url`, `things` that exist (each a dictionary of path parameters), and where to write the
`tally` and the `requests`."""

EXCEPTIONS: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("exceptions.yaml").read_text()) or []

SCHEDULES = ("*/5 * * * *", "0 9 * * MON-FRI", "@daily", "30 6 1,15 * *", "15 0 4 * * 1")
TIMEZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata")
"""What a schedule and a zone may be, JSON Schema cannot say."""

THEIRS = "something-of-the-other-user"
"""As in `scripts/fuzz.py`."""

LONGEST_DELAY = 0.2
"""Seconds. `after_seconds` may be a year, and some requests wait for their run."""

_answers: Counter[str] = Counter()
_seconds: Counter[str] = Counter()
_excused: Counter[int] = Counter()
_failures: Counter[str] = Counter()
_followed: Counter[str] = Counter()
_led_somewhere: Counter[str] = Counter()
_leaks: Counter[str] = Counter()
_requests: list[str] = []
_assistants: set[str] = set()
"""Those that were made on the way."""


@schemathesis.hook
def before_call(context: HookContext, case: Case, kwargs: dict[str, Any]) -> None:
    _prepare(case)
    GIVEN["began"] = time.monotonic()


def _prepare(case: Case) -> None:
    """Put right, before it is sent, what the contract cannot say."""
    if isinstance(case.body, dict | list):
        for body in case.body if isinstance(case.body, list) else [case.body]:
            _shorten(body)
    if case.meta is None:
        return
    if not case.meta.generation.mode.is_positive:
        _with_a_value(case.query)
        return
    walking = case.meta.phase.name.value == "stateful"
    if not walking and case.method != "DELETE":
        _name_what_exists(case)
    if not walking and case.operation.path.endswith("/cancel"):
        _name_what_can_be_cancelled(case)
    for container in ("path_parameters", "query", "headers", "body"):
        value = getattr(case, container)
        if value is not NOT_SET and value is not None:
            _without_nul(value) if isinstance(value, dict | list) else None
    if isinstance(case.body, dict | list):
        for body in case.body if isinstance(case.body, list) else [case.body]:
            _put_right(body)
            if walking and isinstance(body, dict):
                _walk(body, case.operation.path)
    match case.operation.label:
        case "POST /threads/{thread_id}/stream/events" if isinstance(case.body, dict):
            # The protocol's envelopes are closed: what it does not know would be ignored.
            case.body = {name: value for name, value in case.body.items() if name in ("channels", "namespaces", "depth", "since")}
        case "POST /assistants/{assistant_id}/latest":
            _say_the_version_once(case)
        case "POST /threads/{thread_id}/runs/{run_id}/cancel" if walking:
            case.query.pop("action", None)
        case "PUT /store/items" if isinstance(case.body, dict):
            _fit_index(case.body)
        case "POST /store/items/search" if isinstance(case.body, dict):
            _fit_filter(case.body.get("filter"))
        case "POST /threads" if isinstance(case.body, dict):
            _fit_steps(case.body)
        case "POST /threads/{thread_id}/state" if isinstance(case.body, dict):
            case.body = {**case.body, "values": {"trail": [case.body.get("values")]}, "as_node": "last"}


@schemathesis.hook
def filter_failure(context: HookContext, failure: Failure, case: Case, response: Response) -> bool:
    """Whether a failure counts."""
    for index, line in enumerate(EXCEPTIONS):
        if (
            line["operation"] == case.operation.label
            and line["check"] == type(failure).__name__
            and line.get("status", response.status_code) == response.status_code
            and line.get("detail", "") in response.text
        ):
            _excused[index] += 1
            return False
    _failures[f"{case.operation.label} {type(failure).__name__}"] += 1
    return True


@schemathesis.hook
def after_call(context: HookContext, case: Case, response: Response) -> None:
    _answers[f"{case.operation.label} {response.status_code}"] += 1
    if THEIRS in response.text and THEIRS not in f"{case.path_parameters} {case.query} {case.body}":
        _leaks[case.operation.label] += 1
    # With the time for which a stream was read; requests go one after the other.
    _seconds[case.operation.label] += time.monotonic() - GIVEN["began"]
    _requests.append(_as_sent(case, response))
    if case.operation.label == "POST /assistants" and response.status_code == 200:
        _assistants.add(response.json()["assistant_id"])


@schemathesis.cli.handler()
class Links(schemathesis.cli.EventHandler):  # type: ignore[misc]
    """Counts the contract's links that the stateful phase followed, and those of which the answer was no refusal."""

    def handle_event(self, ctx: schemathesis.cli.ExecutionContext, event: events.EngineEvent) -> None:
        if not isinstance(event, events.ScenarioFinished) or event.phase is not PhaseName.STATEFUL_TESTING:
            return
        for case_id, node in event.recorder.cases.items():
            answered = event.recorder.interactions.get(case_id)
            if node.transition and node.is_transition_applied and answered and answered.response:
                _followed[node.transition.id] += 1
                _led_somewhere[node.transition.id] += answered.response.status_code < 300


@atexit.register
def _write_tally() -> None:
    """Add to what the parts of this run wrote that went before."""
    if "tally" not in GIVEN:
        return
    place = Path(GIVEN["tally"])
    before = json.loads(place.read_text()) if place.exists() else {}
    mine = {
        "answers": _answers, "excused": Counter({str(index): n for index, n in _excused.items()}), "failures": _failures,
        "followed": _followed, "led_somewhere": _led_somewhere, "seconds": _seconds, "leaks": _leaks,
    }  # fmt: skip
    place.write_text(json.dumps({name: Counter(before.get(name, {})) + counts for name, counts in mine.items()}))
    with Path(GIVEN["requests"]).open("a") as requests:
        requests.writelines(_requests)


def _as_sent(case: Case, response: Response) -> str:
    """A line of what was sent."""
    request = response.request
    body = request.body.decode(errors="backslashreplace") if isinstance(request.body, bytes) else request.body
    phase = case.meta.phase.name.value if case.meta else ""
    return _comparable(f"{phase} {request.method} {request.path_url} {body or ''}".replace("\n", "\\n")) + "\n"


def _comparable(text: str) -> str:
    """Without what the server makes up anew in each run, and what is taken from its replies."""
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "<id>", text)
    return re.sub(r"20\d\d-\d\d-\d\dT\d\d(:|%3A)\d\d(:|%3A)\d\d\.\d+(\+|%2B)00(:|%3A)00", "<time>", text)


def _with_a_value(query: dict[str, Any]) -> None:
    """A name without a value is what the SDK clients send for None and says nothing: make what is wrong wrong."""
    for name in ("stream_mode", "stream_modes", "select"):
        if name in query:
            value = query[name]
            query[name] = ["?" if one == "" else one for one in value] if isinstance(value, list) else value or "?"


def _shorten(body: Any) -> None:
    """Neither a run that starts in a year nor a call of a stranger's server."""
    if not isinstance(body, dict):
        return
    delay = body.get("after_seconds")
    if isinstance(delay, int | float) and not isinstance(delay, bool) and delay > 0:
        body["after_seconds"] = min(delay, LONGEST_DELAY)
    if isinstance(body.get("webhook"), str) and body["webhook"]:
        body["webhook"] = "http://127.0.0.1:9/"  # nothing listens there


def _put_right(body: Any) -> None:
    if not isinstance(body, dict):
        return
    # Settings come in `context` or in `config.configurable`: 400 for both.
    config = body.get("config")
    if isinstance(config, dict) and config.get("configurable"):
        body.pop("context", None)
    if body.get("end_time") == "":  # Schemathesis forgets the format of a text that may be null
        del body["end_time"]
    if isinstance(body.get("schedule"), str):
        try:
            Schedule.parse(body["schedule"], None)
        except Invalid:
            body["schedule"] = SCHEDULES[len(body["schedule"]) % len(SCHEDULES)]
    if isinstance(body.get("timezone"), str) and body["timezone"] not in TIMEZONES:
        body["timezone"] = TIMEZONES[len(body["timezone"]) % len(TIMEZONES)]


def _walk(body: dict[str, Any], path: str) -> None:
    """On the way through the links the checks believe that what was made is there until it is deleted, and then gone for good."""
    if "/runs/crons" in path:
        # A cron goes with its assistant, so it gets one that stays. To search for one, the link names the assistant.
        if path.endswith("/crons"):
            body["assistant_id"] = "steps"
    elif "/runs" in path:
        # Only what a link names may be missing, not a random assistant.
        if "assistant_id" in body and body["assistant_id"] not in _assistants:
            body["assistant_id"] = "steps"
        if body.get("multitask_strategy") == "rollback":
            body["multitask_strategy"] = "interrupt"
        body.pop("if_not_exists", None)
        if path == "/runs":
            body["on_completion"] = "keep"  # else its thread goes with it
    else:
        for name in ("thread_id", "assistant_id", "ttl"):  # a thread may live for no time at all
            body.pop(name, None)
    if isinstance(body.get("checkpoint"), dict):
        body["checkpoint"].pop("checkpoint_id", None)


def _say_the_version_once(case: Case) -> None:
    """In the query or in the body, and in one of them."""
    if isinstance(case.body, dict):
        case.query.pop("version", None)
    else:
        case.query.setdefault("version", 1)


def _fit_steps(body: dict[str, Any]) -> None:
    """Threads of the graph `steps`, whose nodes these are: what fits a graph, no contract says."""
    metadata = body.get("metadata")
    body["metadata"] = {**(metadata if isinstance(metadata, dict) else {}), "graph_id": "steps"}
    for step in body.get("supersteps", ()):
        for update in step["updates"]:
            update["as_node"] = "first"
            update["values"] = {"trail": [update.get("values")]}
            if update.get("command") is not None:
                update["command"] = {"update": {"trail": [update["command"]]}}


def _fit_filter(wanted: Any) -> None:
    """A name with a dollar in a condition is an operator, of which there are six; JSON Schema cannot say which."""
    for name, condition in wanted.items() if isinstance(wanted, dict) else ():
        if isinstance(condition, dict):
            wanted[name] = {key.lstrip("$"): value for key, value in condition.items()}


def _fit_index(item: dict[str, Any]) -> None:
    """The contract counts characters; Postgres takes so many bytes, of the labels of a namespace with a dot between them."""
    # The namespace of a user stands below one with the user's name.
    room = LONGEST - len("owner.") * bool(GIVEN["headers"])
    namespace = []
    for label in item["namespace"]:
        if kept := _bytes_of(label, room):
            namespace.append(kept)
        room -= len(kept.encode()) + 1
    item |= {"namespace": namespace, "key": _bytes_of(item["key"], LONGEST)}
    if isinstance(item.get("index"), list):
        item["index"] = [_bytes_of(field, LONGEST_FIELD) for field in item["index"]]


def _bytes_of(text: str, most: int) -> str:
    return text.encode()[: max(most, 0)].decode(errors="ignore")


def _without_nul(value: Any) -> None:
    """NUL cannot be stored: 422 wherever it is. The tests of refusals send it."""
    for key in list(value) if isinstance(value, dict) else range(len(value)):
        member = value[key]
        if isinstance(member, dict | list):
            _without_nul(member)
        elif isinstance(member, str) and "\0" in member:
            value[key] = member.replace("\0", "\ufffd")
        if isinstance(key, str) and "\0" in key:
            value[key.replace("\0", "\ufffd")] = value.pop(key)


def _name_what_exists(case: Case) -> None:
    asked = case.path_parameters
    if not asked:
        return
    chance = _chance(case)
    known = [thing for thing in GIVEN.get("things", ()) if thing.keys() >= asked.keys()]
    if known and chance.random() < 0.5:
        thing = chance.choice(known)
        case.path_parameters = {name: thing[name] for name in asked}


def _name_what_can_be_cancelled(case: Case) -> None:
    """A run that is running or has not begun: those that are named otherwise have ended."""
    chance = _chance(case)
    if chance.random() < 0.5 or (not case.path_parameters and not isinstance(case.body, dict)):
        return
    how = chance.choice([{"assistant_id": "slow"}, {"assistant_id": "steps", "after_seconds": 60}])
    thread = httpx.post(f"{GIVEN['url']}/threads", json={}, headers=GIVEN["headers"]).raise_for_status().json()["thread_id"]
    run = (
        httpx.post(f"{GIVEN['url']}/threads/{thread}/runs", json={**how, "input": {"text": "x"}}, headers=GIVEN["headers"])
        .raise_for_status()
        .json()["run_id"]
    )
    if case.path_parameters:
        case.path_parameters = {"thread_id": thread, "run_id": run}
    elif isinstance(case.body, dict) and "run_ids" in case.body:
        case.body |= {"thread_id": thread, "run_ids": [run, *case.body["run_ids"]]}


def _chance(case: Case) -> random.Random:
    """Not Python's own randomness: the same seed has to give the same requests, though the server makes up other ids."""
    body = None if case.body is NOT_SET else case.body  # which is shown with its address
    return random.Random(_comparable(f"{case.operation.label} {case.path_parameters} {case.query} {body}"))
