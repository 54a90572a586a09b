"""The commands of the protocol, whichever way they came. What they do is done by the same parts that serve the classic API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from allograph.encoding import dumps
from allograph.errors import ApiError, NotFound
from allograph.runner.protocol.driving import MODES
from allograph.runner.protocol.parameters import CommandError, ErrorCode, Parameters
from allograph.runner.protocol.tree import Tree
from allograph.runner.requests import RunRequest, new_id
from allograph.runner.runner import AcceptedRun, Runner
from allograph.runner.states import States
from allograph.runner.thread_log import ThreadLog
from allograph.store.checkpoints import Checkpoints
from allograph.store.database import Row
from allograph.store.threads import Threads

STRATEGIES = ("enqueue", "reject", "interrupt", "rollback")
MOST_CHECKPOINTS = 1000
SUBSCRIPTIONS = ("subscription.subscribe", "subscription.unsubscribe", "subscription.reconnect")


class Commands:
    """Executes commands on threads."""

    def __init__(self, runner: Runner, states: States, threads: Threads, checkpoints: Checkpoints, thread_log: ThreadLog) -> None:
        self.runner = runner
        self.states = states
        self.threads = threads
        self.checkpoints = checkpoints
        self.thread_log = thread_log
        self.events = thread_log.events
        self._methods: dict[str, Callable[[UUID, Parameters], Awaitable[dict[str, Any]]]] = {
            "run.start": self._start,
            "input.respond": self._respond,
            "input.inject": self._inject,
            "agent.getTree": self._tree,
            "state.get": self._state,
            "state.listCheckpoints": self._list_checkpoints,
            "state.fork": self._fork,
        }

    async def answer(self, thread_id: UUID, command_id: int, method: str, params: dict[str, Any]) -> bytes:
        """Execute a command; the reply as JSON."""
        if method != "run.start" and not await self._may_read(thread_id):
            # As of a thread that does not exist, word for word.
            nobodys = new_id()
            reply = await self._answer(nobodys, command_id, method, params)
            return reply.replace(str(nobodys).encode(), str(thread_id).encode())
        return await self._answer(thread_id, command_id, method, params)

    async def _answer(self, thread_id: UUID, command_id: int, method: str, params: dict[str, Any]) -> bytes:
        # Before the command: what it causes comes later than this.
        meta = {"applied_through_seq": await self.position(thread_id)}
        try:
            if method in SUBSCRIPTIONS:
                raise CommandError(
                    "not_supported",
                    f"{method} belongs to a WebSocket; over HTTP, POST /threads/{thread_id}/stream/events opens a subscription",
                )
            if (execute := self._methods.get(method)) is None:
                known = ", ".join((*self._methods, *SUBSCRIPTIONS))
                raise CommandError("unknown_command", f"{method[:100]!r} is no command; there are: {known}")
            return success(command_id, await execute(thread_id, Parameters(method, params)), meta)
        except CommandError as refused:
            return error(command_id, refused.code, refused.message, meta)
        except ApiError as refused:
            return error(command_id, _code(refused), refused.detail, meta)

    async def position(self, thread_id: UUID) -> int:
        """The number of the last event of a thread, 0 before there is one."""
        return await self.thread_log.position(thread_id) if await self._may_read(thread_id) else 0

    async def _may_read(self, thread_id: UUID) -> bool:
        return await (await self.runner.access.watch(thread_id))()

    # -- runs -----------------------------------------------------------------------------------------------------------------

    async def _start(self, thread_id: UUID, params: Parameters) -> dict[str, Any]:
        assistant_id, payload = params.text("assistant_id"), params.anything("input")
        options = {"config": _config(params), "metadata": params.mapping("metadata")}
        strategy = _strategy(params)
        if params.has("langsmith_tracer"):
            raise CommandError("not_supported", "run.start: params.langsmith_tracer is given; runs are not traced there")
        params.nothing_else()
        try:
            run = await self._accept(
                thread_id, assistant_id, input=payload, multitask_strategy=strategy, create_thread=True, **options
            )
        except NotFound as missing:
            raise CommandError(
                "invalid_argument", f"run.start: there is no assistant {assistant_id[:100]} to run on this thread"
            ) from missing
        return {"run_id": run.run_id}

    async def _respond(self, thread_id: UUID, params: Parameters) -> dict[str, Any]:
        answers = self._answers(params)
        command: dict[str, Any] = {"resume": answers, "update": _update(params), "goto": _goto(params)}
        params.flag("strict_resume")  # the check that it asks for is always made
        options = {"config": _config(params), "metadata": params.mapping("metadata")}
        params.nothing_else()
        thread = await self.threads.get(thread_id)
        waiting = {one["id"] for of_task in thread["interrupts"].parsed().values() for one in of_task} if thread else set()
        if unknown := answers.keys() - (waiting - await self._answered(thread_id)):
            raise CommandError(
                "no_such_interrupt", f"nothing waits for an answer to interrupt {min(unknown)!r} in thread {thread_id}"
            )
        assert thread is not None
        command = {key: value for key, value in command.items() if value is not None}
        await self._accept(thread_id, _assistant_of(thread), command=command, strict_resume=True, **options)
        return {}

    def _answers(self, params: Parameters) -> dict[str, Any]:
        if not params.has("responses"):
            params.namespace()
            return {params.text("interrupt_id"): params.anything("response")}
        entries = params.anything("responses")
        if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
            raise params.refused("responses", "a list of objects with interrupt_id and response")
        answers: dict[str, Any] = {}
        for index, entry in enumerate(entries):
            one = Parameters(params.method, entry, f"params.responses[{index}]")
            one.namespace()
            interrupt_id = one.text("interrupt_id")
            if interrupt_id in answers:
                raise one.refused("interrupt_id", "each interrupt only once")
            answers[interrupt_id] = one.anything("response")
            one.nothing_else()
        return answers

    async def _answered(self, thread_id: UUID) -> set[str]:
        """The interrupts that runs which have not ended will answer."""
        found: set[str] = set()
        for status in ("pending", "running"):
            for row in await self.runner.runs.list_of(thread_id, status, 100, 0):
                resume = (row["kwargs"].parsed()["command"] or {}).get("resume")
                found.update(resume if isinstance(resume, dict) else ())
        return found

    async def _inject(self, thread_id: UUID, params: Parameters) -> dict[str, Any]:
        namespace, message = params.namespace(), Parameters(params.method, params.mapping("message"), "params.message")
        params.nothing_else()
        role, content, name = message.text("role"), message.text("content"), message.optional_text("name")
        if role not in ("user", "system"):
            raise message.refused("role", "user or system")
        message.nothing_else()
        if namespace:
            raise CommandError("no_such_namespace", "input.inject: messages can be given to the root graph only, namespace []")
        thread = await self._thread(thread_id)
        values = thread["values"].parsed() if thread["values"] else None
        if values is not None and not (isinstance(values, dict) and isinstance(values.get("messages"), list)):
            raise CommandError("not_supported", f"input.inject: the state of thread {thread_id} has no messages")
        shown = {"role": role, "content": content, **({"name": name} if name else {})}
        await self._accept(thread_id, _assistant_of(thread), input={"messages": [shown]})
        return {}

    async def _fork(self, thread_id: UUID, params: Parameters) -> dict[str, Any]:
        checkpoint_id, payload, config = params.text("checkpoint_id"), params.anything("input"), _config(params)
        params.nothing_else()
        thread = await self._thread(thread_id)
        configurable = {**config.get("configurable", {}), "checkpoint_id": checkpoint_id}
        run = await self._accept(thread_id, _assistant_of(thread), input=payload, config={**config, "configurable": configurable})
        return {"run_id": run.run_id, "thread_id": thread_id}

    async def _accept(self, thread_id: UUID, assistant_id: str, **request: Any) -> AcceptedRun:
        checkpoint_id = request.get("config", {}).get("configurable", {}).get("checkpoint_id")
        if checkpoint_id is not None and not await self.checkpoints.exists(thread_id, str(checkpoint_id)):
            raise CommandError("no_such_checkpoint", f"checkpoint {str(checkpoint_id)[:100]!r} is not one of thread {thread_id}")
        streamed: dict[str, Any] = {"stream_mode": MODES, "stream_subgraphs": True, "stream_resumable": True}
        return await self.runner.accept(RunRequest(assistant_id=assistant_id, **streamed, **request), thread_id)

    # -- the tree and the state -----------------------------------------------------------------------------------------------

    async def tree(self, thread_id: UUID, run_id: str | None = None) -> Tree:
        """The tree of a run, or of the thread's last one. Raises `CommandError` when nothing is kept of it."""
        found: UUID | None
        if run_id is None:
            tail = await self.events.tail(thread_id)
            found = tail["run_id"] if tail else None
        else:
            found = _uuid(run_id)
        run = await self.runner.runs.get(thread_id, found) if found and await self._may_read(thread_id) else None
        rows = await self.events.of_run(found, 0) if run and found else []
        if not rows or not run or not found:
            about = f"run {run_id[:100]}" if run_id else "a run"
            raise CommandError("no_such_run", f"no events of {about} are kept of thread {thread_id}")
        tree = Tree((await self.runner.runs.graph_ids([found])).get(found, ""))
        while rows:
            tree.read(rows)
            rows = await self.events.of_run(found, rows[-1]["seq"])
        return tree

    async def _tree(self, thread_id: UUID, params: Parameters) -> dict[str, Any]:
        run_id = params.optional_text("run_id")
        params.nothing_else()
        return {"tree": (await self.tree(thread_id, run_id)).shown()}

    async def _state(self, thread_id: UUID, params: Parameters) -> dict[str, Any]:
        namespace, keys = params.namespace(), params.texts("keys")
        params.nothing_else()
        state = await self._at(namespace, self.states.get(thread_id, {"checkpoint_ns": "|".join(namespace)}))
        values, checkpoint = state["values"], state["checkpoint"]
        if namespace and checkpoint is None:
            raise _no_namespace(namespace)
        if keys and isinstance(values, dict):
            values = {key: values[key] for key in keys if key in values}
        if not isinstance(values, dict):
            raise CommandError("not_supported", f"state.get: the state of thread {thread_id} is no object")
        reference = {"id": checkpoint["checkpoint_id"], "ns": checkpoint["checkpoint_ns"]} if checkpoint else None
        return {"values": values, **({"checkpoint": reference} if reference else {})}

    async def _list_checkpoints(self, thread_id: UUID, params: Parameters) -> dict[str, Any]:
        namespace, before = params.namespace(), params.optional_text("before")
        limit = params.number("limit", 10, least=1, most=MOST_CHECKPOINTS)
        params.nothing_else()
        address = {"checkpoint_ns": "|".join(namespace)}
        history = await self._at(namespace, self.states.history(thread_id, limit=limit, before=before, checkpoint=address))
        return {"checkpoints": [_summary(state) for state in history]}

    async def _at(self, namespace: tuple[str, ...], states: Awaitable[Any]) -> Any:
        try:
            return await states
        except (ApiError, ValueError) as refused:
            if namespace and not isinstance(refused, NotFound):
                raise _no_namespace(namespace) from refused
            raise

    async def _thread(self, thread_id: UUID) -> Row:
        thread = await self.threads.get(thread_id)
        if thread is None:
            raise CommandError("no_such_run", f"nothing has run on thread {thread_id}: it does not exist")
        return thread


