"""What clients send: messages with their parts and settings, read into what a run needs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from allograph.a2a.card import MODES
from allograph.a2a.dialect import Version, incoming
from allograph.json_rpc import INVALID_PARAMS, RpcError, shortened, text

TASK_NOT_FOUND = -32001
TASK_NOT_CANCELABLE = -32002
PUSH_NOT_SUPPORTED = -32003
UNSUPPORTED_OPERATION = -32004
CONTENT_TYPE_NOT_SUPPORTED = -32005
VERSION_NOT_SUPPORTED = -32009

LONGEST_HISTORY = 10
"""Messages, as the contract says; also what is sent when the client does not say how many it wants."""

_ROLES = {"user": "user", "agent": "assistant"}


@dataclass(frozen=True, slots=True)
class TaskId:
    """A thread and the run that began the task there."""

    thread_id: UUID
    run_id: UUID

    def __str__(self) -> str:
        return f"{self.thread_id}:{self.run_id}"

    @classmethod
    def of(cls, params: dict[str, Any], name: str = "id", where: str = "params") -> TaskId:
        """`<thread>:<run>`, or a run beside the `contextId` of its thread. Raises `RpcError` when it can name no task."""
        given, context = text(params, name, where), context_id(params, where)
        thread, _, run = given.rpartition(":")
        try:
            found = cls(UUID(thread) if thread or context is None else context, UUID(run))
        except ValueError:
            raise RpcError(TASK_NOT_FOUND, f"Task not found: {given[:200]}") from None
        if context not in (None, found.thread_id):
            raise RpcError(TASK_NOT_FOUND, f"Task not found: {given[:200]} in context {context}")
        return found


def context_id(params: dict[str, Any], where: str = "params") -> UUID | None:
    given = params.get("contextId")
    if given is None or given == "":
        return None
    try:
        return UUID(given)
    except (TypeError, ValueError, AttributeError):
        raise RpcError(INVALID_PARAMS, f"{where}.contextId is {shortened(given)}; expected the UUID of a thread") from None


@dataclass(frozen=True, slots=True)
class Said:
    """A message of a client."""

    message: dict[str, Any]
    """As it came, in the spelling of 0.3."""
    message_id: str
    role: str
    context: UUID | None
    task: TaskId | None
    """The task that it goes on with."""
    text: str | None
    data: dict[str, Any] | None
    metadata: dict[str, Any] = field(default_factory=dict)

    def graph_input(self, fields: dict[str, Any], name: str) -> dict[str, Any]:
        """The input of a run: what data parts say, and the text as a message. `fields` are those of the graph's input."""
        value = dict(self.data or {})
        if self.text is None:
            return value
        if "messages" not in fields:
            raise RpcError(
                INVALID_PARAMS,
                f"Assistant {name} does not take conversational messages: the input of its graph has no field `messages`. "
                f"Send a data part with some of the fields: {', '.join(fields) or 'none'}",
            )
        before = value.get("messages", [])
        message = {"role": self.role, "content": self.text, "id": self.message_id}
        return {**value, "messages": [*(before if isinstance(before, list) else [before]), message]}

    def answer(self, interrupts: list[dict[str, Any]]) -> Any:
        """What a paused graph is resumed with: text, or `resume` of a data part, or the whole of that.

        Several interrupts are answered by a list of their ids and values. Raises `RpcError` when it is not clear which is meant.
        """
        if self.data is None:
            value: Any = self.text
        else:
            value = self.data.get("resume", self.data)
        if isinstance(value, list) and value and all(isinstance(one, dict) and set(one) == {"id", "value"} for one in value):
            by_id = {str(one["id"]): one["value"] for one in value}
            if unknown := set(by_id) - {one["id"] for one in interrupts}:
                raise RpcError(INVALID_PARAMS, f"There is no interrupt {', '.join(sorted(unknown))[:200]}; {_asked(interrupts)}")
            return by_id
        if len(interrupts) > 1:
            raise RpcError(
                INVALID_PARAMS,
                f"{len(interrupts)} interrupts wait for answers; send a data part "
                f'{{"resume": [{{"id": ..., "value": ...}}, ...]}}. {_asked(interrupts)}',
            )
        return value


