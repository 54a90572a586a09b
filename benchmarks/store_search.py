"""Searches in a store of many items, through a running server: `python -m benchmarks.store_search --url http://127.0.0.1:2024`.

Puts items below the namespace `bench` (users with a few items each, and one with a tenth of all), then times searches with a
prefix and a filter one after the other, and prints p50 and p95 in milliseconds. Beside them is the cost of the request
itself: getting one item. The items stay; `--keep` uses those of an earlier run.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Any

import httpx

KINDS = ("fact", "preference", "event", "note", "task")
CHANCE = random.Random(1)  # noqa: S311 - the same searches in every run
AT_ONCE = 16
"""Items that are put at the same time."""


def item(number: int, users: int) -> dict[str, Any]:
    user = "many" if number % 10 == 0 else str(number % users)
    return {
        "namespace": ["bench", user, "memories"],
        "key": f"item-{number}",
        "value": {
            "kind": KINDS[number % len(KINDS)],
            "score": number % 1000,
            "rare": f"r{number // 50}",
            "tags": [f"t{number % 7}", f"t{number % 11}"],
            "text": f"The user said something worth keeping, number {number}. " * 3,
        },
    }


async def fill(client: httpx.AsyncClient, items: int, users: int) -> None:
    numbers = iter(range(items))

    async def put() -> None:
        for number in numbers:
            (await client.put("/store/items", json=item(number, users))).raise_for_status()

    await asyncio.gather(*(put() for _ in range(AT_ONCE)))


def searches(items: int, users: int) -> dict[str, Callable[[], dict[str, Any]]]:
    """What is looked for; each call gives another request."""
    return {
        "prefix of all, filter of one in 5": lambda: _search(["bench"], {"kind": CHANCE.choice(KINDS)}),
        "prefix of all, filter of one in 2,000": lambda: _search(["bench"], {"rare": f"r{CHANCE.randrange(items // 50)}"}),
        "prefix of all, filter that nothing meets": lambda: _search(["bench"], {"rare": f"none{CHANCE.random()}"}),
        "prefix of all, two comparisons": lambda: _search(["bench"], {"score": {"$gte": CHANCE.randrange(900), "$lt": 950}}),
        "prefix of a tenth, filter of one in 5": lambda: _search(["bench", "many"], {"kind": CHANCE.choice(KINDS[::5])}),
        "prefix of a tenth, filter and comparison": lambda: _search(["bench", "many"], {"kind": "fact", "score": {"$lt": 100}}),
        "prefix of one user, filter of one in 5": lambda: _search(
            ["bench", str(CHANCE.randrange(users))], {"kind": CHANCE.choice(KINDS)}
        ),
        "prefix of one user": lambda: _search(["bench", str(CHANCE.randrange(users))], None),
    }


def _search(prefix: list[str], filter_: dict[str, Any] | None) -> dict[str, Any]:
    return {"namespace_prefix": prefix, "filter": filter_, "limit": 10}


async def timed(times: int, call: Callable[[], Awaitable[httpx.Response]]) -> tuple[float, float, int]:
    """p50 and p95 in milliseconds, and the items that were found in all."""
    taken, found = [], 0
    for _ in range(times):
        began = time.perf_counter()
        reply = (await call()).raise_for_status()
        taken.append((time.perf_counter() - began) * 1000)
        body = reply.json()
        found += len(body.get("items", body.get("namespaces", ())))
    return statistics.median(taken), statistics.quantiles(taken, n=20)[-1], found


async def main() -> None:
    parser = argparse.ArgumentParser(description="Time searches in a store of many items.")
    parser.add_argument("--url", required=True)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    users = options.items // 50
    async with httpx.AsyncClient(base_url=options.url, timeout=60) as client:
        if not options.keep:
            began = time.perf_counter()
            await fill(client, options.items, users)
            print(f"{options.items} items put, {options.items / (time.perf_counter() - began):.0f}/s")
        one = item(10, users)
        place = {"namespace": ".".join(one["namespace"]), "key": one["key"]}
        p50, p95, _ = await timed(options.times, lambda: client.get("/store/items", params=place))
        print(f"{'get one item':44} {p50:7.1f} {p95:7.1f}")
        for name, request in searches(options.items, users).items():
            p50, p95, found = await timed(
                options.times, lambda request=request: client.post("/store/items/search", json=request())  # type: ignore[misc]
            )  # fmt: skip
            print(f"{name:44} {p50:7.1f} {p95:7.1f}   {found / options.times:.1f} found")
        p50, p95, found = await timed(20, lambda: client.post("/store/namespaces", json={"max_depth": 2}))
        print(f"{'namespaces of all, two levels':44} {p50:7.1f} {p95:7.1f}   {found / 20:.1f} found")


if __name__ == "__main__":
    asyncio.run(main())
