"""The harness itself: what it must notice, and what it must not."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

import pytest

from .compare import Allowance, Difference, allowances, compare, unexplained
from .normalise import normalise
from .report import PAGE, page
from .scenario import RECORDINGS, dump, load
from .session import Exchange, parse_events

A = "01a1fbd1-fb57-73cc-a1e6-968548a91d05"
B = "01a1fbd1-fb60-7715-8c76-b05ce5d3fd5c"


def exchange(**answer: Any) -> Exchange:
    return {"request": {"method": "GET", "path": "/threads/<id-1>"}, "status": 200, "headers": {}, **answer}


def paths(expected: Exchange, got: Exchange) -> list[str]:
    return [difference.path for difference in compare("a/b", [expected], [got])]


def test_equal_records_have_no_difference() -> None:
    one = exchange(body={"thread_id": "<id-1>", "values": [1, 2.0, None, True]})
    assert paths(one, copy.deepcopy(one)) == []


def test_keys_in_another_order_are_equal() -> None:
    assert paths(exchange(body={"a": 1, "b": 2}), exchange(body={"b": 2, "a": 1})) == []


@pytest.mark.parametrize(
    ("expected", "got", "path"),
    [
        ({"a": 1}, {"a": 1.0}, "body.a"),
        ({"a": 1}, {"a": True}, "body.a"),
        ({"a": None}, {}, "body.a"),
        ({}, {"a": None}, "body.a"),
        ({"a": []}, {"a": [None]}, "body.a[0]"),
        ({"a": {}}, {"a": []}, "body.a"),
        ({"a": "<time+00:00>"}, {"a": "<timeZ>"}, "body.a"),
        ({"a": "<id-1>"}, {"a": "<hash-1>"}, "body.a"),
    ],
)
def test_small_things_are_noticed(expected: Any, got: Any, path: str) -> None:
    assert paths(exchange(body=expected), exchange(body=got)) == [path]


def test_ids_may_have_other_numbers_but_must_correspond() -> None:
    expected = exchange(body=["<id-2>", "<id-3>", "<id-2>"])
    assert paths(expected, exchange(body=["<id-5>", "<id-4>", "<id-5>"])) == []
    assert paths(expected, exchange(body=["<id-5>", "<id-4>", "<id-4>"])) == ["body[2]"]
    assert paths(expected, exchange(body=["<id-5>", "<id-5>", "<id-5>"])) == ["body[1]"]


def test_ids_as_keys_correspond() -> None:
    expected = exchange(body={"interrupts": {"<id-2>": ["x"], "<id-3>": ["y"]}, "tasks": ["<id-2>", "<id-3>"]})
    got = exchange(body={"interrupts": {"<id-8>": ["x"], "<id-9>": ["y"]}, "tasks": ["<id-8>", "<id-9>"]})
    assert paths(expected, got) == []


def test_a_missing_frame_is_one_difference() -> None:
    frames = [{"event": "values", "data": {"n": n}} for n in range(5)]
    assert paths(exchange(events=frames), exchange(events=frames[:2] + frames[3:])) == ["events[2]"]


def test_frames_in_another_order_are_noticed() -> None:
    frames = [{"event": "values", "data": {"n": n}} for n in range(3)]
    assert paths(exchange(events=frames), exchange(events=[frames[1], frames[0], frames[2]]))


def test_a_missing_exchange_is_noticed() -> None:
    assert len(compare("a/b", [exchange(), exchange()], [exchange()])) == 1


def test_a_scenario_that_failed_is_a_difference() -> None:
    [found] = compare("a/b", [exchange()], [exchange()], failure="KeyError: 'x'")
    assert (found.path, found.got) == ("failure", "KeyError: 'x'")


def test_normalising_replaces_what_varies() -> None:
    now = datetime.now(UTC).isoformat()
    raw: list[Exchange] = [
        {
            "request": {"method": "GET", "path": f"/threads/{A}"},
            "status": 200,
            "headers": {"content-location": f"/threads/{A}/runs/{B}"},
            "body": {
                "id": f"lc_run--{B}-0",
                "created_at": now,
                "written": "2024-01-02T03:04:05+00:00",
                "langgraph_version": "1.2.3",
                "url": "http://127.0.0.1:99/x",
                "interrupt": "0123456789abcdef0123456789abcdef",
                "missing": "00000000-0000-0000-0000-000000000001",
            },
        }
    ]
    [done] = normalise(raw, "http://127.0.0.1:99", {})
    assert done["request"]["path"] == "/threads/<id-1>"
    assert done["headers"]["content-location"] == "/threads/<id-1>/runs/<id-2>"
    assert done["body"] == {
        "id": "lc_run--<id-2>-0",
        "created_at": "<time+00:00>",
        "written": "2024-01-02T03:04:05+00:00",
        "langgraph_version": "<version>",
        "url": "<url>/x",
        "interrupt": "<hash-1>",
        "missing": "00000000-0000-0000-0000-000000000001",
    }


def test_unordered_lists_get_one_order() -> None:
    def raw(*names: str) -> list[Exchange]:
        ids = {"one": A, "two": B}
        body = [{"name": name, "id": ids[name]} for name in names]
        return [
            {
                "request": {"method": "GET", "path": "/"},
                "unordered": ["body"],
                "status": 200,
                "headers": {},
                "body": body,
            }
        ]

    assert normalise(raw("one", "two"), "u", {}) == normalise(raw("two", "one"), "u", {})


def test_default_assistants_keep_a_name() -> None:
    [done] = normalise([{"request": {"method": "GET", "path": f"/assistants/{A}"}}], "u", {A: "steps"})
    assert done["request"]["path"] == "/assistants/<assistant steps>"


def test_events_are_parsed() -> None:
    text = ': heartbeat\r\n\r\nevent: values\r\ndata: {"a": 1}\r\nid: 7\r\n\r\nevent: x\r\ndata: one\r\ndata: two\r\n\r\n'
    assert parse_events(text) == [{"event": "values", "id": "7", "data": {"a": 1}}, {"event": "x", "data": "one\ntwo"}]
    assert parse_events(text, comments=True)[0] == {"comment": "heartbeat"}


@pytest.mark.parametrize(
    ("entry", "allows"),
    [
        (Allowance("r"), True),
        (Allowance("r", path="body.detail"), True),
        (Allowance("r", path="body.*"), True),
        (Allowance("r", path="body"), False),
        (Allowance("r", scenario="a/*", exchange="GET /threads/*", path="**.detail"), True),
        (Allowance("r", scenario="b/*"), False),
        (Allowance("r", expected="Failed validating"), True),
        (Allowance("r", expected="Not Found"), False),
        (Allowance("r", got="must be"), True),
        (Allowance("r", status=422), True),
        (Allowance("r", status=404), False),
    ],
)
def test_allowances(entry: Allowance, allows: bool) -> None:
    found = Difference("a/b", "GET /threads/*", "body.detail", '"Failed validating"', '"`x` must be"', 422)
    assert bool(unexplained([found], [entry])) is not allows
    assert bool(entry.used) is allows


def test_every_allowance_has_a_reason() -> None:
    assert all(len(entry.reason.split()) > 2 for entry in allowances())


def test_recordings_belong_to_scenarios() -> None:
    assert {path.name for path in RECORDINGS.glob("*.json")} == {s.recording.name for s in load().values()}


def test_recordings_are_written_as_the_harness_writes_them() -> None:
    import json

    for path in RECORDINGS.glob("*.json"):
        assert path.read_text() == dump(json.loads(path.read_text())) + "\n", path.name


def test_page_is_fresh() -> None:
    assert PAGE.read_text() == page(), "run `python -m scripts.parity docs`"
