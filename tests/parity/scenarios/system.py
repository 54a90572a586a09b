"""What is there without any thread: health, information, documentation, CORS, unknown paths."""

from __future__ import annotations

from . import Session, scenario

ORIGIN = {"Origin": "http://localhost:3000"}


@scenario
def ok(s: Session) -> None:
    s.get("/ok")
    s.get("/ok?check_db=1")
    s.request("HEAD", "/ok")


@scenario
def root(s: Session) -> None:
    s.get("/")


@scenario
def info(s: Session) -> None:
    s.get("/info")


@scenario
def docs(s: Session) -> None:
    s.get("/docs", text=False)


@scenario
def unknown_path(s: Session) -> None:
    s.get("/nope")
    s.post("/nope", {})
    s.delete("/threads/00000000-0000-0000-0000-000000000001/nope")


@scenario
def unknown_method(s: Session) -> None:
    s.request("PUT", "/threads")
    s.get("/runs")
    s.delete("/runs/wait")
    s.request("OPTIONS", "/threads")


@scenario
def trailing_slash(s: Session) -> None:
    s.post("/threads/search/", {"metadata": {"mark": s.mark}})


@scenario
def cors_simple(s: Session) -> None:
    s.get("/ok", headers=ORIGIN)
    s.post("/threads", {}, headers=ORIGIN)
    s.get("/threads/00000000-0000-0000-0000-000000000001", headers=ORIGIN)


@scenario
def cors_preflight(s: Session) -> None:
    ask = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type,x-api-key"}
    s.request("OPTIONS", "/threads", headers={**ORIGIN, **ask})
    s.request("OPTIONS", "/runs/stream", headers={"Origin": "https://smith.langchain.com", **ask})
    s.request("OPTIONS", "/threads", headers={**ORIGIN, "Access-Control-Request-Method": "DELETE"})


@scenario
def cors_stream(s: Session) -> None:
    s.post("/runs/stream", {"assistant_id": "steps", "input": {"text": "x"}}, headers=ORIGIN)
