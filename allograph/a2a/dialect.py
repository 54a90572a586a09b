"""Two spellings of one protocol: 0.3, which the contract describes, and 1.0, which the official SDK speaks first.

Inside, everything is spelled as in 0.3: objects say their `kind`, states and roles are words. The method that a client calls
decides how it is answered.
"""

from __future__ import annotations

from typing import Any, Literal

from allograph.json_rpc import INVALID_PARAMS, RpcError

Version = Literal["0.3", "1.0"]
Operation = Literal["send", "stream", "get", "list", "cancel", "subscribe", "card", "push"]

METHODS: dict[str, tuple[Operation, Version]] = {
    "message/send": ("send", "0.3"),
    "message/stream": ("stream", "0.3"),
    "tasks/get": ("get", "0.3"),
    "tasks/cancel": ("cancel", "0.3"),
    "tasks/resubscribe": ("subscribe", "0.3"),
    "agent/getAuthenticatedExtendedCard": ("card", "0.3"),
    "tasks/pushNotificationConfig/set": ("push", "0.3"),
    "tasks/pushNotificationConfig/get": ("push", "0.3"),
    "tasks/pushNotificationConfig/list": ("push", "0.3"),
    "tasks/pushNotificationConfig/delete": ("push", "0.3"),
    "SendMessage": ("send", "1.0"),
    "SendStreamingMessage": ("stream", "1.0"),
    "GetTask": ("get", "1.0"),
    "ListTasks": ("list", "1.0"),
    "CancelTask": ("cancel", "1.0"),
    "SubscribeToTask": ("subscribe", "1.0"),
    "GetExtendedAgentCard": ("card", "1.0"),
    "CreateTaskPushNotificationConfig": ("push", "1.0"),
    "GetTaskPushNotificationConfig": ("push", "1.0"),
    "ListTaskPushNotificationConfigs": ("push", "1.0"),
    "DeleteTaskPushNotificationConfig": ("push", "1.0"),
}

_WRAPPERS = {"task": "task", "message": "message", "status-update": "statusUpdate", "artifact-update": "artifactUpdate"}


def incoming(message: dict[str, Any], version: Version) -> dict[str, Any]:
    """A message that a client sends, in the spelling of 0.3. What is missing or wrong in it is found later."""
    if version == "0.3":
        return message
    role, parts = message.get("role"), message.get("parts")
    return {
        **message,
        "role": {"ROLE_USER": "user", "ROLE_AGENT": "agent"}.get(str(role), role),
        "parts": [_old_part(part) for part in parts] if isinstance(parts, list) else parts,
    }


def _old_part(part: Any) -> Any:
    if not isinstance(part, dict) or "kind" in part:
        return part
    for kind, names in (("text", ("text",)), ("data", ("data",)), ("file", ("url", "raw"))):
        if any(name in part for name in names):
            return {"kind": kind, **part}
    return part


def state_named(state: Any) -> str:
    """A state in a request of 1.0, as 0.3 spells it."""
    if not isinstance(state, str) or not state.startswith("TASK_STATE_"):
        raise RpcError(INVALID_PARAMS, "params.status must be one of the names that begin with TASK_STATE_")
    return state.removeprefix("TASK_STATE_").lower().replace("_", "-")


def alone(thing: dict[str, Any], version: Version) -> dict[str, Any]:
    """A task as the result of a method that answers nothing else."""
    return thing if version == "0.3" else _MODERN[thing["kind"]](thing)


def one_of(thing: dict[str, Any], version: Version) -> dict[str, Any]:
    """A task, message or event as the result of a method that may answer several kinds of things."""
    return thing if version == "0.3" else {_WRAPPERS[thing["kind"]]: _MODERN[thing["kind"]](thing)}


def _task(task: dict[str, Any]) -> dict[str, Any]:
    modern = {"id": task["id"], "contextId": task["contextId"], "status": _status(task["status"])}
    if "artifacts" in task:
        modern["artifacts"] = [_artifact(artifact) for artifact in task["artifacts"]]
    if "history" in task:
        modern["history"] = [_message(message) for message in task["history"]]
    return modern


def _message(message: dict[str, Any]) -> dict[str, Any]:
    modern = {name: value for name, value in message.items() if name not in ("kind", "role", "parts")}
    return {**modern, "role": f"ROLE_{message['role'].upper()}", "parts": [_part(part) for part in message["parts"]]}


def _part(part: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in part.items() if name != "kind"}


def _artifact(artifact: dict[str, Any]) -> dict[str, Any]:
    return {**artifact, "parts": [_part(part) for part in artifact["parts"]]}


def _status(status: dict[str, Any]) -> dict[str, Any]:
    modern = {**status, "state": f"TASK_STATE_{status['state'].upper().replace('-', '_')}"}
    return {**modern, "message": _message(status["message"])} if "message" in status else modern


def _status_update(event: dict[str, Any]) -> dict[str, Any]:
    return {"taskId": event["taskId"], "contextId": event["contextId"], "status": _status(event["status"])}


def _artifact_update(event: dict[str, Any]) -> dict[str, Any]:
    modern = {name: value for name, value in event.items() if name != "kind"}
    return {**modern, "artifact": _artifact(event["artifact"])}


_MODERN = {"task": _task, "message": _message, "status-update": _status_update, "artifact-update": _artifact_update}
