"""Agents: messages become runs, runs are shown as tasks.

A task is shown from what is stored: the row of its newest run and the last checkpoint that this run made. So it is told the same
by whichever process is asked, while a client waits for it as well as later.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

from allograph.a2a.card import agent_card
from allograph.a2a.dialect import Version, alone
from allograph.a2a.messages import (
    TASK_NOT_CANCELABLE,
    TASK_NOT_FOUND,
    UNSUPPORTED_OPERATION,
    Said,
    TaskId,
    context_id,
    history_length,
    read_message,
    read_settings,
)  # fmt: skip
from allograph.access.guard import Access
from allograph.encoding import dumps, loads
from allograph.errors import ApiError, NotFound
from allograph.json_rpc import INVALID_PARAMS, RpcError, shortened
from allograph.runner.events import Ended
from allograph.runner.following import Joined
from allograph.runner.introspect import Introspection
from allograph.runner.requests import RunRequest, new_id
from allograph.runner.runner import Runner
from allograph.runner.states import States
from allograph.store.assistants import Assistants
from allograph.store.database import Row
from allograph.store.tasks import Tasks

JsonObject = dict[str, Any]

_STATES = {
    "pending": "submitted", "running": "working", "success": "completed", "error": "failed", "timeout": "failed",
    "interrupted": "canceled",
}  # fmt: skip
"""Status of a run → state of its task, but that one which waits for input has the status `success` too."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A message that was accepted."""

    task: TaskId
    joined: Joined | None
    """None when the client does not wait."""
    said: Said
    history: int


