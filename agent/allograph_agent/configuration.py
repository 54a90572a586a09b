"""What a run may configure, and what holds when it does not.

Each field is looked up in the run's `context`, then in its `config.configurable` (where an assistant's configuration
arrives too), then in the environment of the server, then here. Users of OpenAI clients know the environment's names:

| field | environment | default |
|---|---|---|
| `model_name` | `AGENT_MODEL` | `openai:gpt-4o` if there is a key, else `offline` |
| `base_url` | `OPENAI_BASE_URL` (or `OPENAI_API_BASE`) | `https://api.openai.com/v1` |
| `custom_api_key` | `OPENAI_API_KEY` | none |
| `temperature` | `AGENT_TEMPERATURE` | 0.7 |
| `max_tokens` | `AGENT_MAX_TOKENS` | 4000 |
| `system_prompt` | `AGENT_SYSTEM_PROMPT` | `SYSTEM_PROMPT` |

A run that names a `base_url` of its own brings its own key too: the server's key goes to the server's URL only.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

OFFLINE = "offline"
"""The `model_name` of the stand-in that needs no model."""

DEFAULT_MODEL = "openai:gpt-4o"
OPENAI_URL = "https://api.openai.com/v1"
SYSTEM_PROMPT = (
    "You are a helpful assistant. Use the calculator for arithmetic and the clock for the current time; guess neither. "
    "Call `remember` only for facts that the user wants kept, and `recall` to look up what was kept. "
    "If a tool reports an error, correct the call or tell the user what went wrong."
)

_ENVIRONMENT = {
    "model_name": ("AGENT_MODEL",),
    "base_url": ("OPENAI_BASE_URL", "OPENAI_API_BASE"),
    "custom_api_key": ("OPENAI_API_KEY",),
    "temperature": ("AGENT_TEMPERATURE",),
    "max_tokens": ("AGENT_MAX_TOKENS",),
    "system_prompt": ("AGENT_SYSTEM_PROMPT",),
}
_NULLABLE = ("temperature", "max_tokens")
"""Fields for which null is a choice: nothing is sent and the model decides. Elsewhere null means not chosen."""


def _show_defaults_in_effect(schema: dict[str, Any]) -> None:
    """Put into the JSON schema what this server's environment makes the defaults. Keys and URLs stay out."""
    server = from_environment()
    for name in ("model_name", "temperature", "max_tokens", "system_prompt"):
        schema["properties"][name]["default"] = getattr(server, name)