def success(command_id: int, result: dict[str, Any], meta: dict[str, Any]) -> bytes:
    return dumps({"type": "success", "id": command_id, "result": result, "meta": meta})


def error(command_id: int | None, code: ErrorCode, message: str, meta: dict[str, Any] | None = None) -> bytes:
    return dumps({"type": "error", "id": command_id, "error": code, "message": message, **({"meta": meta} if meta else {})})


def envelope(given: Any) -> tuple[int, str, dict[str, Any]]:
    """Id, method and parameters of a command. Raises `MalformedError` when it has none."""
    command_id = given.get("id") if isinstance(given, dict) else None
    if isinstance(command_id, bool) or not isinstance(command_id, int) or command_id < 0:
        shown = "no object" if not isinstance(given, dict) else f"its id is {given.get('id')!r}"
        raise MalformedError(None, f"a command is an object with an integer id, a string method and params; {shown[:100]}")
    if not isinstance(given.get("method"), str):
        raise MalformedError(command_id, f"method is {str(given.get('method'))[:100]!r}; expected the name of a command")
    params = given.get("params", {})
    if params is not None and not isinstance(params, dict):
        raise MalformedError(command_id, f"params is {str(params)[:100]!r}; expected an object")
    return command_id, given["method"], params or {}


class MalformedError(Exception):
    """Not a command. `reply` says so, with its id if it has one."""

    def __init__(self, command_id: int | None, message: str) -> None:
        super().__init__(message)
        self.reply = error(command_id, "invalid_argument", message)


