"""What handlers may answer, and what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from langgraph_sdk import Auth
from starlette.authentication import AuthenticationError

from allograph.access.policy import Policy, Refused, alternatives, load_policy, stamped
from allograph.access.users import User
from allograph.config import Config
from allograph.encoding import dumps
from allograph.errors import ApiError, Forbidden, StartupError
from allograph.store.database import EVERYTHING


@pytest.mark.parametrize(
    ("answered", "wanted"),
    [
        ({"owner": "a"}, [{"owner": "a"}]),
        ({"owner": {"$eq": "a"}, "level": 3}, [{"owner": "a", "level": 3}]),
        ({"users": {"$contains": "a"}}, [{"users": ["a"]}]),
        ({"users": {"$contains": ["a", "b"]}}, [{"users": ["a", "b"]}]),
        ({"users": {"$contains": []}}, [{"users": []}]),
        ({"gone": None}, [{"gone": None}]),
        ({"$or": [{"owner": "a"}, {"users": {"$contains": "a"}}]}, [{"owner": "a"}, {"users": ["a"]}]),
        ({"$and": [{"owner": "a"}, {"level": 1}]}, [{"owner": "a", "level": 1}]),
        ({"team": "t", "$or": [{"owner": "a"}, {"open": True}]}, [{"team": "t", "owner": "a"}, {"team": "t", "open": True}]),
        ({"$and": [{"$or": [{"a": 1}, {"b": 1}]}, {"c": 1}]}, [{"a": 1, "c": 1}, {"b": 1, "c": 1}]),
        ({"$and": [{"users": {"$contains": "a"}}, {"users": {"$contains": "b"}}]}, [{"users": ["a", "b"]}]),
        ({"$and": [{"owner": "a"}, {"owner": "b"}]}, []),
        ({}, [{}]),
        ({"$or": [{}, {"owner": "a"}]}, [{}]),
    ],
)
def test_filters(answered: Any, wanted: list[dict[str, Any]]) -> None:
    assert list(alternatives(answered)) == wanted


@pytest.mark.parametrize(
    "answered",
    [
        "owner", 1, ["owner"], {"owner": {}}, {"owner": {"$ne": "a"}}, {"owner": {"$eq": "a", "$contains": "b"}},
        {"owner": {"nested": "a"}}, {"owner": ["a"]}, {"owner": {"$eq": {"a": 1}}}, {"$or": []}, {"$or": {"a": 1}}, {"$or": ["a"]},
        {"users": {"$contains": [["a"]]}},
        {"$and": [{"$or": [{f"{part}{n}": n} for n in range(20)]} for part in "ab"]},
    ],
)  # fmt: skip
def test_what_is_no_filter_is_not_taken_for_one_that_lets_everything_through(answered: Any) -> None:
    with pytest.raises(ValueError, match=r".+"):
        alternatives(answered)


def test_what_is_made_is_what_may_be_touched() -> None:
    assert stamped({"owner": "b", "a": 1}, [{"owner": "a"}]) == {"owner": "a", "a": 1}
    assert stamped({"users": ["b"]}, [{"users": ["a"]}]) == {"users": ["b"]}
    assert stamped({"owner": "b"}, [{"owner": "a"}, {"owner": "c"}]) == {"owner": "b"}
    assert stamped({"owner": "b"}, EVERYTHING) == {"owner": "b"}


def policy(*, on: Any = None, answer: Any = "alice") -> Policy:
    auth = Auth()

    @auth.authenticate
    async def authenticate() -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    if on is not None:

        @auth.on
        async def decide(ctx: Auth.types.AuthContext, value: Any) -> Any:
            if isinstance(on, Exception):
                raise on
            return on

    return Policy(auth, "the test's")


ALICE = User.of("alice")


async def test_the_most_specific_handler_is_asked() -> None:
    auth, asked = Auth(), []

    @auth.authenticate
    async def authenticate() -> str:
        return "alice"

    @auth.on
    async def everything(ctx: Auth.types.AuthContext, value: Any) -> None:
        asked.append("everything")

    @auth.on.threads
    async def threads(ctx: Auth.types.AuthContext, value: Any) -> None:
        asked.append("threads")

    @auth.on.threads.create
    async def create(ctx: Auth.types.AuthContext, value: Any) -> None:
        asked.append("create")

    policy = Policy(auth, "the test's")
    await policy.allow("threads", "create", {}, ALICE)
    await policy.allow("threads", "read", {}, ALICE)
    await policy.allow("assistants", "read", {}, ALICE)
    assert asked == ["create", "threads", "everything"]


@pytest.mark.parametrize("answer", [None, True, {}])
async def test_yes(answer: Any) -> None:
    assert list(await policy(on=answer).allow("threads", "read", {}, ALICE)) == [{}]


@pytest.mark.parametrize(
    ("answer", "status", "detail"),
    [
        (False, 403, "Forbidden"),
        (AssertionError("not yours"), 403, "not yours"),
        (Auth.exceptions.HTTPException(418, "tea"), 418, "tea"),
        (RuntimeError("the password is x"), 500, "The log has the details."),
        ("owner", 500, "The log has the details."),
    ],
)
async def test_no(answer: Any, status: int, detail: str) -> None:
    with pytest.raises(ApiError) as refused:
        await policy(on=answer).allow("threads", "read", {}, ALICE)
    assert refused.value.status == status
    assert detail in refused.value.detail
    assert "password" not in refused.value.detail
    assert isinstance(refused.value, Forbidden) or status != 403


@dataclass
class Account:
    identity: str
    team: str


@pytest.mark.parametrize(
    "answer",
    [
        "alice", {"identity": "alice"}, Account("alice", "red"), (["read"], "alice"),
        type("Own", (), {"identity": "alice", "permissions": ("read",)})(),
    ],
)  # fmt: skip
async def test_users(answer: Any) -> None:
    user = await policy(answer=answer).authenticate({})
    assert (user.identity, user["identity"], user.display_name, user.is_authenticated) == ("alice", "alice", "alice", True)


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (None, 401), (ValueError("token x is bad"), 401), (IndexError("x"), 401), (AuthenticationError("who"), 403),
        (Auth.exceptions.HTTPException(401, "who", {"WWW-Authenticate": "Bearer"}), 401), (RuntimeError("x"), 500), (7, 500),
        ({"identity": ""}, 500), ({"name": "alice"}, 500),
    ],
)  # fmt: skip
async def test_nobody(answer: Any, status: int) -> None:
    with pytest.raises(Refused) as refused:
        await policy(answer=answer).authenticate({})
    assert refused.value.status == status
    assert "x" not in refused.value.detail.split()


def test_an_auth_that_cannot_work_stops_the_start() -> None:
    with pytest.raises(StartupError, match="authenticates nobody"):
        Policy(Auth(), "auth.py:auth")
    auth = Auth()

    @auth.authenticate
    async def authenticate(cookie: str) -> str:
        return cookie

    with pytest.raises(StartupError, match="asks for cookie; expected some of authorization"):
        Policy(auth, "auth.py:auth")


def test_nothing_of_a_user_is_shown_that_may_be_a_secret() -> None:
    user = User.of({"identity": "alice", "token": "secret", "permissions": ["read"]})
    assert (user.token, user["token"], user.get("token"), "token" in user) == ("secret", "secret", "secret", True)
    assert b"secret" not in dumps({"configurable": {"user": user}})
    assert "secret" not in repr(user)
    assert "token" not in user.lasting()


def test_an_environment_that_cannot_be_used_is_named_without_what_it_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOGRAPH_AUTH", "password-of-somebody")
    with pytest.raises(StartupError, match="ALLOGRAPH_AUTH: Input should be 'none', 'supabase' or 'jwt'") as stopped:
        load_policy(Config.model_validate({"graphs": {"a": "./a.py:a"}}))
    assert "password-of-somebody" not in str(stopped.value)
