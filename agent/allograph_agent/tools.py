"""The agent's tools. Each really does what it says; an error is a sentence that the model gets as the tool's result."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from langchain.tools import ToolRuntime
from langchain_core.tools import BaseTool, ToolException, tool

from allograph_agent.arithmetic import ExpressionError, evaluate
from allograph_agent.configuration import Configuration

MAX_FACTS = 100
"""The most facts that `recall` reads out."""


@tool
def calculator(expression: str) -> str:
    """Evaluate an arithmetic expression such as `(2 + 3) * 4 ** 2 / 7`.

    Numbers, + - * / // % **, parentheses, pi, e, and the functions abs, round, min, max, sqrt, exp, log, log10, floor,
    ceil, sin, cos, tan (in radians).
    """
    try:
        return evaluate(expression)
    except ExpressionError as error:
        raise ToolException(str(error)) from error


@tool
def current_time(timezone: str = "UTC") -> str:
    """Tell the current date and time in an IANA time zone such as `Europe/Berlin`; without one, in UTC."""
    now = datetime.now(UTC)
    if timezone.upper() != "UTC":
        try:
            now = now.astimezone(ZoneInfo(timezone))
        except (KeyError, ValueError, OSError) as error:
            raise ToolException(_unknown_zone(timezone)) from error
    return f"{now:%A} {now.isoformat(sep=' ', timespec='seconds')} ({timezone})"


def _unknown_zone(timezone: str) -> str:
    zones = available_timezones()
    if not zones:
        return f"{timezone!r} is not known: this machine has no time zone database. Only UTC works."
    cities = {zone.rpartition("/")[2].lower(): zone for zone in sorted(zones) if zone.count("/") and "Etc" not in zone}
    asked = timezone.rpartition("/")[2].replace(" ", "_").lower()
    near = get_close_matches(asked[:64], cities, n=1, cutoff=0.8)
    hint = f"Did you mean {cities[near[0]]}?" if near else "Use a name such as Europe/Berlin or America/New_York."
    return f"{timezone!r} is not an IANA time zone. {hint}"


@tool
async def remember(fact: str, runtime: ToolRuntime[Configuration, Any]) -> str:
    """Save a fact in long-term memory, for later conversations. A person approves, edits or rejects it first."""
    if not (fact := fact.strip()):
        raise ToolException("The fact to remember is empty.")
    namespace = _memories(runtime)
    # The key comes from the fact, so that the same fact, or the same call after a crash, is stored once.
    key = str(uuid.uuid5(uuid.NAMESPACE_OID, fact))
    await _store(runtime).aput(namespace, key, {"fact": fact})
    return f"Saved: {fact}"


@tool
async def recall(runtime: ToolRuntime[Configuration, Any]) -> str:
    """List the facts in long-term memory, the newest first."""
    items = await _store(runtime).asearch(_memories(runtime), limit=MAX_FACTS)
    if not items:
        return "Nothing has been saved."
    return "\n".join(str(item.value["fact"]) for item in sorted(items, key=lambda item: item.updated_at, reverse=True))


def _store(runtime: ToolRuntime[Configuration, Any]) -> Any:
    if runtime.store is None:
        raise ToolException("There is no long-term memory here: the graph runs without a store.")
    return runtime.store


def _memories(runtime: ToolRuntime[Configuration, Any]) -> tuple[str, str]:
    """The namespace of the authenticated user's facts; all who are not authenticated share one."""
    user = str(runtime.config.get("configurable", {}).get("langgraph_auth_user_id") or "anonymous")
    # A label of a namespace may not contain a period, and many user ids are e-mail addresses.
    return ("memories", user.replace("%", "%25").replace(".", "%2E"))


TOOLS: list[BaseTool] = [calculator, current_time, remember, recall]
for each in TOOLS:
    each.handle_tool_error = True  # A ToolException becomes the tool's result; any other exception ends the run.
