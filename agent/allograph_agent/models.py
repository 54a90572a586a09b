"""From a choice to the chat model that it names."""

from __future__ import annotations

import os

from langchain_core.language_models import BaseChatModel
from pydantic import SecretStr

from allograph_agent.configuration import OFFLINE, Choice
from allograph_agent.offline import OfflineChatModel

NO_KEY = SecretStr("EMPTY")
"""What is sent as the key to a server that needs none; vLLM's documentation uses this word."""


def chat_model(choice: Choice) -> BaseChatModel:
    """The model that `choice` names, not asked anything yet.

    It is built anew for each call. That takes 0.3 ms, and so no client that holds one user's key can serve another; the
    connections, which hold no key, are pooled by langchain_openai.
    """
    if choice.model_name == OFFLINE:
        return OfflineChatModel()
    # Imported here because it takes most of a second, which a server without a model need not spend.
    from langchain_openai import ChatOpenAI

    key = choice.custom_api_key or NO_KEY
    return ChatOpenAI(
        model=choice.model_name.removeprefix("openai:"),
        base_url=choice.base_url,
        api_key=key,
        temperature=choice.temperature,
        max_completion_tokens=choice.max_tokens,
        stream_usage=True,
        default_headers=None if choice.url_is_the_servers else _headers_elsewhere(key),
    )


def _headers_elsewhere(key: SecretStr) -> dict[str, str]:
    """What overrules, for a URL that a run chose, the headers that the OpenAI client takes from the environment."""
    lines = os.environ.get("OPENAI_CUSTOM_HEADERS", "").split("\n")
    names = [
        "OpenAI-Organization",
        "OpenAI-Project",
        *(line.partition(":")[0].strip() for line in lines if ":" in line),
    ]
    bearer = f"Bearer {key.get_secret_value()}"
    return {name: bearer if name.lower() == "authorization" else "" for name in names}