class Agents:
    """The assistants that are served here, as A2A sees them. Methods raise `RpcError` for what cannot be done."""

    def __init__(
        self, access: Access, assistants: Assistants, tasks: Tasks, introspection: Introspection, states: States, runner: Runner
    ) -> None:
        self.access = access
        self.assistants = assistants
        self.tasks = tasks
        self.introspection = introspection
        self.states = states
        self.runner = runner

    async def card(self, assistant_id: UUID, url: str) -> JsonObject:
        assistant = await self._assistant(assistant_id)
        return agent_card(assistant, url, await self.introspection.input_schema(assistant))

    # -- messages -------------------------------------------------------------------------------------------------------------

    async def begin(self, assistant_id: UUID, params: JsonObject, version: Version, *, streamed: bool) -> Begun:
        """Accept a message: it begins a task, or answers the interrupts of one."""
        settings, said = read_settings(params, version), read_message(params, version)
        assistant = await self._assistant(assistant_id)
        metadata = {**said.metadata, "a2a": True}
        metadata.pop("a2a_task", None)
        graph_input, command, strategy = None, None, "enqueue"
        if said.task:
            await self.access.thread(said.task.thread_id, "read", _unknown(said.task))
            shown = await self._shown(assistant_id, said.task, 0)
            if (state := shown["status"]["state"]) != "input-required":
                raise RpcError(
                    UNSUPPORTED_OPERATION,
                    f"Task {said.task} is {state} and waits for no input; leave out taskId to begin another in the same context",
                )
            interrupts = [part["data"] for part in shown["status"]["message"]["parts"] if "data" in part]
            # Whoever answers first; the answer of another to the same question must not reach the next one.
            command, strategy = {"resume": said.answer(interrupts)}, "reject"
            metadata["a2a_task"] = str(said.task.run_id)
        else:
            schema = await self.introspection.input_schema(assistant)
            graph_input = said.graph_input(schema.get("properties", {}), repr(assistant["name"]))
        request = RunRequest(
            str(assistant_id), graph_input, command, metadata=metadata, create_thread=said.task is None,
            stream_mode=["values", "messages"] if streamed else ["values"], multitask_strategy=strategy,
        )  # fmt: skip
        thread_id = said.task.thread_id if said.task else said.context or new_id()
        follow = "events" if streamed else "end" if settings.waits else None
        try:
            run = await self.runner.accept(request, thread_id, follow=follow)  # type: ignore[arg-type]
        except ApiError as refused:
            raise RpcError(INVALID_PARAMS, refused.detail) from None
        return Begun(said.task or TaskId(thread_id, run.run_id), run.joined, said, settings.history)

    async def submitted(self, begun: Begun) -> JsonObject:
        """The task of a message whose run nobody has waited for."""
        task, said = begun.task, begun.said
        row = await self.tasks.newest_run(task.thread_id, task.run_id)
        timestamp = {"timestamp": row["updated_at"].isoformat()} if row else {}
        message = {**said.message, "kind": "message", "taskId": str(task), "contextId": str(task.thread_id)}
        shown = {**_identity(task), "kind": "task", "status": {"state": "submitted", **timestamp}}
        return {**shown, "history": [message]} if begun.history else shown

    async def ended(self, assistant_id: UUID, begun: Begun) -> AsyncGenerator[JsonObject | None, None]:
        """The task when its run is over, behind a None for each heartbeat's time that it takes."""
        assert begun.joined
        async for ended in self.runner.following.end(begun.joined):
            yield None if ended is None else await self._shown(assistant_id, begun.task, begun.history)

    async def events(self, assistant_id: UUID, task: TaskId, joined: Joined) -> AsyncGenerator[JsonObject | None, None]:
        """What happens to a task until its run is over; None for each heartbeat's time without anything.

        While the agent speaks, the status says what it has said so far. Raises `SlowReaderError`.
        """
        async for part in self.runner.following.story(joined):
            if isinstance(part, Ended):
                shown = await self._shown(assistant_id, task, 0)
                for artifact in shown.get("artifacts", ()):
                    yield {
                        "kind": "artifact-update", **_address(task), "artifact": artifact, "append": False, "lastChunk": True,
                    }  # fmt: skip
                yield {"kind": "status-update", **_address(task), "status": shown["status"], "final": True}
            elif not part:
                yield None
            for event in part if isinstance(part, list) else ():
                for message in loads(event.data) if event.name == "messages/partial" else ():
                    if spoken := _spoken(message):
                        said = _message(task, message["id"], [{"kind": "text", "text": spoken}])
                        status = {"state": "working", "message": said}
                        yield {"kind": "status-update", **_address(task), "status": status, "final": False}

    # -- tasks ----------------------------------------------------------------------------------------------------------------

    async def get(self, assistant_id: UUID, params: JsonObject) -> JsonObject:
        await self._assistant(assistant_id)
        task = TaskId.of(params)
        await self.access.thread(task.thread_id, "read", _unknown(task))
        return await self._shown(assistant_id, task, history_length(params))

    async def cancel(self, assistant_id: UUID, params: JsonObject) -> JsonObject:
        """End a task, and answer when it has really ended."""
        task = TaskId.of(params)
        about = {"action": "interrupt", "metadata": {"run_ids": [task.run_id], "status": None}}
        await self.access.thread(task.thread_id, "update", _unknown(task), **about)
        row = await self._newest(assistant_id, task)
        if row["status"] in ("pending", "running"):
            await self.runner.cancel(task.thread_id, [row["run_id"]], "interrupt")
            try:
                joined = await self.runner.following.join(task.thread_id, row["run_id"], "end")
            except NotFound:
                raise _unknown(task) from None
            async for _ in self.runner.following.end(joined):
                pass
        elif (state := (await self._shown(assistant_id, task, 0))["status"]["state"]) != "input-required":
            raise _not_cancelable(task, state)
        else:
            await self.tasks.give_up(row["run_id"])
        shown = await self._shown(assistant_id, task, history_length(params))
        if (state := shown["status"]["state"]) != "canceled":
            raise _not_cancelable(task, state)  # it came to its own end first
        return shown

    async def subscribe(self, assistant_id: UUID, params: JsonObject) -> tuple[TaskId, JsonObject, Joined | None]:
        """A task as it is now, and its run to be followed; none when it waits for input."""
        task = TaskId.of(params)
        await self.access.thread(task.thread_id, "read", _unknown(task))
        row = await self._newest(assistant_id, task)
        joined = None
        if row["status"] in ("pending", "running"):
            joined = await self.runner.following.join(task.thread_id, row["run_id"], "events")
        shown = await self._shown(assistant_id, task, history_length(params))
        if joined is None and (state := shown["status"]["state"]) != "input-required":
            raise RpcError(UNSUPPORTED_OPERATION, f"Task {task} is {state}: nothing more happens to it")
        return task, shown, joined

    async def list(self, assistant_id: UUID, params: JsonObject) -> JsonObject:
        """Tasks that messages began, newest first. Objects are spelled as in 1.0, which alone has this method."""
        await self._assistant(assistant_id)
        for name in ("status", "statusTimestampAfter"):
            if params.get(name):
                raise RpcError(INVALID_PARAMS, f"params.{name}: tasks cannot be filtered by it; leave it out")
        size, offset = _whole(params, "pageSize", 50, 1, 100), _whole(params, "pageToken", 0, 0, 2**31)
        history = history_length(params, default=0)
        context = context_id(params)
        allowed = await self.access.allow("threads", "search", {
            "thread_id": context, "metadata": {}, "values": {}, "status": None, "limit": size, "offset": offset,
        })  # fmt: skip
        rows = await self.tasks.page(assistant_id, context, size, offset, allowed)
        tasks = []
        for row in rows:
            task = await self._task(TaskId(row["thread_id"], row["task"]), row, history)
            if not params.get("includeArtifacts"):
                task.pop("artifacts", None)
            tasks.append(alone(task, "1.0"))
        total = rows[0]["total"] if rows else 0
        more = offset + len(rows) < total
        return {"tasks": tasks, "totalSize": total, "pageSize": size, "nextPageToken": str(offset + len(rows)) if more else ""}

    async def _assistant(self, assistant_id: UUID) -> Row:
        row = await self.assistants.get(assistant_id, await self.access.allow("assistants", "read", {"assistant_id": assistant_id}))
        if row is None or row["graph_id"] not in self.runner.graph_ids:
            raise RpcError(INVALID_PARAMS, f"Assistant '{assistant_id}' not found")
        return row

    async def _newest(self, assistant_id: UUID, task: TaskId) -> Row:
        row = await self.tasks.newest_run(task.thread_id, task.run_id)
        if row is None or row["assistant_id"] != assistant_id:
            raise _unknown(task)
        return row

    async def _shown(self, assistant_id: UUID, task: TaskId, history: int) -> JsonObject:
        return await self._task(task, await self._newest(assistant_id, task), history)

    async def _task(self, task: TaskId, row: Row, history: int) -> JsonObject:
        """A task as 0.3 spells it."""
        state = await self._checkpoint(row)
        status: JsonObject = {"state": _STATES[row["status"]], "timestamp": row["updated_at"].isoformat()}
        shown: JsonObject = {**_identity(task), "kind": "task", "status": status}
        messages = [one for one in _messages(state.get("values")) if _role(one)]
        if row["status"] in ("error", "timeout"):
            error = row["error"].parsed() if row["error"] else {}
            reason = f"{error.get('error', 'Error')}: {error.get('message', 'no reason was kept')}"
            status["message"] = _message(task, _id(row, "status"), [{"kind": "text", "text": reason}])
        elif row["status"] == "success" and state.get("next"):
            status["state"] = "input-required"
            parts = [{"kind": "data", "data": {"id": one["id"], "value": one["value"]}} for one in state["interrupts"]]
            asked = parts or [{"kind": "text", "text": f"The agent stopped before {', '.join(state['next'])}."}]
            status["message"] = _message(task, _id(row, "status"), asked)
            shown["artifacts"] = [{
                "artifactId": _id(row, "artifact"), "name": "Interrupt",
                "description": "Agent requires input to continue", "parts": asked,
            }]  # fmt: skip
        elif row["status"] == "success":
            shown["artifacts"] = [{
                "artifactId": _id(row, "artifact"), "name": "Assistant Response",
                "description": f"Response from assistant {row['assistant_id']}", "parts": _answer(messages, state.get("values")),
            }]  # fmt: skip
        if history:
            shown["history"] = [
                _message(task, one["id"], [{"kind": "text", "text": _text(one)}], _role(one)) for one in messages[-history:]
            ]
        return shown

    async def _checkpoint(self, row: Row) -> JsonObject:
        """The last state that a task made; `{}` when it has made none."""
        # A run that resumes a node which asks again writes to the checkpoint of the run before it.
        for run_id in row["run_ids"]:
            try:
                history = await self.states.history(row["thread_id"], limit=1, metadata={"run_id": str(run_id)})
            except ApiError:
                break  # the graph is gone, or refuses its own state
            if history:
                found: JsonObject = loads(dumps(history[0]))
                return found
        return {}


