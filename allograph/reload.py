"""`allograph serve --reload`: a parent that watches the project and restarts the server in a child process.

The parent holds the embedded Postgres, so data and its connections outlive each child. A child that is stopped hands its
unfinished runs back to the queue, and the next one goes on with them from their last checkpoints. Children are forked from a
server process that has imported everything but the project: imports would take most of the time of a restart.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
from collections.abc import Callable, Mapping
from multiprocessing.process import BaseProcess
from pathlib import Path

from watchfiles import Change, DefaultFilter
from watchfiles import watch as watch_files

from allograph.config import Config

log = logging.getLogger("allograph.reload")

STOP_SECONDS = 5.0
"""How long a child may take to hand its runs back before it is killed; its lease then gives them back."""

DEBOUNCE_MS = 200
WATCHED_SUFFIXES = (".py", ".json", ".env", ".toml", ".yaml", ".yml")


class _ProjectFilter(DefaultFilter):
    """Sources and settings of the project; not what servers and tools write beside them."""

    def __init__(self, ignored: Path) -> None:
        super().__init__(ignore_dirs=(*DefaultFilter.ignore_dirs, ".allograph", ".langgraph_api"), ignore_paths=(ignored,))

    def __call__(self, change: Change, path: str) -> bool:
        name = os.path.basename(path)
        return super().__call__(change, path) and (name.endswith(WATCHED_SUFFIXES) or name == ".env")


def watched_folders(config: Config) -> list[Path]:
    """The folders whose files a project is made of: where its langgraph.json is, and its local dependencies."""
    folders = {config.directory}
    for dependency in config.dependencies:
        folder = (config.directory / dependency).resolve()
        if dependency.startswith((".", "/")) and folder.is_dir():
            folders.add(folder)
    return sorted(folders)


def run_reloading(
    config: Config, data_dir: Path, serve: Callable[[Mapping[str, str]], None], environment: Mapping[str, str]
) -> None:
    """Keep a child running `serve(environment)` until this process is told to stop."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["allograph.app", "allograph.server", "allograph.project"])

    def start() -> BaseProcess:
        process = context.Process(target=serve, args=(environment,), name="allograph-serve")
        process.start()
        return process

    child = start()
    stopping = False

    def stop(*_: object) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    folders = watched_folders(config)
    log.info("watching %s", ", ".join(map(str, folders)))
    reported = False
    for changed in watch_files(
        *folders, watch_filter=_ProjectFilter(data_dir), debounce=DEBOUNCE_MS, step=50, rust_timeout=250, yield_on_timeout=True,
        raise_interrupt=False,
    ):  # fmt: skip
        if stopping:
            break
        if changed:
            names = sorted({os.path.relpath(path, config.directory) for _, path in changed})
            log.info("%s changed: restarting", ", ".join(names[:3]) + (" and others" if len(names) > 3 else ""))
            _stop(child)
            child, reported = start(), False
        elif not child.is_alive() and not reported:
            # It could not start, and has said why; the next change is the next try.
            reported = True
            log.warning("the server ended with %s; waiting for a change", child.exitcode)
    _stop(child)


def _stop(child: BaseProcess) -> None:
    if child.is_alive():
        child.terminate()
        child.join(STOP_SECONDS)
        if child.is_alive():
            child.kill()
            child.join()
