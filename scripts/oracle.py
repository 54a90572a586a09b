"""The reference server (`langgraph dev`), run as a black box in its own virtual environment.

`langgraph-api` is Elastic-licensed: it is started, asked and recorded, never opened. `make oracle-setup` makes `.oracle/` from
`scripts/oracle.txt`; this module starts the server there on a free loopback port and stops it again.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parent.parent
EXECUTABLE = ROOT / ".oracle" / "bin" / "langgraph"
START_TIMEOUT = 60.0
"""Seconds that the reference may take until `/ok` answers."""


def free_port() -> int:
    """A loopback port that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def oracle(
    config: Path, port: int | None = None, environment: Mapping[str, str] | None = None, executable: Path = EXECUTABLE
) -> Iterator[str]:
    """Run the reference on the graphs of `config` (a langgraph.json) and yield its base URL.

    Raises `RuntimeError` with the end of the server's log when it does not come up.
    """
    if not executable.exists():
        raise RuntimeError(f"{executable} does not exist; run `make oracle-setup` first")
    port = port or free_port()
    url = f"http://127.0.0.1:{port}"
    # The reference reads graph paths from its working directory and writes its state there, so it works on a copy.
    with tempfile.TemporaryDirectory(prefix="oracle-") as scratch, tempfile.TemporaryFile() as log:
        cwd = shutil.copytree(config.resolve().parent, Path(scratch) / "app")
        process = subprocess.Popen(
            [str(executable), "dev", "--no-browser", "--no-reload", "--port", str(port), "--config", config.name,
             "--n-jobs-per-worker", "10"],
            cwd=cwd, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            env={**os.environ, "LANGSMITH_TRACING": "false", "LANGGRAPH_CLI_NO_ANALYTICS": "1", **(environment or {})},
        )  # fmt: skip
        try:
            deadline = time.monotonic() + START_TIMEOUT
            while True:
                with contextlib.suppress(httpx.HTTPError):
                    if httpx.get(f"{url}/ok", timeout=2).status_code == 200:
                        break
                if process.poll() is not None or time.monotonic() > deadline:
                    log.seek(0)
                    raise RuntimeError(f"the reference did not start: {log.read().decode(errors='replace')[-4000:]}")
                time.sleep(0.1)
            yield url
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description="Run the reference server until interrupted.")
    parser.add_argument("--config", type=Path, default=ROOT / "tests" / "graphs" / "langgraph.json")
    parser.add_argument("--port", type=int)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with oracle(options.config, options.port) as url, contextlib.suppress(KeyboardInterrupt):
        print(url, flush=True)
        signal.pause()


if __name__ == "__main__":
    main()
