"""A tools agent, and one that asks a person before it calls a tool."""

from __future__ import annotations

from fake_models import AdderChat
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.tools import tool


@tool
def add(a: int, b: int) -> int:
    """Add two whole numbers."""
    return a + b


agent = create_agent(AdderChat(), [add], system_prompt="Add numbers.", name="adder")
approval = create_agent(AdderChat(), [add], middleware=[HumanInTheLoopMiddleware(interrupt_on={"add": True})])