class Configuration(BaseModel):
    """How the agent answers: which model, and how it is asked."""

    # Other keys are skipped, because a server puts some of its own into `configurable`.
    model_config = ConfigDict(
        extra="ignore",
        hide_input_in_errors=True,
        protected_namespaces=(),
        json_schema_extra=_show_defaults_in_effect,
    )

    model_name: str | None = Field(
        default=None,
        min_length=1,
        description="The model, such as `openai:gpt-4o`, or the name by which the server at `base_url` knows it. "
        "`offline` is a stand-in that needs no model and is not one.",
    )
    base_url: str | None = Field(
        default=None,
        description="URL of an OpenAI-compatible server (vLLM, Ollama, a gateway), such as `http://localhost:8000/v1`. "
        "The server's own key is not sent to it: give `custom_api_key` if it needs one.",
    )
    custom_api_key: SecretStr | None = Field(
        default=None,
        description="The key for `base_url`, or for OpenAI. Give it in `context`: LangGraph writes what is in "
        "`config.configurable` into the metadata of checkpoints.",
    )
    temperature: float | None = Field(
        default=0.7, ge=0, le=2, description="0 is the most repeatable, 2 the most varied. Null leaves it to the model."
    )
    max_tokens: int | None = Field(
        default=4000, ge=1, description="The most tokens in one answer of the model. Null leaves it to the model."
    )
    system_prompt: str | None = Field(default=SYSTEM_PROMPT, description="Instructions that the model reads first. Empty for none.")

    @field_validator("base_url")
    @classmethod
    def _is_http(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("a URL that begins with http:// or https:// and names a host is expected")
        return value.rstrip("/")


@dataclass(frozen=True, slots=True)
class Choice:
    """What one call of the model uses: a `Configuration` with every question answered."""

    model_name: str
    base_url: str
    custom_api_key: SecretStr | None
    temperature: float | None
    max_tokens: int | None
    system_prompt: str
    url_is_the_servers: bool
    """False when the run named a URL of its own, which must get nothing from the server's environment."""

    def __str__(self) -> str:
        """A sentence for the start-up: which model is in use, and where it is."""
        if self.model_name == OFFLINE:
            missing = "OPENAI_API_KEY" if self.base_url == OPENAI_URL else "AGENT_MODEL"
            return f"The agent's model is an offline stand-in, not a language model. Set {missing} to use one."
        url = urlsplit(self.base_url)
        port = f":{url.port}" if url.port else ""
        return f"The agent's model is {self.model_name} at {url.scheme}://{url.hostname}{port}{url.path}."


def from_environment(environ: Mapping[str, str] = os.environ) -> Choice:
    """What holds for a run that chooses nothing.

    Raises `ValueError` naming the variable whose value is not usable.
    """
    names = {field: next(filter(environ.get, names), names[0]) for field, names in _ENVIRONMENT.items()}
    values: dict[str, Any] = {field: environ[name] for field, name in names.items() if environ.get(name)}
    values |= {field: None for field in _NULLABLE if values.get(field, "").lower() == "none"}
    try:
        server = Configuration(**values)
    except ValidationError as error:
        first = error.errors()[0]
        variable = names[str(first["loc"][0])]
        raise ValueError(f"{variable} in the environment is not usable: {first['msg']}") from None
    return Choice(
        model_name=server.model_name or (DEFAULT_MODEL if server.custom_api_key else OFFLINE),
        base_url=server.base_url or OPENAI_URL,
        custom_api_key=server.custom_api_key,
        temperature=server.temperature,
        max_tokens=server.max_tokens,
        system_prompt=server.system_prompt or "",
        url_is_the_servers=True,
    )


def for_run(context: Configuration | None, configurable: Mapping[str, Any], server: Choice) -> Choice:
    """What holds for one run: `context` over `configurable` over `server`.

    Raises `ValueError` when a value is out of range, or when the choices do not name a model that can be called.
    """
    values = {name: configurable[name] for name in Configuration.model_fields if name in configurable}
    if context is not None:
        values |= {name: getattr(context, name) for name in context.model_fields_set}
    chosen = {name: value for name, value in values.items() if value is not None or name in _NULLABLE}
    run = Configuration(**chosen)

    at_server = run.base_url in (None, server.base_url)
    base_url = server.base_url if run.base_url is None else run.base_url
    key = run.custom_api_key or (server.custom_api_key if at_server else None)
    model_name = run.model_name or server.model_name
    if run.model_name is None and server.model_name == OFFLINE:
        if run.base_url is not None:
            raise ValueError("base_url is given without model_name: name the model that the server at base_url serves")
        model_name = DEFAULT_MODEL if run.custom_api_key else OFFLINE
    if model_name != OFFLINE and base_url == OPENAI_URL and key is None:
        raise ValueError(
            f"there is no API key for the model {model_name!r}: set OPENAI_API_KEY in the server's environment, "
            "or give custom_api_key, or the base_url of a server that needs none"
        )
    return Choice(
        model_name=model_name,
        base_url=base_url,
        custom_api_key=key,
        temperature=run.temperature if "temperature" in chosen else server.temperature,
        max_tokens=run.max_tokens if "max_tokens" in chosen else server.max_tokens,
        system_prompt=(run.system_prompt or "") if "system_prompt" in chosen else server.system_prompt,
        url_is_the_servers=at_server,
    )
