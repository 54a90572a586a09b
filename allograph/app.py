"""The ASGI application: what is put together at start-up, and what every request passes."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import logging
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import psycopg
from fastapi import FastAPI
from langchain_core.embeddings import Embeddings
from psycopg_pool import PoolTimeout
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from allograph import contract, handlers
from allograph.a2a.agents import Agents
from allograph.access.guard import Access
from allograph.access.limits import Limiter, LimitMiddleware
from allograph.access.middleware import DOCUMENTS, PROBES, AccessMiddleware
from allograph.access.policy import Policy, load_policy
from allograph.body_limit import BodyLimitMiddleware
from allograph.capacity import CapacityMiddleware
from allograph.config import Config
from allograph.contract_check import ContractCheckMiddleware
from allograph.custom_app import CustomApp, load_custom_app
from allograph.encoding import dumps
from allograph.errors import ApiError
from allograph.generated import interface, routes
from allograph.handlers import thread_socket
from allograph.handlers.pages import STATIC
from allograph.handlers.run_requests import cron_request
from allograph.http_options import ConfigurableHeadersMiddleware, HttpOptions, PrefixMiddleware, RequestLogMiddleware
from allograph.mcp import Mcp
from allograph.metrics import HttpFigures, Metrics
from allograph.runner.embeddings import load_embeddings
from allograph.runner.events import Streams
from allograph.runner.following import Following
from allograph.runner.graphs import Graphs
from allograph.runner.introspect import Introspection
from allograph.runner.protocol.commands import Commands
from allograph.runner.protocol.subscription import Subscriptions
from allograph.runner.recorder import Recorder
from allograph.runner.requests import new_id
from allograph.runner.runner import Runner
from allograph.runner.scheduler import Scheduler
from allograph.runner.states import States
from allograph.runner.thread_log import ThreadLog
from allograph.runner.webhook_policy import WebhookPolicy
from allograph.runner.webhooks import Webhooks
from allograph.runner.worker import TtlSweep, Worker
from allograph.server import INTERRUPT_GRACE_SECONDS
from allograph.settings import Settings
from allograph.store.assistants import Assistants, DefaultAssistant, default_assistant_id
from allograph.store.checkpoints import Checkpoints
from allograph.store.crons import Crons
from allograph.store.database import Database, Notifications, migrate
from allograph.store.items import Items, make_vectors
from allograph.store.run_events import EventLog, RunEvents
from allograph.store.runs import Runs
from allograph.store.tasks import Tasks
from allograph.store.threads import Threads
from allograph.store.ttl import Ttl
from allograph.store.webhooks import Outbox

log = logging.getLogger("allograph.app")

EXPOSED_HEADERS = ["x-pagination-total", "x-pagination-next", "content-location", "location", "mcp-session-id"]
"""What browser clients read besides the body."""


UNNAMED = "LangGraph"
"""What LangGraph calls a graph that was compiled without a name."""


@dataclass
class Parts:
    """Everything that a process holds while it serves."""

    database: Database
    graphs: Graphs
    store: Items
    runner: Runner
    scheduler: Scheduler
    handlers: interface.Handlers


def described() -> dict[str, Any]:
    """What the metadata of each checkpoint says about the server that made it; names as the reference's."""
    return {
        "langgraph_version": importlib.metadata.version("langgraph"),
        "langgraph_api_version": contract.UPSTREAM_VERSION,
        "langgraph_host": "self-hosted",
    }


def info(*, reduced: bool) -> dict[str, Any]:
    """What `/info` says. `reduced` is for everybody: what clients go by, without which server this is and where it runs."""
    shown = {
        "version": contract.UPSTREAM_VERSION,
        "langgraph_py_version": importlib.metadata.version("langgraph"),
        "flags": {
            "assistants": True, "crons": True, "langsmith": False, "langsmith_tracing_replicas": False,
            "langsmith_tracing_session_on_runs": False,
        },
        "host": {"kind": "self-hosted", "project_id": None, "host_revision_id": None, "revision_id": None, "tenant_id": None},
        "metadata": {"server": "allograph", "server_version": importlib.metadata.version("allograph")},
    }  # fmt: skip
    return {**shown, "host": {"kind": "self-hosted"}, "metadata": {}} if reduced else shown


