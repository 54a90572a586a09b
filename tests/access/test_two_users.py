"""Two users do everything at once, to their own things and to each other's: neither ever reads a byte of the other's.

`python -m tests.access.test_two_users 20000` does it for longer.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.access.cases import CASES
from tests.access.test_table import PROJECT, ask
from tests.access.world import ENVIRONMENT, Things
from tests.server_process import data_folder, serving

USERS = ("owner", "other")
LIVES = 8
"""Requests in which a set of things is used; after that there are new ones, since most of what can be done is done once."""


class Play:
    """What one user does. All of it is written down in `asked` and `leaks`."""

    def __init__(self, url: str, user: str, seed: int) -> None:
        self.url, self.user = url, user
        self.random = random.Random(f"{seed} {user}")
        self.asked: Counter[str] = Counter()
        self.leaks: list[str] = []

    def go_on(self, things: dict[str, list[Things]], requests: int) -> None:
        for turn in range(requests):
            if turn % LIVES == 0:
                things[self.user] = [*things[self.user], Things(self.url, owner=self.user)][-4:]
            whose = self.random.choice(USERS)
            chosen = self.random.choice(things[whose] or things[self.user])
            line = self.random.choice(list(CASES))
            try:
                status, text = ask(self.url, line, self.user, chosen)
            except AssertionError:
                self.asked["made anew"] += 1  # somebody's thing was deleted before something was made on it
                continue
            self.asked[f"{status // 100}xx"] += 1
            if status >= 500:
                self.leaks.append(f"{line}: {status} {text[:300]}")
            theirs = [one.marker for user in USERS if user != self.user for one in things[user]]
            if any(marker in text for marker in theirs):
                self.leaks.append(f"{line} by {self.user}: {text[:2000]}")


def play(requests: int, seed: int) -> tuple[Counter[str], list[str]]:
    with data_folder() as folder, serving(folder / "data", config=PROJECT, environment=ENVIRONMENT) as running:
        things: dict[str, list[Things]] = {user: [Things(running.url, owner=user)] for user in USERS}
        plays = [Play(running.url, user, seed) for user in USERS]
        with ThreadPoolExecutor() as both:
            waits: list[Any] = [both.submit(one.go_on, things, requests // 2) for one in plays]
            for wait in waits:
                wait.result()
    return sum((one.asked for one in plays), Counter()), [leak for one in plays for leak in one.leaks]


def test_neither_sees_a_byte_of_the_others() -> None:
    asked, leaks = play(160, seed=1)
    assert leaks == []
    # It was about something: both what may be done and what may not was tried many times.
    assert asked["2xx"] > 30
    assert asked["4xx"] > 15


def main() -> None:
    seed = random.randrange(2**32)
    asked, leaks = play(int(sys.argv[1]), seed)
    print(f"seed {seed}: {sum(asked.values())} requests, {dict(asked)}; leaks: {len(leaks)}")
    print("\n".join(leaks))


if __name__ == "__main__":
    main()
