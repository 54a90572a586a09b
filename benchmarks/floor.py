"""The floor: the same graphs with LangGraph's Postgres saver, one instance per run, and nothing around them.

    python -m benchmarks.floor --database-uri URI

Reads one request per line from standard input (`{"operation", "clients", "seconds", "graph"}`), answers with one `Sample` per
line. No server can be faster than this without being faster than LangGraph.
"""

from __future__ import annotations

import argparse
import asyncio
import copy
import importlib.util
import json
import sys
import time
import uuid
from dataclasses import asdict
from pathlib import Path
from typing import Any

import uvloop
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from benchmarks.load import INPUTS, STREAM_MODES, Taken, Window, with_cpu

POOL_SIZE = 20
WARM_UP = 0.5
GRAPHS = Path(__file__).parent / "graphs"


def graph(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, GRAPHS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return getattr(module, name)


async def serve(uri: str) -> None:
    graphs = {name: graph(name) for name in INPUTS}
    async with AsyncConnectionPool(
        uri, min_size=4, max_size=POOL_SIZE, kwargs={"autocommit": True, "row_factory": dict_row}, open=False
    ) as pool:
        print("ready", flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            asked = json.loads(line)
            name, operation, clients = asked["graph"], asked["operation"], asked["clients"]

            async def one(_: int, name: str = name, operation: str = operation) -> Taken:
                served = copy.copy(graphs[name])
                served.checkpointer = AsyncPostgresSaver(pool)  # type: ignore[arg-type]
                config = {"configurable": {"thread_id": str(uuid.uuid4())}}
                began = time.perf_counter()
                if operation != "stream":
                    await served.ainvoke(INPUTS[name], config)
                    return time.perf_counter() - began, None, None
                first_event = first_token = None
                modes = [mode.removesuffix("-tuple") for mode in STREAM_MODES]
                async for mode, _chunk in served.astream(INPUTS[name], config, stream_mode=modes):
                    if first_event is None:
                        first_event = time.perf_counter() - began
                    if first_token is None and mode == "messages":
                        first_token = time.perf_counter() - began
                return time.perf_counter() - began, first_event, first_token

            await Window().run(one, clients, WARM_UP)
            window = Window()
            before = time.process_time()
            took = await window.run(one, clients, asked["seconds"])
            sample = with_cpu(window.sample(operation, clients, took), (before, 0), (time.process_time(), 0))
            print(json.dumps(asdict(sample)), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database-uri", required=True)
    uvloop.run(serve(parser.parse_args().database_uri))


if __name__ == "__main__":
    main()
