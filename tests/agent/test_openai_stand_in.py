"""The stand-in itself, asked by the official client."""

from __future__ import annotations

import openai
import pytest

from tests.openai_stand_in import Call, OpenAIStandIn, Reply


def _client(server: OpenAIStandIn, key: str = "key") -> openai.OpenAI:
    return openai.OpenAI(base_url=server.base_url, api_key=key, max_retries=0)


def _ask(client: openai.OpenAI) -> openai.types.chat.ChatCompletion:
    return client.chat.completions.create(model="any", messages=[{"role": "user", "content": "Hello"}])


def test_it_lists_models() -> None:
    with OpenAIStandIn(models=["one", "two"]) as server, _client(server) as client:
        assert [model.id for model in client.models.list()] == ["one", "two"]


def test_a_reply_may_be_a_function_of_the_messages() -> None:
    with OpenAIStandIn(lambda messages: Reply(messages[-1]["content"].upper())) as server, _client(server) as client:
        assert _ask(client).choices[0].message.content == "HELLO"


def test_arguments_may_be_broken() -> None:
    reply = Reply("Wait.", [Call("add", "{not json", id="mine")], usage=(3, 2))
    with OpenAIStandIn([reply]) as server, _client(server) as client:
        answer = _ask(client)
    message = answer.choices[0].message
    assert message.content == "Wait."
    assert message.tool_calls is not None
    assert (message.tool_calls[0].id, message.tool_calls[0].to_dict()["function"]) == (
        "mine",
        {"name": "add", "arguments": "{not json"},
    )
    assert answer.usage is not None
    assert answer.usage.total_tokens == 5


@pytest.mark.parametrize(
    ("script", "key", "error", "sentence"),
    [
        ([Reply(status=429, error="slow down")], "key", openai.RateLimitError, "slow down"),
        ([Reply(status=500)], "key", openai.InternalServerError, "told to fail"),
        ([Reply("Hello.")], "other", openai.AuthenticationError, "Incorrect API key"),
        ([], "key", openai.BadRequestError, "0 replies"),
    ],
)
def test_it_fails_on_demand(script: list[Reply], key: str, error: type[Exception], sentence: str) -> None:
    with (
        OpenAIStandIn(script, keys=["key"]) as server,
        _client(server, key) as client,
        pytest.raises(error, match=sentence),
    ):
        _ask(client)
    assert len(server.requests) == 1