def _asked(interrupts: list[dict[str, Any]]) -> str:
    return f"Waiting are: {', '.join(one['id'] for one in interrupts)}"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a client wants of the answer to its message."""

    history: int
    waits: bool
    """Answer when the task has ended or waits for input, not at once."""


def read_message(params: dict[str, Any], version: Version) -> Said:
    """The message of `message/send` and its like. Raises `RpcError` naming what is missing or wrong."""
    where = "params.message"
    if not isinstance(params.get("message"), dict):
        raise RpcError(INVALID_PARAMS, f"{where} is {shortened(params.get('message'))}; expected an object")
    message = incoming(params["message"], version)
    message_id = text(message, "messageId", where)
    role = message.get("role")
    if not isinstance(role, str) or role not in _ROLES:
        raise RpcError(INVALID_PARAMS, f'{where}.role is {shortened(role)}; expected "user" or "agent"')
    texts, data = _parts(message.get("parts"), where)
    return Said(
        message, message_id, _ROLES[role], context_id(message, where),
        TaskId.of(message, "taskId", where) if message.get("taskId") else None,
        "\n".join(texts) if texts else None, data,
        {**_object(params, "metadata", "params"), **_object(message, "metadata", where)},
    )  # fmt: skip


def _parts(parts: Any, where: str) -> tuple[list[str], dict[str, Any] | None]:
    if not isinstance(parts, list) or not parts:
        raise RpcError(INVALID_PARAMS, f"{where}.parts must be a list of at least one part")
    texts: list[str] = []
    data: dict[str, Any] | None = None
    for number, part in enumerate(parts):
        kind = part.get("kind") if isinstance(part, dict) else None
        if kind == "text" and isinstance(part.get("text"), str):
            texts.append(part["text"])
        elif kind == "data" and isinstance(part.get("data"), dict):
            data = {**(data or {}), **part["data"]}
        elif kind in ("text", "data"):
            expected = "a string" if kind == "text" else "an object"
            raise RpcError(INVALID_PARAMS, f"{where}.parts[{number}].{kind} is {shortened(part.get(kind))}; expected {expected}")
        else:
            raise RpcError(
                CONTENT_TYPE_NOT_SUPPORTED, f"{where}.parts[{number}] is {shortened(part)}; text parts and data parts are supported"
            )
    return texts, data


def _object(params: dict[str, Any], name: str, where: str) -> dict[str, Any]:
    value = params.get(name)
    if value is not None and not isinstance(value, dict):
        raise RpcError(INVALID_PARAMS, f"{where}.{name} is {shortened(value)}; expected an object")
    return value or {}


def read_settings(params: dict[str, Any], version: Version) -> Settings:
    """`configuration` beside a message. Raises `RpcError` for what this server does not do."""
    where = "params.configuration"
    settings = _object(params, "configuration", "params")
    push = "pushNotificationConfig" if version == "0.3" else "taskPushNotificationConfig"
    if settings.get(push) is not None:
        raise RpcError(PUSH_NOT_SUPPORTED, f"{where}.{push}: push notifications are not supported; stream, or ask for the task")
    modes = settings.get("acceptedOutputModes") or []
    if not isinstance(modes, list):
        raise RpcError(INVALID_PARAMS, f"{where}.acceptedOutputModes is {shortened(modes)}; expected a list")
    if modes and not {"*/*", *MODES}.intersection(str(mode) for mode in modes):
        raise RpcError(CONTENT_TYPE_NOT_SUPPORTED, f"{where}.acceptedOutputModes must name one of {', '.join(MODES)}")
    name = "blocking" if version == "0.3" else "returnImmediately"
    given = settings.get(name)
    if given is not None and not isinstance(given, bool):
        raise RpcError(INVALID_PARAMS, f"{where}.{name} is {shortened(given)}; expected true or false")
    waits = given is not False if version == "0.3" else given is not True
    return Settings(history_length(settings, where), waits)


def history_length(params: dict[str, Any], where: str = "params", default: int = LONGEST_HISTORY) -> int:
    given = params.get("historyLength")
    if given is None:
        return default
    if isinstance(given, bool) or not isinstance(given, int) or given < 0:
        raise RpcError(INVALID_PARAMS, f"{where}.historyLength is {shortened(given)}; expected a whole number of messages")
    if given > LONGEST_HISTORY:
        raise RpcError(INVALID_PARAMS, f"{where}.historyLength cannot exceed {LONGEST_HISTORY}")
    return given
