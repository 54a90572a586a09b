"""The command line: `allograph serve | api | worker | migrate | config`."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import uvloop
from pydantic import ValidationError

from allograph import logs
from allograph.errors import StartupError
from allograph.settings import DATABASE_VARIABLES, DEFAULT_PORT, Settings

if TYPE_CHECKING:
    from allograph.config import Config

log = logging.getLogger("allograph")

cli = typer.Typer(
    help="An open, self-hosted server of the LangGraph API.", no_args_is_help=True, add_completion=False,
    pretty_exceptions_enable=False,
)  # fmt: skip

ConfigOption = Annotated[Path | None, typer.Option("--config", help="The langgraph.json to serve.", metavar="FILE")]
HostOption = Annotated[str | None, typer.Option("--host", help="The address to listen on. [default: 127.0.0.1]")]
PortOption = Annotated[
    int | None, typer.Option("--port", min=0, max=65535, help="The port to listen on. [default: 2024, or the next free one]")
]
ReloadOption = Annotated[bool, typer.Option("--reload", help="Restart when files of the project change.")]


@cli.command()
def serve(config: ConfigOption = None, host: HostOption = None, port: PortOption = None, reload: ReloadOption = False) -> None:
    """Serve the API and execute runs, in one process."""
    if reload:
        _run_reloading(config, host, port)
        return
    _run(config, host, port, works=True)


@cli.command()
def api(config: ConfigOption = None, host: HostOption = None, port: PortOption = None) -> None:
    """Serve the API; runs are executed by workers."""
    _run(config, host, port, works=False)


@cli.command()
def worker(config: ConfigOption = None) -> None:
    """Execute runs that other processes accept; serves nothing."""
    served = _project(config)
    settings = _settings()
    with _database(settings) as conninfo:
        from allograph.app import work
        from allograph.runner.graphs import load_graphs

        graphs = load_graphs(served)
        with contextlib.suppress(KeyboardInterrupt):
            uvloop.run(work(settings, served, graphs, conninfo()))


@cli.command()
def migrate() -> None:
    """Bring the database up to date, and stop."""
    from allograph.store.database import migrate as apply

    settings = _settings()
    with _database(settings) as conninfo:
        applied = asyncio.run(apply(conninfo()))
    typer.echo("\n".join(f"applied {name}" for name in applied) or "the database is up to date")


@cli.command("config")
def show_config(config: ConfigOption = None) -> None:
    """Check the langgraph.json and print what the server would use."""
    served = _project(config)
    settings = _settings()
    typer.echo(f"langgraph.json: {served.path}")
    for graph_id, graph in served.graphs.items():
        typer.echo(f"  {graph_id}: {graph.path}")
    for name, value in settings.model_dump().items():
        shown = "(set)" if name in ("database_uri", "redis_uri") and value else value
        typer.echo(f"{name}: {shown}")


def _settings(**overrides: Any) -> Settings:
    try:
        settings = Settings(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, one['loc']))} is {one['input']!r}: {one['msg']}" for one in error.errors())
        raise StartupError(f"The environment cannot be used: {problems}.") from None
    logs.configure(settings.log_level, settings.log_json)
    return settings


@contextlib.contextmanager
def _database(settings: Settings) -> Iterator[Callable[[], str]]:
    """The database that the settings name, or the embedded one, which runs while the context is open.

    Gives a function that answers its conninfo once it is there: a Postgres starts while Python imports.
    """
    if settings.redis_uri:
        _check_redis(settings.redis_uri)
    if uri := settings.database_uri:
        _check_database(uri)
        yield lambda: uri
        return
    from allograph.store.embedded import EmbeddedPostgres

    embedded = EmbeddedPostgres(settings.data_dir.absolute())
    with ThreadPoolExecutor(1) as threads:
        starting = threads.submit(embedded.start)
        try:
            yield starting.result
        finally:
            if starting.exception() is None:
                embedded.stop()


def _check_redis(uri: str) -> None:
    """Raise `StartupError` for a URI that is none, without repeating it: it may hold a password.

    A Redis that does not answer keeps nothing from starting, as it stops nothing when it goes away later.
    """
    try:
        from redis.asyncio import Redis
    except ImportError:
        raise StartupError("REDIS_URI is set, but the package redis is not installed: pip install 'allograph[redis]'.") from None
    try:
        Redis.from_url(uri)
    except (ValueError, TypeError):
        raise StartupError("REDIS_URI cannot be used; expected redis://host:6379/0, rediss://… or unix:///path.") from None


def _check_database(uri: str) -> None:
    """Raise `StartupError` for a database that does not answer; its words, but not the URI, which may hold a password."""
    import psycopg

    given = next((name for name in DATABASE_VARIABLES if name in os.environ), DATABASE_VARIABLES[0])
    try:
        psycopg.connect(uri, connect_timeout=10).close()
    except psycopg.OperationalError as error:
        raise StartupError(f"{given} names a database that cannot be reached: {str(error).strip()}") from None
    except psycopg.Error:
        raise StartupError(f"{given} is not a connection string; expected postgresql://user:password@host:5432/name.") from None


def _project(config: Path | None) -> Config:
    """The langgraph.json to serve, its environment set: settings may stand in it."""
    from allograph.config import find_config, load_config
    from allograph.project import activate

    logs.configure("INFO", False)
    served = load_config(find_config(config))
    activate(served)
    return served


_OPEN = """
########################################################################################
#  ANYBODY WHO REACHES %s MAY READ, CHANGE AND DELETE EVERYTHING HERE.
#  There is no authentication: set ALLOGRAPH_AUTH, or `auth` in langgraph.json
#  (docs/auth.md), or listen on 127.0.0.1 alone.
########################################################################################
""".strip()


def _run(config: Path | None, host: str | None, port: int | None, *, works: bool) -> None:
    began = time.monotonic()
    served = _project(config)
    settings = _settings(host=host, port=port)
    from allograph.server import Server, bind

    with _database(settings) as conninfo:
        from allograph.app import create_app, prepare
        from allograph.runner.graphs import load_graphs

        graphs = load_graphs(served)
        asyncio.run(prepare(served, conninfo()))
        listening = bind(settings.host, settings.port)
        app = create_app(settings, served, graphs, conninfo(), works=works)
        server = Server(app, settings.shutdown_grace_seconds)
        address, chosen = listening.getsockname()[:2]
        url = f"http://{'localhost' if address in ('127.0.0.1', '0.0.0.0', '::', '::1') else address}:{chosen}"  # noqa: S104

        def announce() -> None:
            if settings.port is None and chosen != DEFAULT_PORT:
                log.info("port %d is taken, so this is %d; --port or PORT chooses another", DEFAULT_PORT, chosen)
            log.info("graphs %s", ", ".join(graphs.ids))
            log.info("API    %s", url)
            log.info("docs   %s/docs", url)
            log.info("ready in %.1f s", time.monotonic() - began)
            if not app.state.authenticates and not ipaddress.ip_address(address).is_loopback:
                for line in (_OPEN % address).splitlines():
                    log.warning("%s", line)

        app.state.announce = announce
        # uvicorn raises the signal that stopped it once more, when everything has ended.
        with contextlib.suppress(KeyboardInterrupt):
            signal.signal(signal.SIGTERM, signal.default_int_handler)
            server.run(sockets=[listening])
        if not server.started:
            raise SystemExit(1)


def _run_reloading(config: Path | None, host: str | None, port: int | None) -> None:
    served = _project(config)
    settings = _settings(host=host, port=port)
    from allograph.reload import run_reloading
    from allograph.server import bind

    # Chosen once: every child comes back on the same port.
    probe = bind(settings.host, settings.port)
    chosen = probe.getsockname()[1]
    probe.close()
    with _database(settings) as conninfo:
        run_reloading(served, settings.data_dir.absolute(), _serve_reloaded, {
            "DATABASE_URI": conninfo(), "LANGGRAPH_JSON": str(served.path), "HOST": settings.host, "PORT": str(chosen),
            "BG_JOB_SHUTDOWN_GRACE_PERIOD_SECS": "0",
        })  # fmt: skip


def _serve_reloaded(environment: Mapping[str, str]) -> None:
    os.environ.update(environment)
    with _sentences():
        _run(None, None, None, works=True)


@contextlib.contextmanager
def _sentences() -> Iterator[None]:
    """What keeps the server from starting is told in a sentence, not in a traceback."""
    try:
        yield
    except StartupError as error:
        sys.stderr.write(f"allograph: {error}\n")
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def main() -> None:
    with _sentences():
        cli()


if __name__ == "__main__":
    main()
