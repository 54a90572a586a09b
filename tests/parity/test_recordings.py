"""Plays every scenario against our server and compares with what the reference answered."""

from __future__ import annotations

import pytest

from .compare import Allowance, allowances, compare, unexplained
from .scenario import Scenario, load, recorded, run

SCENARIOS = load()


@pytest.fixture(scope="module")
def allowed() -> list[Allowance]:
    return allowances()


@pytest.fixture(scope="module")
def played() -> set[str]:
    return set()


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())
def test_answers_are_the_references(scenario: Scenario, server_url: str, allowed: list[Allowance], played: set[str]) -> None:
    expected = recorded(scenario)
    got = run(scenario, server_url)
    left = unexplained(compare(scenario.name, expected, got.exchanges, got.failure), allowed)
    played.add(scenario.name)
    if left:
        pytest.fail("\n".join(map(str, left)), pytrace=False)


def test_every_allowed_difference_exists(allowed: list[Allowance], played: set[str]) -> None:
    """An entry that covers nothing any more must go."""
    if played != set(SCENARIOS):
        pytest.skip("only some scenarios were played")
    unused = [entry.reason for entry in allowed if not entry.used]
    assert not unused