# ---- how things look


def _id(row: Row, what: str) -> str:
    """An id that is the same whenever it is asked for."""
    return str(uuid5(row["run_id"], what))


def _address(task: TaskId) -> JsonObject:
    return {"taskId": str(task), "contextId": str(task.thread_id)}


def _identity(task: TaskId) -> JsonObject:
    return {"id": str(task), "contextId": str(task.thread_id)}


def _message(task: TaskId, message_id: str, parts: list[JsonObject], role: str = "agent") -> JsonObject:
    return {"kind": "message", "role": role, "parts": parts, "messageId": message_id, **_address(task)}


def _messages(values: Any) -> list[JsonObject]:
    messages = values.get("messages") if isinstance(values, dict) else None
    return [one for one in messages if isinstance(one, dict)] if isinstance(messages, list) else []


def _role(message: Mapping[str, Any]) -> str:
    """Who says it; nobody when it is between an agent and its tools."""
    role = {"human": "user", "ai": "agent"}.get(str(message.get("type")), "")
    return role if role and _text(message) else ""


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    blocks = content if isinstance(content, list) else []
    texts = [one if isinstance(one, str) else one.get("text", "") for one in blocks if isinstance(one, str | dict)]
    return "".join(str(one) for one in texts)


def _spoken(message: Mapping[str, Any]) -> str:
    """What an agent has said so far, in a message that is still being streamed."""
    return _text(message) if str(message.get("type")).lower().startswith("ai") else ""


def _answer(messages: list[JsonObject], values: Any) -> list[JsonObject]:
    """What an agent answers with: the last thing that it said, or all its values when it is no conversation."""
    if messages and _role(messages[-1]) == "agent":
        return [{"kind": "text", "text": _text(messages[-1])}]
    return [{"kind": "data", "data": values if isinstance(values, dict) else {"value": values}}]


def _unknown(task: TaskId) -> RpcError:
    return RpcError(TASK_NOT_FOUND, f"Task not found: {task}")


def _not_cancelable(task: TaskId, state: str) -> RpcError:
    return RpcError(TASK_NOT_CANCELABLE, f"Task {task} cannot be cancelled: it is {state}")


def _whole(params: JsonObject, name: str, default: int, least: int, most: int) -> int:
    given = params.get(name)
    if given is None or given == "":
        return default
    if isinstance(given, str) and given.isascii() and given.isdigit() and len(given) < 12:
        given = int(given)
    if isinstance(given, bool) or not isinstance(given, int) or not least <= given <= most:
        raise RpcError(INVALID_PARAMS, f"params.{name} is {shortened(params[name])}; expected a number from {least} to {most}")
    return given
