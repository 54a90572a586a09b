"""How long a thread lives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Ttl:
    """How long a thread lives, in minutes from when this was set, and what happens to it then."""

    minutes: float
    strategy: str = "delete"


def ttl_parameters(ttl: Ttl | None) -> dict[str, Any]:
    """For statements with `ttl_strategy` and `ttl_minutes`."""
    return {"ttl_strategy": ttl.strategy if ttl else None, "ttl_minutes": ttl.minutes if ttl else None}
