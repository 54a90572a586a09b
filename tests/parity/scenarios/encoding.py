"""How values of every type look as JSON: in a stream, in the thread, in the state."""

from __future__ import annotations

from typing import Any

from . import Session, scenario


def _pick(s: Session, *names: str, mode: Any = "updates") -> None:
    thread = s.thread()
    s.stream(thread, "encoding", input={"pick": list(names)}, stream_mode=mode)
    s.get(f"/threads/{thread}")
    s.get(f"/threads/{thread}/state")


@scenario
def plain(s: Session) -> None:
    _pick(s, "none", "tuple", "int_big", "float_whole")


@scenario
def text(s: Session) -> None:
    _pick(s, "text")


@scenario
def dates(s: Session) -> None:
    _pick(s, "date", "datetime_naive", "datetime_utc", "time", "timedelta")


@scenario
def numbers(s: Session) -> None:
    _pick(s, "decimal", "float_inf", "float_nan")


@scenario
def objects(s: Session) -> None:
    _pick(s, "dataclass", "model", "named_tuple", "enum", "uuid")


@scenario
def messages(s: Session) -> None:
    _pick(s, "messages", "document")


@scenario
def binary(s: Session) -> None:
    _pick(s, "bytes", "bytes_text")


@scenario
def collections(s: Session) -> None:
    _pick(s, "set", "frozenset", "keys")


@scenario
def errors(s: Session) -> None:
    _pick(s, "exception")


@scenario
def unknown(s: Session) -> None:
    """What nobody knows how to write."""
    _pick(s, "odd", "path", "type")


@scenario
def wait(s: Session) -> None:
    everything = [
        "bytes",
        "dataclass",
        "date",
        "datetime_utc",
        "decimal",
        "enum",
        "exception",
        "float_nan",
        "odd",
        "set",
    ]
    s.wait(s.thread(), "encoding", input={"pick": everything})
    s.wait(None, "encoding", input={"pick": everything})


@scenario
def unicode_input(s: Session) -> None:
    thread = s.thread(metadata={"naïve": "é \u2028 😀"})
    s.wait(thread, "steps", input={"text": 'naïve \u2028 é 😀 <b> \\ " \t'})
    s.get(f"/threads/{thread}")
