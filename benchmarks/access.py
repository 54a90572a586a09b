"""What it costs to know who asks, and to find what is theirs among what is everybody's.

    python -m benchmarks.access                 # 1,000,000 threads, 10 of them the user's

One server without authentication and one with tokens over the same database take turns; median milliseconds of single requests.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import jwt
import psycopg

from allograph.store.embedded import EmbeddedPostgres
from benchmarks.contestants import deployed, serving

SECRET = "a secret that only the issuer and the server know"  # noqa: S105

_THREADS = """
INSERT INTO threads (thread_id, created_at, updated_at, state_updated_at, metadata, "values")
SELECT gen_random_uuid(), at, at, at, jsonb_build_object('graph_id', 'chat', 'owner', 'user-' || (n / 10)), '{"messages": []}'
FROM generate_series(1, %(rows)s) AS n, LATERAL (SELECT now() - n * interval '1 second' AS at) AS moment
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=300)
    options = parser.parse_args()
    user = f"user-{options.rows // 20}"
    token = jwt.encode({"sub": user, "exp": int(time.time()) + 3600}, SECRET, "HS256")
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="allograph-bench-")))
        folder.chmod(0o755)
        uri = stack.enter_context(EmbeddedPostgres(folder / "data"))
        off = stack.enter_context(deployed("serve", uri, folder, jobs=0, name="off"))
        tokens = {
            "DATABASE_URI": off.database_uri,
            "ALLOGRAPH_AUTH": "jwt",
            "ALLOGRAPH_AUTH_SECRET": SECRET,
            "N_JOBS_PER_WORKER": "0",
        }
        on = stack.enter_context(serving(tokens, folder / "on.log"))
        with psycopg.connect(off.database_uri, autocommit=True) as connection:
            connection.execute(_THREADS, {"rows": options.rows})
            connection.execute("VACUUM (ANALYZE) threads")
        headers = {"authorization": f"Bearer {token}"}
        clients = {
            "without authentication": stack.enter_context(httpx.Client(base_url=off.url)),
            "with tokens": stack.enter_context(httpx.Client(base_url=on, headers=headers)),
        }
        mine = clients["with tokens"].post("/threads/search", json={"limit": 10}).raise_for_status().json()
        assert {one["metadata"]["owner"] for one in mine} == {user}
        owner = {"metadata": {"owner": user}}
        requests: dict[str, tuple[str, str, Any]] = {
            "a probe": ("GET", "/ok", None),
            "get a thread": ("GET", f"/threads/{mine[0]['thread_id']}", None),
            "newest threads of one's own": ("POST", "/threads/search", {"limit": 10, **owner}),
            "count one's own": ("POST", "/threads/count", owner),
        }
        took: dict[tuple[str, str], list[float]] = {}
        for number in range(options.times):
            for what, (method, path, body) in requests.items():
                for who, client in clients.items():
                    if who == "with tokens" and isinstance(body, dict):
                        body = {key: value for key, value in body.items() if key != "metadata"}
                    began = time.perf_counter()
                    client.request(method, path, json=body).raise_for_status()
                    if number > 20:  # the first ones warm up
                        took.setdefault((what, who), []).append((time.perf_counter() - began) * 1000)
        print(f"| ms, {options.rows:,} threads | {' | '.join(clients)} |\n|---|---:|---:|")
        for what in requests:
            print(f"| {what} | " + " | ".join(f"{statistics.median(took[what, who]):.2f}" for who in clients) + " |")


if __name__ == "__main__":
    main()
