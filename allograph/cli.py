"""The command line: `allograph serve | api | worker | migrate | config`."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from allograph import logs
from allograph.errors import StartupError
from allograph.settings import Settings

log = logging.getLogger("allograph")

cli = typer.Typer(help="An open, self-hosted server of the LangGraph API.", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

ConfigOption = Annotated[Path | None, typer.Option("--config", help="The langgraph.json to serve.", metavar="FILE")]
HostOption = Annotated[str | None, typer.Option("--host", help="The address to listen on. [default: 127.0.0.1]")]
PortOption = Annotated[
    int | None, typer.Option("--port", min=0, max=65535, help="The port to listen on. [default: 2024, or the next free one]")
]
ReloadOption = Annotated[bool, typer.Option("--reload", help="Restart when files of the project change.")]


@cli.command()
def serve(
    config: ConfigOption = None, host: HostOption = None, port: PortOption = None, reload: ReloadOption = False
) -> None:
    """Serve the API and execute runs, in one process."""
    if reload:
        from allograph.reload import watch

        watch(config, host, port)
        return
    _run(config, host, port, works=True)


@cli.command()
def api(config: ConfigOption = None, host: HostOption = None, port: PortOption = None) -> None:
    """Serve the API; runs are executed by workers."""
    _run(config, host, port, works=False)


@cli.command()
def migrate() -> None:
    """Bring the database up to date, and stop."""
    from allograph.store.database import migrate as apply

    settings = _settings()
    with _database(settings) as conninfo:
        applied = asyncio.run(apply(conninfo))
    typer.echo("\n".join(f"applied {name}" for name in applied) or "the database is up to date")


@cli.command("config")
def show_config(config: ConfigOption = None) -> None:
    """Check the langgraph.json and print what the server would use."""
    from allograph.config import find_config, load_config

    settings = _settings()
    served = load_config(find_config(config))
    typer.echo(f"langgraph.json: {served.path}")
    for graph_id, graph in served.graphs.items():
        typer.echo(f"  {graph_id}: {graph.path}")
    for name, value in settings.model_dump().items():
        shown = "(set)" if name == "database_uri" and value else value
        typer.echo(f"{name}: {shown}")


def _settings(**overrides: Any) -> Settings:
    try:
        settings = Settings(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, one['loc']))} is {one['input']!r}: {one['msg']}" for one in error.errors())
        raise StartupError(f"The environment cannot be used: {problems}.") from None
    logs.configure(settings.log_level, settings.log_json)
    return settings


class _database:  # noqa: N801 - used like a function
    """The conninfo of the database that the settings name, or of the embedded one, which runs while the context is open."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.embedded: Any = None

    def __enter__(self) -> str:
        if self.settings.database_uri:
            return self.settings.database_uri
        from allograph.store.embedded import EmbeddedPostgres

        self.embedded = EmbeddedPostgres(self.settings.data_dir.absolute())
        return self.embedded.start()  # type: ignore[no-any-return]

    def __exit__(self, *exception: object) -> None:
        if self.embedded:
            self.embedded.stop()


def _run(config: Path | None, host: str | None, port: int | None, *, works: bool) -> None:
    began = time.monotonic()
    settings = _settings(host=host, port=port)
    from allograph.config import find_config, load_config
    from allograph.server import Server, bind

    served = load_config(find_config(config or settings.langgraph_json))
    with _database(settings) as conninfo:
        # After the database has begun to start: imports of a user's graphs take longest.
        from allograph.app import create_app
        from allograph.project import activate
        from allograph.runner.graphs import load_graphs

        activate(served)
        graphs = load_graphs(served)
        listening = bind(settings.host, settings.port)
        app = create_app(settings, served, graphs, conninfo, works=works)
        server = Server(app, settings.shutdown_grace_seconds)
        address, chosen = listening.getsockname()[:2]
        url = f"http://{'localhost' if address in ('127.0.0.1', '0.0.0.0', '::', '::1') else address}:{chosen}"  # noqa: S104

        def announce() -> None:
            took = time.monotonic() - began
            log.info("serving %s from %s", ", ".join(graphs.ids), served.path)
            log.info("API   %s", url)
            log.info("docs  %s/docs", url)
            log.info("ready in %.1f s", took)
            if settings.port is None and chosen != 2024:
                log.info("port 2024 is taken; --port or PORT chooses another one than %d", chosen)

        app.state.announce = announce
        server.run(sockets=[listening])
        if not server.started:
            raise SystemExit(1)


def main() -> None:
    # A terminal that hangs up and an orchestrator that stops mean the same.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        cli(standalone_mode=False)
    except StartupError as error:
        sys.stderr.write(f"allograph: {error}\n")
        raise SystemExit(1) from None
    except typer.Exit as error:
        raise SystemExit(error.exit_code) from None
    except typer.Abort:
        raise SystemExit(130) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except Exception as error:
        if type(error).__module__.startswith("click"):
            sys.stderr.write(f"allograph: {error.format_message() if hasattr(error, 'format_message') else error}\n")
            raise SystemExit(2) from None
        raise


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    main()
