"""Items of the store: what clients put, read and delete, and what must be there in the end."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator

import httpx

from tests.chaos.asking import Asking
from tests.chaos.history import Facts, History, Item

CLIENTS = 3
AT_ONCE = 12
"""Items that a client works on; others take the places of those whose answers were lost."""

ROOT = "chaos"


class ItemLoad(Asking):
    """Each client has a namespace to itself, so that it knows what there must be."""

    async def work(self) -> None:
        await asyncio.gather(*(self._client(number) for number in range(CLIENTS)))

    async def _client(self, number: int) -> None:
        chance = random.Random(f"items {self.seed} {number}")
        namespace = [ROOT, f"client-{number}"]
        items = [self._new(namespace) for _ in range(AT_ONCE)]
        while self.going_on:
            place = chance.randrange(AT_ONCE)
            await self._change(chance, items[place])
            if items[place].unsure:
                items[place] = self._new(namespace)
            else:
                await self._read(chance, items[place])
            await asyncio.sleep(chance.uniform(0, 0.5))

    def _new(self, namespace: list[str]) -> Item:
        item = Item(namespace, f"k{next(self._numbers)}")
        self.history.items.append(item)
        return item

    async def _change(self, chance: random.Random, item: Item) -> None:
        """Put another value, or delete it."""
        value = None if item.value is not None and chance.random() < 0.3 else next(self._numbers)
        where = {"namespace": item.namespace, "key": item.key}
        if value is None:
            answer = await self._ask(chance, "DELETE", "/store/items", json=where)
        else:
            answer = await self._ask(chance, "PUT", "/store/items", json={**where, "value": {"n": value}})
        if answer is not None and answer.status_code == 204:
            item.value = value
        else:
            item.unsure = [value]

    async def _read(self, chance: random.Random, item: Item) -> None:
        where = {"namespace": ".".join(item.namespace), "key": item.key}
        answer = await self._ask(chance, "GET", "/store/items", params=where)
        if answer is not None and answer.status_code == 200:
            shown = answer.json()
            item.read.append((item.value, shown and shown["value"]["n"]))


def gather(url: str, facts: Facts) -> None:
    """Put all items that a search finds into `facts`."""
    page = 500
    with httpx.Client(base_url=url, timeout=60) as http:
        for offset in range(0, 10**9, page):
            body = {"namespace_prefix": [ROOT], "limit": page, "offset": offset}
            found = http.post("/store/items/search", json=body).raise_for_status().json()["items"]
            facts.items.update({".".join([*item["namespace"], item["key"]]): item["value"]["n"] for item in found})
            if len(found) < page:
                return


def violations(history: History, facts: Facts) -> Iterator[str]:
    """What was acknowledged is so: a value that was put is there, what was deleted is not."""
    for item in history.items:
        for expected, found in item.read:
            if found != expected:
                yield f"item {item.key} was read as {found}, and {expected} was acknowledged before"
        if (found := facts.items.get(item.place)) not in (item.value, *item.unsure):
            also = f", or perhaps {item.unsure}" if item.unsure else ""
            yield f"item {item.key} is {found} at the end, and {item.value} was acknowledged{also}"
    for place in facts.items.keys() - {item.place for item in history.items}:
        yield f"item {place} was never put"