def build(
    settings: Settings, config: Config, policy: WebhookPolicy, embeddings: Embeddings | None, graphs: Graphs, database: Database, *,
    auth: Policy | None = None, works: bool = True, http_figures: HttpFigures | None = None,
) -> Parts:  # fmt: skip
    """Put the parts together; nothing runs yet. Call within the event loop that will serve."""
    checkpoints = Checkpoints(database)
    thread_ttl, ttl_sweep = _thread_ttl(config)
    shared = [default_assistant_id(graph_id) for graph_id in graphs.ids]
    runs, threads, assistants = Runs(database), Threads(database, checkpoints, thread_ttl), Assistants(database, shared)
    access = Access(auth, threads, shared)
    webhooks = Webhooks(Outbox(database), policy, settings.poll_seconds)
    store = _items(config, database, embeddings)
    process_id = new_id()
    streams, notifications = Streams(), Notifications(database)
    run_events = _event_log(settings, RunEvents(database, notifications))
    recorder = Recorder(run_events)
    thread_log = ThreadLog(runs, threads, run_events, recorder)
    worker = (
        Worker(
            process_id, settings.jobs_per_worker, runs=runs, threads=threads, checkpoints=checkpoints, graphs=graphs,
            store=store, streams=streams, notifications=notifications, run_events=run_events, recorder=recorder,
            thread_log=thread_log, webhooks=webhooks, settings=settings, described=described(), ttl_sweep=ttl_sweep,
        )
        if works and settings.jobs_per_worker
        else None
    )  # fmt: skip
    following = Following(
        process_id, runs, threads, run_events, streams, recorder, thread_log, notifications,
        executes=lambda run_id: worker is not None and worker.executes(run_id),
        record=lambda subject: worker.record(subject) if worker else None,
        heartbeat_seconds=settings.heartbeat_seconds, poll_seconds=settings.poll_seconds,
    )  # fmt: skip
    if worker:
        worker.is_read = following.reads
    runner = Runner(
        process_id, runs, checkpoints, streams, notifications, recorder, following, worker, webhooks, graph_ids=graphs.ids,
        access=access, thread_ttl=thread_ttl,
    )  # fmt: skip
    crons = Crons(database)
    scheduler = Scheduler(crons, runner, cron_request, settings.poll_seconds)
    states = States(threads, checkpoints, graphs, store)
    commands, subscriptions = Commands(runner, states, threads, checkpoints, thread_log), Subscriptions(access, following, runs)
    introspection = Introspection(graphs, store)
    return Parts(
        database, graphs, store, runner, scheduler,
        interface.Handlers(
            assistants=handlers.Assistants(access, assistants, threads, graphs, introspection),
            threads=handlers.Threads(access, threads, checkpoints, states, runner),
            thread_runs=handlers.ThreadRuns(access, runs, threads, runner),
            stateless_runs=handlers.StatelessRuns(access, runs, runner),
            a2a=handlers.A2A(Agents(access, assistants, Tasks(database), introspection, states, runner)),
            mcp=handlers.MCP(Mcp(access, assistants, introspection, runner)),
            crons=handlers.Crons(access, crons, scheduler, runner),
            store=handlers.Store(access, store),
            system=handlers.System(
                database, Metrics(database, runner, http_figures or HttpFigures()), info(reduced=auth is not None)
            ),
            streaming=handlers.Streaming(commands, subscriptions),
        ),
    )  # fmt: skip


def _event_log(settings: Settings, in_postgres: RunEvents) -> EventLog:
    if settings.redis_uri is None:
        return in_postgres
    from allograph.store.redis_events import RedisEvents

    # A stream is kept for as long after its last event as events of ended runs are; between two events a run may take its time.
    return RedisEvents(
        settings.redis_uri, in_postgres, keep_seconds=settings.event_retention_seconds + settings.job_timeout_seconds
    )  # fmt: skip


def _thread_ttl(config: Config) -> tuple[Ttl | None, TtlSweep]:
    """What `checkpointer.ttl` of langgraph.json says of new threads, and of the sweep."""
    given = config.checkpointer.ttl if config.checkpointer else None
    if given is None:
        return None, TtlSweep()
    ttl = Ttl(given.default_ttl, given.strategy) if given.default_ttl is not None else None
    return ttl, TtlSweep(60 * (given.sweep_interval_minutes or 0), given.sweep_limit or TtlSweep().limit)


def _items(config: Config, database: Database, embeddings: Embeddings | None) -> Items:
    options: dict[str, Any] = {}
    if config.store and (index := config.store.index):
        options.update(embeddings=embeddings, dims=index.dims, fields=index.fields)
    if config.store and (ttl := config.store.ttl):
        options.update(default_ttl=ttl.default_ttl, refresh_on_read=ttl.refresh_on_read, sweep_interval=ttl.sweep_interval_minutes)
    return Items(database, **options)


async def prepare(config: Config, conninfo: str) -> None:
    """Whatever a project needs in the database beyond what every server does. Raises `StartupError` when it cannot be."""
    if config.store and config.store.index:
        await migrate(conninfo)
        await make_vectors(conninfo, config.store.index.dims)


