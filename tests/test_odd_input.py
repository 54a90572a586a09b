"""Values that are unusual and allowed: they come back as they were sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.server_process import ServerProcess
from tests.watching import new_thread


@pytest.fixture(scope="module")
def http(served: ServerProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served.url, timeout=30) as client:
        yield client


ODD: dict[str, Any] = {
    "empty key": {"": 1},
    "quotes": {"a'b\"c\\d": "'; DROP TABLE threads; --"},
    "percent": {"%s %(a)s": "%s %%"},
    "emoji": {"😀": "👩‍👩‍👧‍👦 é e\u0301 \u202e right to left"},
    "controls": {"a": "\x01\x1f\x7f\u2028\u2029"},
    "escaped NUL": {"a": "\\u0000 is six characters"},
    "largest": {"a": 2**53, "b": 2**63 - 1, "c": -(2**63), "d": 1.7976931348623157e308, "e": 5e-324},
    "nothing": {"a": None, "b": [], "c": {}, "d": "", "e": [[[]]]},
    "long key": {"k" * 5000: "v"},
    "many keys": {f"key {number}": number for number in range(2000)},
    "long": {"a": "x" * 500_000},
    "nested": json.loads('{"a":' * 90 + "1" + "}" * 90),
    "names of columns": {"thread_id": 1, "status": "x", "__proto__": {}, "__class__": 1, "lc": 1, "type": "constructor"},
}


@pytest.mark.parametrize("name", ODD)
def test_metadata_comes_back(http: httpx.Client, name: str) -> None:
    thread = http.post("/threads", json={"metadata": ODD[name]})
    assert thread.status_code == 200, thread.text
    assert thread.json()["metadata"] == ODD[name]
    thread_id = thread.json()["thread_id"]
    found = http.post("/threads/search", json={"metadata": ODD[name], "ids": [thread_id]})
    assert [one["thread_id"] for one in found.json()] == [thread_id]
    patched = http.patch(f"/threads/{thread_id}", json={"metadata": ODD[name]})
    assert patched.json()["metadata"] == ODD[name]


@pytest.mark.parametrize("name", ODD)
def test_state_comes_back(http: httpx.Client, name: str) -> None:
    """Through the checkpointer, the thread's row, a stream and a search."""
    if name in ("names of columns",):
        pytest.skip("LangChain reads `lc` as an object of its own")
    thread = new_thread(http)
    odd = [ODD[name]]
    body = {"assistant_id": "count", "input": {"steps": 1, "entries": odd}, "stream_mode": "values"}
    streamed = http.post(f"/threads/{thread}/runs/stream", json=body)
    assert streamed.status_code == 200, streamed.text
    last = json.loads(streamed.text.strip().replace("\r\n", "\n").split("\n\n")[-1].partition("data: ")[2])
    assert last["entries"] == [*odd, "x1"]
    assert http.get(f"/threads/{thread}/state").json()["values"]["entries"] == [*odd, "x1"]
    assert http.get(f"/threads/{thread}").json()["values"]["entries"] == [*odd, "x1"]
    found = http.post("/threads/search", json={"values": {"entries": odd}, "ids": [thread]})
    assert [one["thread_id"] for one in found.json()] == [thread]


def test_integers_beyond_64_bits_do_not_break_anything(http: httpx.Client) -> None:
    thread = http.post("/threads", content=b'{"metadata": {"a": 123456789012345678901234567890}}')
    assert thread.status_code == 200
    assert thread.json()["metadata"]["a"] == pytest.approx(1.2345678901234568e29)
    body = b'{"assistant_id": "count", "input": {"steps": 1, "entries": [123456789012345678901234567890]}}'
    assert http.post("/runs/wait", content=body).json()["entries"][0] == pytest.approx(1.2345678901234568e29)
