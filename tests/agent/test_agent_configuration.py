"""Where each setting comes from, and to whom the server's key may go."""

from __future__ import annotations

from typing import Any

import pytest
from allograph_agent.configuration import OPENAI_URL, SYSTEM_PROMPT, Configuration, for_run, from_environment
from allograph_agent.models import chat_model
from allograph_agent.offline import OfflineChatModel
from pydantic import ValidationError

VLLM = {"OPENAI_BASE_URL": "http://vllm:8000/v1/", "AGENT_MODEL": "qwen", "OPENAI_API_KEY": "server-key"}


def test_nothing_configured_is_offline() -> None:
    server = from_environment({})
    assert (server.model_name, server.temperature, server.max_tokens) == ("offline", 0.7, 4000)
    assert server.system_prompt == SYSTEM_PROMPT
    assert isinstance(chat_model(server), OfflineChatModel)
    assert "not a language model" in str(server)
    assert "OPENAI_API_KEY" in str(server)


def test_a_key_alone_means_openai() -> None:
    server = from_environment({"OPENAI_API_KEY": "key"})
    assert (server.model_name, server.base_url) == ("openai:gpt-4o", OPENAI_URL)


def test_a_base_url_alone_says_that_the_model_must_be_named() -> None:
    assert "Set AGENT_MODEL" in str(from_environment({"OPENAI_BASE_URL": "http://vllm:8000/v1"}))


def test_environment() -> None:
    server = from_environment(VLLM | {"AGENT_TEMPERATURE": "0", "AGENT_MAX_TOKENS": "none", "AGENT_SYSTEM_PROMPT": "Be brief."})
    assert (server.model_name, server.base_url) == ("qwen", "http://vllm:8000/v1")
    assert (server.temperature, server.max_tokens, server.system_prompt) == (0.0, None, "Be brief.")


def test_the_start_up_sentence_has_no_secret() -> None:
    sentence = str(from_environment(VLLM | {"OPENAI_BASE_URL": "http://user:pass@vllm:8000/v1?token=x"}))
    assert sentence == "The agent's model is qwen at http://vllm:8000/v1."


@pytest.mark.parametrize(
    ("name", "value"),
    [("AGENT_TEMPERATURE", "hot"), ("AGENT_MAX_TOKENS", "0"), ("OPENAI_BASE_URL", "vllm:8000")],
)
def test_a_bad_variable_is_named(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=name):
        from_environment({name: value})


def test_context_wins_over_configurable_wins_over_environment() -> None:
    server = from_environment(VLLM | {"AGENT_MAX_TOKENS": "7", "AGENT_SYSTEM_PROMPT": "server"})
    context = Configuration(temperature=0.1)
    choice = for_run(context, {"temperature": 0.2, "system_prompt": "assistant", "thread_id": "1"}, server)
    assert (choice.temperature, choice.max_tokens, choice.system_prompt) == (0.1, 7, "assistant")
    assert (choice.model_name, choice.base_url) == ("qwen", "http://vllm:8000/v1")


def test_null_leaves_sampling_to_the_model_and_is_no_choice_elsewhere() -> None:
    nothing: dict[str, Any] = dict.fromkeys(Configuration.model_fields)
    choice = for_run(None, nothing, from_environment(VLLM))
    assert (choice.temperature, choice.max_tokens) == (None, None)
    assert (choice.model_name, choice.system_prompt) == ("qwen", SYSTEM_PROMPT)


def test_an_empty_prompt_is_a_choice() -> None:
    assert for_run(None, {"system_prompt": ""}, from_environment(VLLM)).system_prompt == ""


def test_the_servers_key_goes_to_the_servers_url_only() -> None:
    server = from_environment(VLLM)
    elsewhere = for_run(None, {"base_url": "http://evil:1/v1"}, server)
    assert elsewhere.custom_api_key is None
    assert not elsewhere.url_is_the_servers
    own = for_run(None, {"base_url": "http://mine:1/v1", "custom_api_key": "mine"}, server)
    assert own.custom_api_key is not None
    assert own.custom_api_key.get_secret_value() == "mine"
    same = for_run(None, {"base_url": "http://vllm:8000/v1"}, server)
    assert same.custom_api_key is not None
    assert same.custom_api_key.get_secret_value() == "server-key"


def test_choices_that_name_no_model_are_refused() -> None:
    with pytest.raises(ValueError, match="base_url is given without model_name"):
        for_run(None, {"base_url": "http://vllm:8000/v1"}, from_environment({}))
    with pytest.raises(ValueError, match="no API key for the model 'openai:gpt-4o'"):
        for_run(None, {"model_name": "openai:gpt-4o"}, from_environment({}))
    with pytest.raises(ValueError, match="no API key"):
        for_run(None, {"base_url": OPENAI_URL, "model_name": "gpt-4o"}, from_environment(VLLM))


def test_a_key_in_the_run_is_enough() -> None:
    assert for_run(None, {"custom_api_key": "mine"}, from_environment({})).model_name == "openai:gpt-4o"


@pytest.mark.parametrize("values", [{"temperature": 3}, {"max_tokens": 0}, {"base_url": "file:///etc/passwd"}, {"model_name": ""}])
def test_values_out_of_range_are_refused_by_name(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(values))):
        for_run(None, values, from_environment({}))


def test_secrets_are_in_no_error_and_no_text() -> None:
    with pytest.raises(ValidationError) as caught:
        Configuration.model_validate({"custom_api_key": ["sk-secret"]})
    assert "sk-secret" not in str(caught.value)
    assert "sk-secret" not in repr(for_run(None, {"custom_api_key": "sk-secret"}, from_environment({})))


def test_the_schema_shows_the_defaults_in_effect_and_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (VLLM | {"AGENT_TEMPERATURE": "0.25"}).items():
        monkeypatch.setenv(name, value)
    properties = Configuration.model_json_schema()["properties"]
    assert {name: field["default"] for name, field in properties.items()} == {
        "model_name": "qwen",
        "base_url": None,
        "custom_api_key": None,
        "temperature": 0.25,
        "max_tokens": 4000,
        "system_prompt": SYSTEM_PROMPT,
    }
    assert all(field["description"] for field in properties.values())