async def work(settings: Settings, config: Config, graphs: Graphs, conninfo: str) -> None:
    """Execute runs until this process is told to stop, without serving anything."""
    policy, embeddings = WebhookPolicy.of(config), load_embeddings(config)
    await prepare(config, conninfo)
    database = Database(conninfo, settings.pool_size, settings.pool_seconds)
    await database.open()
    parts = build(settings, config, policy, embeddings, graphs, database, auth=load_policy(config))
    parts.store.start()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def end(grace_seconds: float) -> None:
        parts.runner.drain(grace_seconds)
        stop.set()

    loop.add_signal_handler(signal.SIGTERM, end, settings.shutdown_grace_seconds)
    loop.add_signal_handler(signal.SIGINT, end, min(INTERRUPT_GRACE_SECONDS, settings.shutdown_grace_seconds))
    await parts.runner.start()
    parts.scheduler.start()
    log.info("executing %d runs at once of %s", settings.jobs_per_worker, ", ".join(graphs.ids))
    try:
        await stop.wait()
    finally:
        await parts.scheduler.stop()
        await parts.runner.stop()
        await parts.store.stop()
        await database.close()


async def _defaults(graphs: Graphs, store: Items) -> list[DefaultAssistant]:
    """The default assistants, named as their graphs are: by the name given to `compile`, else by the graph id."""
    defaults = []
    for graph_id, description in graphs.descriptions.items():
        name = graph_id
        if graphs.is_static(graph_id):
            async with graphs.open(graph_id, access_context="assistants.read", store=store) as graph:
                name = graph_id if graph.name == UNNAMED else graph.name
        defaults.append(DefaultAssistant(graph_id, name, description))
    return defaults


def create_app(settings: Settings, config: Config, graphs: Graphs, conninfo: str, *, works: bool = True) -> FastAPI:
    """The application. With `works` it also executes runs. Raises `StartupError` for embeddings that cannot be made."""
    policy, embeddings = WebhookPolicy.of(config), load_embeddings(config)
    options, custom, http_figures = HttpOptions.of(config), load_custom_app(config), HttpFigures()
    auth = load_policy(config)
    limiter = Limiter(settings.rate_limit, settings.max_open_requests_per_user, settings.redis_uri)
    guarded = access_middleware(auth, limiter, settings, config)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        database = Database(conninfo, settings.pool_size, settings.pool_seconds)
        await database.open()
        parts = build(settings, config, policy, embeddings, graphs, database, auth=auth, works=works, http_figures=http_figures)
        parts.store.start()
        assistants = Assistants(database)
        await assistants.sync_defaults(await _defaults(graphs, parts.store))
        routes.register(app, parts.handlers, options.operations(routes.OPERATIONS))
        app.router.routes.extend(_extras(parts, options, custom, _security(config, settings) if auth else None))
        await parts.runner.start()
        if works:
            parts.scheduler.start()
        app.state.drain = parts.runner.drain
        app.state.drained = parts.runner.drained
        try:
            async with contextlib.AsyncExitStack() as stack:
                state = await stack.enter_async_context(custom.lifespan()) if custom else {}
                app.state.announce()
                yield state
        finally:
            await parts.scheduler.stop()
            await parts.runner.stop()
            await parts.store.stop()
            await database.close()

    app = FastAPI(
        title="Allograph", lifespan=lifespan, openapi_url=None, docs_url=None, redoc_url=None,
        middleware=_middleware(settings, options, guarded, limiter),
        exception_handlers={
            ApiError: _api_error, HTTPException: _http_error, ClientDisconnect: _left, PoolTimeout: _pool_exhausted,
            Exception: _unexpected,
            psycopg.DataError: _unstorable, psycopg.OperationalError: _database_away, psycopg.InterfaceError: _database_away,
        },
    )  # fmt: skip
    app.state.announce = lambda: None
    app.state.authenticates = auth is not None
    app.state.entry = _entry(app, settings, config, options, custom, http_figures, guarded)
    return app


def access_middleware(auth: Policy | None, limiter: Limiter, settings: Settings, config: Config) -> Middleware | None:
    if auth is None:
        return None
    cache = config.auth.cache if config.auth else None
    return Middleware(AccessMiddleware, policy=auth, cache=cache, limiter=limiter, public_docs=settings.public_docs)


def _entry(
    app: FastAPI, settings: Settings, config: Config, options: HttpOptions, custom: CustomApp | None, http_figures: HttpFigures,
    guarded: Middleware | None,
) -> ASGIApp:  # fmt: skip
    """What the HTTP server calls: our application, with what every request passes around it and around a project's own."""
    requests: ASGIApp = app
    if custom:
        http = config.http
        requests = custom.around(
            app, guarded, auth_first=bool(http and http.middleware_order == "auth_first"),
            guards_routes=bool(http and http.enable_custom_route_auth),
        )  # fmt: skip
    if options.prefix:
        requests = PrefixMiddleware(requests, options.prefix)
    requests = CapacityMiddleware(requests, settings.max_open_requests)
    requests = CORSMiddleware(requests, **_cors(config))
    if options.logged:
        requests = RequestLogMiddleware(requests, options.logged)
    requests = http_figures.middleware(requests)

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        await (app if scope["type"] == "lifespan" else requests)(scope, receive, send)

    return serve


