"""One request for each line of the authorisation table. `t` is what the owner has, `actor` who asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.access.world import Things

Request = tuple[str, Any]
"""What follows the method: the path, and the body or None."""

Case = Callable[[Things, str], Request]


def rpc(method: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


def says(text: str, **more: Any) -> dict[str, Any]:
    return {"message": {"role": "user", "messageId": "m1", "parts": [{"kind": "data", "data": {"said": text}}], **more}}


def command(method: str, **params: Any) -> dict[str, Any]:
    return {"id": 1, "method": method, "params": params}


def marked(t: Things) -> dict[str, Any]:
    return {"metadata": {"marker": t.marker}}


def run(t: Things, **more: Any) -> dict[str, Any]:
    return {"assistant_id": t.graph_id, "input": {"said": "x"}, **more}


OPERATIONS: dict[str, Case] = {
    "POST /a2a/{assistant_id}": lambda t, _: (f"/a2a/{t.assistant}", rpc("message/send", **says("x"))),
    "POST /assistants": lambda t, _: ("/assistants", {"graph_id": t.graph_id, "metadata": {"owner": "owner"}}),
    "POST /assistants/count": lambda t, _: (f"/assistants/count?of={t.assistant}", marked(t)),
    "POST /assistants/search": lambda t, _: (f"/assistants/search?of={t.assistant}", marked(t)),
    "GET /assistants/{assistant_id}": lambda t, _: (f"/assistants/{t.assistant}", None),
    "DELETE /assistants/{assistant_id}": lambda t, _: (f"/assistants/{t.assistant}", None),
    "PATCH /assistants/{assistant_id}": lambda t, _: (f"/assistants/{t.assistant}", {"metadata": {"owner": "other"}}),
    "GET /assistants/{assistant_id}/graph": lambda t, _: (f"/assistants/{t.assistant}/graph", None),
    "POST /assistants/{assistant_id}/latest": lambda t, _: (f"/assistants/{t.assistant}/latest", {"version": 1}),
    "GET /assistants/{assistant_id}/schemas": lambda t, _: (f"/assistants/{t.assistant}/schemas", None),
    "GET /assistants/{assistant_id}/subgraphs": lambda t, _: (f"/assistants/{t.assistant}/subgraphs", None),
    "GET /assistants/{assistant_id}/subgraphs/{namespace}": lambda t, _: (f"/assistants/{t.assistant}/subgraphs/x", None),
    "POST /assistants/{assistant_id}/versions": lambda t, _: (f"/assistants/{t.assistant}/versions", {}),
    "GET /docs": lambda t, _: ("/docs", None),
    "GET /info": lambda t, _: ("/info", None),
    "GET /mcp/": lambda t, _: ("/mcp/", None),
    "POST /mcp/": lambda t, _: ("/mcp/", rpc("tools/call", name=t.tool, arguments={"said": "x"})),
    "DELETE /mcp/": lambda t, _: ("/mcp/", None),
    "GET /metrics": lambda t, _: ("/metrics", None),
    "GET /ok": lambda t, _: ("/ok", None),
    "POST /runs": lambda t, _: ("/runs", run(t, assistant_id=t.assistant)),
    "POST /runs/batch": lambda t, _: ("/runs/batch", [run(t), run(t, assistant_id=t.assistant)]),
    "POST /runs/cancel": lambda t, _: ("/runs/cancel", {"thread_id": t.waiting, "run_ids": [t.waiting_run]}),
    "POST /runs/crons": lambda t, _: ("/runs/crons", {"assistant_id": t.assistant, "schedule": "0 0 1 1 *"}),
    "POST /runs/crons/count": lambda t, _: (f"/runs/crons/count?of={t.cron}", marked(t)),
    "POST /runs/crons/search": lambda t, _: (f"/runs/crons/search?of={t.cron}", marked(t)),
    "GET /runs/crons/{cron_id}": lambda t, _: (f"/runs/crons/{t.cron}", None),
    "DELETE /runs/crons/{cron_id}": lambda t, _: (f"/runs/crons/{t.cron}", None),
    "PATCH /runs/crons/{cron_id}": lambda t, _: (f"/runs/crons/{t.cron}", {"enabled": False, "metadata": {"owner": "other"}}),
    "POST /runs/stream": lambda t, _: ("/runs/stream", run(t, assistant_id=t.assistant)),
    "POST /runs/wait": lambda t, _: ("/runs/wait", run(t, assistant_id=t.assistant)),
    "GET /store/items": lambda t, _: (f"/store/items?namespace=notes&key={t.item}", None),
    "PUT /store/items": lambda t, _: ("/store/items", {"namespace": ["notes"], "key": t.item, "value": {"text": "mine"}}),
    "DELETE /store/items": lambda t, _: ("/store/items", {"namespace": ["notes"], "key": t.item}),
    "POST /store/items/search": lambda t, _: (
        "/store/items/search", {"namespace_prefix": [], "filter": {"text": t.item}, "limit": 100},
    ),
    "POST /store/namespaces": lambda t, _: ("/store/namespaces", {"prefix": [t.item and "owner"]}),
    "POST /threads": lambda t, _: ("/threads", {"thread_id": t.thread, "if_exists": "do_nothing"}),
    "POST /threads/count": lambda t, _: (f"/threads/count?of={t.thread}", marked(t)),
    "POST /threads/prune": lambda t, _: ("/threads/prune", {"thread_ids": [t.thread], "strategy": "delete"}),
    "POST /threads/search": lambda t, _: (f"/threads/search?of={t.thread}", marked(t)),
    "GET /threads/{thread_id}": lambda t, _: (f"/threads/{t.thread}", None),
    "DELETE /threads/{thread_id}": lambda t, _: (f"/threads/{t.thread}", None),
    "PATCH /threads/{thread_id}": lambda t, _: (f"/threads/{t.thread}", {"metadata": {"owner": "other"}}),
    "POST /threads/{thread_id}/commands": lambda t, _: (f"/threads/{t.thread}/commands", command("state.get")),
    "POST /threads/{thread_id}/copy": lambda t, _: (f"/threads/{t.thread}/copy", None),
    "GET /threads/{thread_id}/history": lambda t, _: (f"/threads/{t.thread}/history", None),
    "POST /threads/{thread_id}/history": lambda t, _: (f"/threads/{t.thread}/history", {}),
    "GET /threads/{thread_id}/runs": lambda t, _: (f"/threads/{t.thread}/runs", None),
    "POST /threads/{thread_id}/runs": lambda t, _: (f"/threads/{t.thread}/runs", run(t)),
    "POST /threads/{thread_id}/runs/crons": lambda t, _: (
        f"/threads/{t.thread}/runs/crons", {"assistant_id": t.graph_id, "schedule": "0 0 1 1 *"},
    ),
    "POST /threads/{thread_id}/runs/stream": lambda t, _: (f"/threads/{t.thread}/runs/stream", run(t)),
    "POST /threads/{thread_id}/runs/wait": lambda t, _: (f"/threads/{t.thread}/runs/wait", run(t)),
    "GET /threads/{thread_id}/runs/{run_id}": lambda t, _: (f"/threads/{t.thread}/runs/{t.run}", None),
    "DELETE /threads/{thread_id}/runs/{run_id}": lambda t, _: (f"/threads/{t.thread}/runs/{t.run}", None),
    "POST /threads/{thread_id}/runs/{run_id}/cancel": lambda t, _: (f"/threads/{t.waiting}/runs/{t.waiting_run}/cancel", None),
    "GET /threads/{thread_id}/runs/{run_id}/join": lambda t, _: (f"/threads/{t.thread}/runs/{t.run}/join", None),
    "GET /threads/{thread_id}/runs/{run_id}/stream": lambda t, _: (f"/threads/{t.thread}/runs/{t.run}/stream", None),
    "GET /threads/{thread_id}/state": lambda t, _: (f"/threads/{t.thread}/state", None),
    "POST /threads/{thread_id}/state": lambda t, _: (f"/threads/{t.thread}/state", {"values": {"said": "y"}}),
    "POST /threads/{thread_id}/state/checkpoint": lambda t, _: (
        f"/threads/{t.thread}/state/checkpoint", {"checkpoint": {"checkpoint_id": t.checkpoint}},
    ),
    "GET /threads/{thread_id}/state/{checkpoint_id}": lambda t, _: (f"/threads/{t.thread}/state/{t.checkpoint}", None),
    "GET /threads/{thread_id}/storage": lambda t, _: (f"/threads/{t.thread}/storage", None),
    "GET /threads/{thread_id}/stream": lambda t, _: (f"/threads/{t.thread}/stream?last_event_id=-1", None),
    "POST /threads/{thread_id}/stream/events": lambda t, _: (f"/threads/{t.thread}/stream/events", {"channels": ["values"]}),
}  # fmt: skip

BEYOND: dict[str, Case] = {
    # What is served beyond the contract.
    "GET /": lambda t, _: ("/", None),
    "GET /health": lambda t, _: ("/health", None),
    "GET /ready": lambda t, _: ("/ready", None),
    "GET /live": lambda t, _: ("/live", None),
    "GET /openapi.json": lambda t, _: ("/openapi.json", None),
    "GET /nothing/here": lambda t, _: ("/nothing/here", None),
    "GET /runs/{run_id}/stream": lambda t, _: (f"/runs/{t.run}/stream", None),
    "GET /.well-known/agent-card.json": lambda t, _: (f"/.well-known/agent-card.json?assistant_id={t.assistant}", None),
    "GET /a2a/{assistant_id}": lambda t, _: (f"/a2a/{t.assistant}", None),
    "WS /threads/{thread_id}/stream/events": lambda t, _: (f"/threads/{t.thread}/stream/events", command("state.get")),
    "GET /own/who (a route of the project)": lambda t, _: ("/own/who", None),
    # The assistants that everybody has.
    "GET /assistants/{system}": lambda t, _: (f"/assistants/{t.system}", None),
    "PATCH /assistants/{system}": lambda t, _: (f"/assistants/{t.system}", {"metadata": {"seen": True}}),
    "POST /assistants/{system}/latest": lambda t, _: (f"/assistants/{t.system}/latest", {"version": 1}),
    "POST /runs/wait with a system assistant": lambda t, _: ("/runs/wait", run(t)),
    # References from one's own things to those of somebody else.
    "POST /threads/{own}/runs with the owner's assistant": lambda t, actor: (
        f"/threads/{t.threads_of(actor)}/runs", run(t, assistant_id=t.assistant),
    ),
    "POST /threads/{own}/runs with the owner's checkpoint": lambda t, actor: (
        f"/threads/{t.threads_of(actor)}/runs", run(t, checkpoint={"thread_id": t.thread, "checkpoint_id": t.checkpoint}),
    ),
    "POST /threads/{own}/runs/wait with the owner's thread in config": lambda t, actor: (
        f"/threads/{t.threads_of(actor)}/runs/wait",
        run(t, input=None, config={"configurable": {"thread_id": t.thread, "checkpoint_id": t.checkpoint}}),
    ),
    "POST /threads/{own}/runs/wait as the owner": lambda t, actor: (
        f"/threads/{t.threads_of(actor)}/runs/wait",
        run(t, assistant_id="told", config={"configurable": {"langgraph_auth_user": {"identity": t.thread and "owner"}}}),
    ),
    "GET /threads/{own}/state of the owner's checkpoint": lambda t, actor: (
        f"/threads/{t.threads_of(actor)}/state/{t.checkpoint}", None,
    ),
    "POST /threads/{own}/history before the owner's checkpoint": lambda t, actor: (
        f"/threads/{t.threads_of(actor)}/history",
        {"before": {"configurable": {"thread_id": t.thread, "checkpoint_id": t.checkpoint}}},
    ),
    "GET /threads/{own}/runs/{run_id}": lambda t, actor: (f"/threads/{t.threads_of(actor)}/runs/{t.run}", None),
    "GET /threads/{own}/runs/{run_id}/join": lambda t, actor: (f"/threads/{t.threads_of(actor)}/runs/{t.run}/join", None),
    "GET /threads/{own}/runs/{run_id}/stream": lambda t, actor: (f"/threads/{t.threads_of(actor)}/runs/{t.run}/stream", None),
    "DELETE /threads/{own}/runs/{run_id}": lambda t, actor: (f"/threads/{t.threads_of(actor)}/runs/{t.run}", None),
    "POST /threads/{own}/runs/{run_id}/cancel": lambda t, actor: (
        f"/threads/{t.threads_of(actor)}/runs/{t.waiting_run}/cancel", None,
    ),
    "POST /threads/{own}/runs/crons with the owner's assistant": lambda t, actor: (
        f"/threads/{t.threads_of(actor)}/runs/crons", {"assistant_id": t.assistant, "schedule": "0 0 1 1 *"},
    ),
    "POST /threads/prune of one's own and the owner's": lambda t, actor: (
        "/threads/prune", {"thread_ids": [t.threads_of(actor), t.thread], "strategy": "delete"},
    ),
    "POST /threads/{thread_id}/runs/wait, to be made if it is not there": lambda t, _: (
        f"/threads/{t.thread}/runs/wait", run(t, if_not_exists="create", multitask_strategy="rollback"),
    ),
    "run.start on the owner's thread": lambda t, _: (
        f"/threads/{t.thread}/commands", command("run.start", assistant_id=t.graph_id, input={"said": "x"}),
    ),
    "run.start of the owner's assistant": lambda t, actor: (
        f"/threads/{t.threads_of(actor)}/commands", command("run.start", assistant_id=t.assistant, input={"said": "x"}),
    ),
    "input.respond to the owner's interrupt": lambda t, _: (
        f"/threads/{t.thread}/commands", command("input.respond", interrupt_id=t.interrupt, response="x"),
    ),
    "state.fork of the owner's thread": lambda t, _: (
        f"/threads/{t.thread}/commands", command("state.fork", checkpoint_id=t.checkpoint, input=None),
    ),
    "agent.getTree of the owner's run": lambda t, actor: (
        f"/threads/{t.threads_of(actor)}/commands", command("agent.getTree", run_id=t.run),
    ),
    "A2A tasks/get": lambda t, _: (f"/a2a/{t.system}", rpc("tasks/get", id=t.task)),
    "A2A tasks/cancel": lambda t, _: (f"/a2a/{t.system}", rpc("tasks/cancel", id=t.task)),
    "A2A ListTasks": lambda t, _: (f"/a2a/{t.system}", rpc("ListTasks", contextId=t.thread)),
    "A2A message/send to the owner's context": lambda t, _: (
        f"/a2a/{t.system}", rpc("message/send", **says("x", contextId=t.thread)),
    ),
    "A2A message/send to the owner's task": lambda t, _: (
        f"/a2a/{t.system}", rpc("message/send", **says("x", taskId=t.task, contextId=t.thread)),
    ),
    "store: the owner's namespace by name": lambda t, _: (f"/store/items?namespace=owner.notes&key={t.item}", None),
    "store: search of the owner's namespace by name": lambda t, _: (
        "/store/items/search", {"namespace_prefix": ["owner"], "filter": {"text": t.item}},
    ),
    "POST /threads/{thread_id}/stream/events from the beginning": lambda t, _: (
        f"/threads/{t.thread}/stream/events", {"channels": ["values", "updates", "lifecycle"], "since": 0},
    ),
}  # fmt: skip

CASES = OPERATIONS | BEYOND