def _config(params: Parameters) -> dict[str, Any]:
    config = params.mapping("config")
    inside = Parameters(params.method, config, "params.config")
    for name in ("configurable", "metadata"):
        inside.mapping(name)
    inside.texts("tags")
    inside.number("recursion_limit", 1, least=1)
    return config


def _strategy(params: Parameters) -> str:
    given = {params.anything(name) for name in ("multitaskStrategy", "multitask_strategy") if params.has(name)}
    if len(given) > 1:
        raise params.refused("multitaskStrategy", "the same as multitask_strategy, or only one of the two")
    strategy = next(iter(given), "enqueue")
    if strategy not in STRATEGIES:
        name = "multitaskStrategy" if params.has("multitaskStrategy") else "multitask_strategy"
        raise params.refused(name, f"one of {', '.join(STRATEGIES)}")
    return str(strategy)


def _update(params: Parameters) -> Any:
    update = params.anything("update")
    if update is not None and not isinstance(update, dict | list):
        raise params.refused("update", "an object of state keys with their updates")
    return update


def _goto(params: Parameters) -> Any:
    goto = params.anything("goto")
    for target in goto if isinstance(goto, list) else [goto]:
        sends = isinstance(target, dict) and isinstance(target.get("node"), str) and target.keys() <= {"node", "input"}
        if target is not None and not isinstance(target, str) and not sends:
            raise params.refused("goto", "the name of a node, an object with node and input, or a list of these")
    return goto


def _assistant_of(thread: Row) -> str:
    assistant_id = thread["metadata"].get("assistant_id") or thread["metadata"].get("graph_id")
    if not assistant_id:
        raise CommandError("no_such_run", f"nothing has run on thread {thread['thread_id']} yet: start with run.start")
    return str(assistant_id)


def _summary(state: dict[str, Any]) -> dict[str, Any]:
    metadata = state["metadata"] or {}
    return {
        "id": state["checkpoint_id"], "timestamp": state["created_at"], "step": metadata.get("step", -1), "metadata": metadata,
    }  # fmt: skip


def _no_namespace(namespace: tuple[str, ...]) -> CommandError:
    return CommandError("no_such_namespace", f"there is no state under namespace {list(namespace)}")


def _code(refused: ApiError) -> ErrorCode:
    if isinstance(refused, NotFound):
        return "no_such_checkpoint" if refused.detail.startswith("Checkpoint") else "no_such_run"
    return "invalid_argument" if refused.status < 500 else "unknown_error"


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