def _security(config: Config, settings: Settings) -> bytes:
    """What the served contract says of authentication."""
    given = config.auth.openapi.model_dump() if config.auth and config.auth.openapi else {}
    return dumps({**given, "public": [*PROBES, *(DOCUMENTS if settings.public_docs else ())]})


def _extras(parts: Parts, options: HttpOptions, custom: CustomApp | None, security: bytes | None) -> list[BaseRoute]:
    """What is served beyond the contract: the contract itself, probes, and what only SDK clients call."""
    system: Any = parts.handlers.system
    stateless: Any = parts.handlers.stateless_runs
    streaming: Any = parts.handlers.streaming
    a2a: Any = parts.handlers.a2a

    async def openapi(request: Request) -> Response:
        beside = dumps(custom.contract()) if custom else b"{}"
        body = contract.served(parts.graphs.ids, str(request.base_url), off=options.off, beside=beside, security=security)
        return Response(body, media_type="application/json")

    extras: list[BaseRoute] = [
        Route("/health", system.ready),
        Route("/ready", system.ready),
        Route("/live", system.live),
        Route("/", system.check_health),
    ]
    if options.serves("Stateless Runs"):
        extras.append(Route("/runs/{run_id:uuid}/stream", stateless.join_stateless_run_stream))
    if options.serves("Streaming"):
        socket = thread_socket.ThreadSocket(streaming.commands, streaming.subscriptions)
        extras.append(WebSocketRoute(thread_socket.PATH, socket.serve))
    if options.serves("A2A"):
        extras += [Route("/.well-known/agent-card.json", a2a.agent_card), Route("/a2a/{assistant_id}", a2a.agent_card_of)]
    if options.serves("System"):
        extras += [Route("/openapi.json", openapi), Mount("/docs/static", StaticFiles(directory=STATIC))]
    return extras


def _cors(config: Config) -> dict[str, Any]:
    cors = config.http.cors if config.http and config.http.cors else None
    options: dict[str, Any] = {
        "allow_origins": ["*"], "allow_methods": ["*"], "allow_headers": ["*"], "expose_headers": EXPOSED_HEADERS,
        "allow_private_network": True,
    }  # fmt: skip
    if cors:
        options.update(cors.model_dump(exclude_none=True))
        if cors.allow_origins is None and cors.allow_origin_regex is not None:
            options["allow_origins"] = []
    return options


def _middleware(settings: Settings, options: HttpOptions, guarded: Middleware | None, limiter: Limiter) -> list[Middleware]:
    """What requests of the API pass, and those of a project's own routes do not."""
    middleware = [Middleware(BodyLimitMiddleware, limit=settings.max_body_bytes, seconds=settings.body_seconds)]
    if guarded:
        middleware.append(guarded)
    if limiter.rate or limiter.most_open:
        middleware.append(Middleware(LimitMiddleware, limiter=limiter, public=PROBES))
    if options.configurable:
        middleware.append(Middleware(ConfigurableHeadersMiddleware, patterns=options.configurable))
    if settings.check_contract:
        middleware.append(Middleware(ContractCheckMiddleware, secured=guarded is not None))
    return middleware


def _detail(status: int, detail: str, headers: Any = None) -> JSONResponse:
    return JSONResponse({"detail": detail}, status, headers)


async def _api_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return _detail(error.status, error.detail, error.headers)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _detail(error.status_code, error.detail, error.headers)


async def _left(request: Request, error: Exception) -> Response:
    """The client went away in the middle of its request: nobody reads this, and it is nothing to be logged."""
    return _detail(422, "The request ended before its body was complete.")


async def _pool_exhausted(request: Request, error: Exception) -> Response:
    log.warning("no database connection was free: %s", error)
    return _detail(503, "The server is busy: no database connection became free in time. Try again.", {"retry-after": "1"})


async def _unstorable(request: Request, error: Exception) -> Response:
    """What passed all checks and cannot be a value in Postgres all the same."""
    reason = str(error).strip().partition("\n")[0]
    log.warning("%s %s has a value that Postgres refuses: %s", request.method, request.url.path, reason)
    return _detail(422, f"A value of the request cannot be stored or compared: {reason}")


async def _database_away(request: Request, error: Exception) -> Response:
    log.warning("the database did not answer %s %s: %s", request.method, request.url.path, str(error).strip())
    return _detail(503, "The database did not answer. Try again.", {"retry-after": "1"})


async def _unexpected(request: Request, error: Exception) -> Response:
    return _detail(500, f"Internal error: {type(error).__name__}. The server's log has the details.")
