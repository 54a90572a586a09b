"""A tools agent over any OpenAI-compatible model, with a calculator, a clock and a memory that a person approves.

The model, its base URL, key, temperature, token limit and system prompt come from the run (its `context` or its
`config.configurable`), else from the server's environment: see `configuration.py`. With no model configured an offline
stand-in answers, and says so. Loading this module writes one line to the logger `allograph.agent`: the model in use.

The graph is compiled once; what differs from run to run is chosen at each call of the model.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware, HumanInTheLoopMiddleware, ModelRequest, ModelResponse
from langchain.agents.middleware.types import AgentState
from langchain_core.messages import SystemMessage
from langgraph.config import get_config

from allograph_agent.configuration import Configuration, for_run, from_environment
from allograph_agent.models import chat_model
from allograph_agent.offline import OfflineChatModel
from allograph_agent.tools import TOOLS


class ConfiguredModel(AgentMiddleware[AgentState[Any], Configuration]):
    """Calls the model that the run chose, with the system prompt that it chose."""

    async def awrap_model_call(
        self,
        request: ModelRequest[Configuration],
        handler: Callable[[ModelRequest[Configuration]], Awaitable[ModelResponse]],
    ) -> ModelResponse:
        """Raises `ValueError` when the run's configuration is not usable."""
        choice = for_run(request.runtime.context, get_config().get("configurable", {}), from_environment())
        # In a thread: the first call imports langchain_openai and reads certificates.
        model = await asyncio.to_thread(chat_model, choice)
        prompt = SystemMessage(choice.system_prompt) if choice.system_prompt else None
        return await handler(request.override(model=model, system_message=prompt))


graph = create_agent(
    OfflineChatModel(),
    TOOLS,
    middleware=[
        ConfiguredModel(),
        HumanInTheLoopMiddleware(
            interrupt_on={
                "remember": {
                    "allowed_decisions": ["approve", "edit", "reject"],
                    "description": "The agent asks to save this in long-term memory.",
                }
            }
        ),
    ],
    context_schema=Configuration,
)

logging.getLogger("allograph.agent").info("%s", from_environment())
