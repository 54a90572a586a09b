"""The A2A endpoint, as the contract describes it: version 0.3."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid5

from . import Session, scenario

NAMESPACE = UUID("6ba7b821-9dad-11d1-80b4-00c04fd430c8")
ACCEPT = {"accept": "application/json"}


def _ask(s: Session, graph_id: str, method: str, params: Any) -> Any:
    body = {"jsonrpc": "2.0", "id": "1", "method": method, "params": params}
    return s.post(f"/a2a/{uuid5(NAMESPACE, graph_id)}", body, headers=ACCEPT)


def _message(*parts: Any, **fields: Any) -> Any:
    return {"message": {"role": "user", "messageId": "m1", "parts": list(parts), **fields}}


def _text(text: str) -> Any:
    return {"kind": "text", "text": text}


def _data(**data: Any) -> Any:
    return {"kind": "data", "data": data}


@scenario
def conversation(s: Session) -> None:
    task = _ask(s, "chat", "message/send", _message(_text("hello"))).json["result"]
    address = {"id": task["id"], "contextId": task["contextId"]}
    _ask(s, "chat", "tasks/get", {**address, "historyLength": 1})
    _ask(s, "chat", "tasks/get", {**address, "historyLength": 11})
    _ask(s, "chat", "tasks/cancel", address)


@scenario
def interrupt(s: Session) -> None:
    task = _ask(s, "asking", "message/send", _message(_data(text="x"))).json["result"]
    again = {"contextId": task["contextId"], "taskId": task["id"]}
    _ask(s, "asking", "message/send", _message(_data(resume="Ann"), **again))


@scenario
def failing(s: Session) -> None:
    _ask(s, "failing", "message/send", _message(_data(text="x")))


@scenario
def stream(s: Session) -> None:
    body = {"jsonrpc": "2.0", "id": "1", "method": "message/stream", "params": _message(_data(text="x"))}
    s.post(f"/a2a/{uuid5(NAMESPACE, 'asking')}", body, headers={"accept": "text/event-stream"})


@scenario
def wrong(s: Session) -> None:
    _ask(s, "chat", "nope", {})
    _ask(s, "chat", "message/send", {})
    _ask(s, "chat", "message/send", _message())
    _ask(s, "steps", "message/send", _message(_text("hello")))
    _ask(s, "chat", "tasks/get", {"id": "zzz", "contextId": "00000000-0000-4000-8000-000000000000"})
    s.post(f"/a2a/{uuid5(NAMESPACE, 'chat')}", {"jsonrpc": "2.0", "id": 5, "method": "nope"}, headers=ACCEPT)
    s.post(f"/a2a/{uuid5(NAMESPACE, 'chat')}", ["x"], headers=ACCEPT)
