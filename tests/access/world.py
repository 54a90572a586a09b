"""Two users with tokens, an administrator, and what the first of them owns: what the authorisation table is walked with."""

from __future__ import annotations

import time
from functools import cached_property
from typing import Any
from uuid import uuid4

import httpx
import jwt

TLS = httpx.create_ssl_context()
"""Made once: a client that makes its own takes longer for it than for a request."""

SECRET = "a secret that only the issuer and the server know"
REFUSED = ("anonymous", "expired", "forged")
ACTORS = (*REFUSED, "owner", "other", "administrator")
ENVIRONMENT = {"ALLOGRAPH_AUTH": "jwt", "ALLOGRAPH_AUTH_SECRET": SECRET, "ALLOGRAPH_AUTH_ADMIN_ROLES": "boss"}


def token(subject: str, *, role: str = "user", seconds: float = 3600, secret: str = SECRET) -> str:
    return jwt.encode({"sub": subject, "role": role, "exp": int(time.time() + seconds)}, secret, "HS256")


def headers(actor: str) -> dict[str, str]:
    """What a request of this actor says of who it is."""
    tokens = {
        "owner": token("owner"), "other": token("other"), "administrator": token("administrator", role="boss"),
        "expired": token("owner", seconds=-3600), "forged": token("owner", secret="a secret that somebody made up, as long"),
    }  # fmt: skip
    return {"authorization": f"Bearer {tokens[actor]}"} if actor in tokens else {}


class Things:
    """What the owner has, made when it is asked for; everything of it says `marker` somewhere."""

    def __init__(self, url: str, graph_id: str = "asking", owner: str = "owner") -> None:
        self.url = url
        self.owner = owner
        self.graph_id = graph_id
        self.marker, self.name = f"marker-{uuid4().hex}", f"name-{uuid4().hex}"

    def _made(self, method: str, path: str, body: Any) -> Any:
        reply = httpx.request(method, self.url + path, json=body, headers=headers(self.owner), timeout=30, verify=TLS)
        assert reply.status_code < 300, f"{method} {path}: {reply.status_code} {reply.text}"
        return reply.json() if reply.content else None

    @property
    def _metadata(self) -> dict[str, str]:
        return {"marker": self.marker}

    @cached_property
    def thread(self) -> str:
        """With a run that has ended and waits for an answer."""
        thread_id: str = self._made("POST", "/threads", {"metadata": self._metadata})["thread_id"]
        run = {"assistant_id": self.graph_id, "input": {"said": self.marker}, "metadata": self._metadata, "stream_resumable": True}
        self._made("POST", f"/threads/{thread_id}/runs/wait", run)
        return thread_id

    @cached_property
    def run(self) -> str:
        run_id: str = self._made("GET", f"/threads/{self.thread}/runs", None)[0]["run_id"]
        return run_id

    @cached_property
    def waiting(self) -> str:
        """A thread whose run begins in an hour."""
        thread_id: str = self._made("POST", "/threads", {"metadata": self._metadata})["thread_id"]
        self._made("POST", f"/threads/{thread_id}/runs", {"assistant_id": self.graph_id, "after_seconds": 3600})
        return thread_id

    @cached_property
    def waiting_run(self) -> str:
        run_id: str = self._made("GET", f"/threads/{self.waiting}/runs", None)[0]["run_id"]
        return run_id

    @cached_property
    def interrupt(self) -> str:
        thread = self._made("GET", f"/threads/{self.thread}", None)
        return next(one["id"] for of_task in thread["interrupts"].values() for one in of_task)

    @cached_property
    def checkpoint(self) -> str:
        checkpoint_id: str = self._made("GET", f"/threads/{self.thread}/state", None)["checkpoint"]["checkpoint_id"]
        return checkpoint_id

    @cached_property
    def assistant(self) -> str:
        body = {"graph_id": self.graph_id, "name": self.name, "description": self.marker, "metadata": self._metadata}
        assistant_id: str = self._made("POST", "/assistants", body)["assistant_id"]
        return assistant_id

    @cached_property
    def system(self) -> str:
        """The assistant that the graph has from the start, which nobody owns."""
        found = self._made("POST", "/assistants/search", {"metadata": {"created_by": "system"}, "graph_id": self.graph_id})
        assistant_id: str = found[0]["assistant_id"]
        return assistant_id

    @cached_property
    def cron(self) -> str:
        body = {"assistant_id": self.graph_id, "schedule": "0 0 1 1 *", "metadata": self._metadata}
        cron_id: str = self._made("POST", "/runs/crons", body)["cron_id"]
        return cron_id

    @cached_property
    def item(self) -> str:
        """The key of an item in the namespace `notes`."""
        self._made(
            "PUT", "/store/items", {"namespace": ["notes"], "key": self.name, "value": {"text": self.name, "more": self.marker}}
        )
        return self.name

    @cached_property
    def tool(self) -> str:
        assert self.assistant
        return self.name

    @cached_property
    def task(self) -> str:
        return f"{self.thread}:{self.run}"

    def threads_of(self, actor: str) -> str:
        """A thread of that actor's own; of one that can have none, of the other user."""
        user = actor if actor in ("owner", "administrator") else "other"
        with httpx.Client(base_url=self.url, headers=headers(user), timeout=30, verify=TLS) as client:
            thread_id: str = client.post("/threads", json={}).json()["thread_id"]
            return thread_id


class Nothing(Things):
    """What nobody has: the same names for ids of nothing."""

    def __init__(self, url: str, graph_id: str = "asking") -> None:
        super().__init__(url, graph_id)
        for name in ("thread", "run", "waiting", "waiting_run", "checkpoint", "assistant", "cron", "system"):
            setattr(self, name, str(uuid4()))
        self.item = self.tool = self.name  # type: ignore[misc]
        self.interrupt = uuid4().hex  # type: ignore[misc]
