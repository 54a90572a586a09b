"""The `Auth` that is there without being written: what it says about a user, and what each may touch."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from langgraph_sdk import Auth

from allograph.errors import StartupError
from allograph.settings import AuthSettings
from allograph.tokens import ADMINISTRATOR, ready_made
from allograph.tokens.ready_made import namespace_of
from tests.tokens.issuer import JWKS, SECRET, USER, Issuer, Key, shared


def made(issuer: Issuer, /, **settings: Any) -> Auth:
    auth = ready_made(issuer.settings(**{"jwks_url": None, "secret": SECRET, **settings}))
    assert auth
    return auth


def supabase(issuer: Issuer, /, **settings: Any) -> Auth:
    auth = ready_made(AuthSettings(mode="supabase", supabase_url=issuer.url, supabase_jwt_secret=SECRET, **settings))
    assert auth
    return auth


async def user(auth: Auth, authorization: str | None) -> Any:
    assert auth._authenticate_handler
    return await auth._authenticate_handler(authorization=authorization)


async def refusal(auth: Auth, authorization: str | None) -> Auth.exceptions.HTTPException:
    with pytest.raises(Auth.exceptions.HTTPException) as refused:
        await user(auth, authorization)
    return refused.value


async def asked(auth: Auth, resource: Any, action: Any, value: Any, identity: str = "alice", *permissions: str) -> Any:
    """What the handlers say, found as the server finds them: the resource's own, else the one for all."""
    (handler,) = auth._handlers.get((resource, "*")) or auth._global_handlers
    who: Any = SimpleNamespace(identity=identity)
    return await handler(
        ctx=Auth.types.AuthContext(permissions=permissions, user=who, resource=resource, action=action), value=value
    )


# ---- authentication


def test_without_authentication_there_is_no_auth() -> None:
    assert ready_made(AuthSettings()) is None
    with pytest.raises(StartupError):
        ready_made(AuthSettings(mode="supabase"))


async def test_a_user_of_an_issuer(issuer: Issuer) -> None:
    token = shared(issuer.claims(email="alice@example.com", name="Alice", role="staff"))
    assert await user(made(issuer), f"Bearer {token}") == {
        "identity": "alice",
        "is_authenticated": True,
        "display_name": "Alice",
        "email": "alice@example.com",
        "role": "staff",
        "roles": ["staff"],
        "permissions": ["authenticated"],
        "metadata": {"user_metadata": {}, "app_metadata": {}},
        "token": token,
    }


async def test_a_user_of_supabase(issuer: Issuer) -> None:
    """The claims as Supabase Auth writes them; signed with the secret, then with a published key."""
    key = Key("ES256", "b7c1")
    issuer.publish(key)
    claims = issuer.claims(
        aud="authenticated", sub="5f0e2f9c-0f4a-4d7e-9d52-6a9a0f0c7d11", email="alice@example.com", phone="", role="authenticated",
        aal="aal1", amr=[{"method": "password", "timestamp": 1}], session_id="c1", is_anonymous=False,
        app_metadata={"provider": "email", "providers": ["email"], "role": "boss"}, user_metadata={"full_name": "Alice Liddell"},
    )  # fmt: skip
    auth = supabase(issuer, admin_roles="boss")
    for token in (shared(claims, kid="legacy"), key.sign(claims)):
        one = await user(auth, f"bearer {token}")
        assert one["identity"] == claims["sub"]
        assert one["display_name"] == "Alice Liddell"
        assert one["role"] == "authenticated"
        assert one["permissions"] == ["authenticated", ADMINISTRATOR]
        assert one["metadata"] == {"user_metadata": claims["user_metadata"], "app_metadata": claims["app_metadata"]}


async def test_the_keys_of_a_supabase_project_are_no_users(issuer: Issuer) -> None:
    """They are tokens with the project's signature, and one of them is in every browser."""
    for role in ("anon", "service_role"):
        claims = issuer.claims(iss="supabase", ref="abc", role=role, aud=None, sub=None, nbf=None)
        assert (await refusal(supabase(issuer), f"Bearer {shared(claims)}")).status_code == 401


@pytest.mark.parametrize(
    ("claims", "claim", "roles"),
    [
        ({"role": "admin"}, None, ["admin"]),
        ({"roles": ["a", "admin"]}, "roles", ["a", "admin"]),
        ({"realm_access": {"roles": ["admin", 7, None]}}, "realm_access.roles", ["admin"]),
        ({"https://example.com/roles": ["admin"]}, "https://example.com/roles", ["admin"]),
        ({}, None, []), ({"role": None}, None, []), ({"role": {"admin": True}}, None, []), ({"role": "admin,x"}, None, ["admin,x"]),
        ({"realm_access": "admin"}, "realm_access.roles", []), ({"realm_access": {"roles": "x"}}, "realm_access", []),
    ],
)  # fmt: skip
async def test_roles_are_where_the_issuer_has_them(
    issuer: Issuer, claims: dict[str, Any], claim: str | None, roles: list[str]
) -> None:
    auth = made(issuer, role_claim=claim, admin_roles="admin")
    one = await user(auth, f"Bearer {shared(issuer.claims(**claims))}")
    assert one["roles"] == roles
    assert (ADMINISTRATOR in one["permissions"]) == ("admin" in roles)


async def test_nothing_in_a_token_makes_an_administrator_unless_it_is_configured(issuer: Issuer) -> None:
    claims = {"role": "admin", "roles": ["admin"], "scope": "admin", "permissions": ["admin"], "user_metadata": {"role": "admin"}}
    token = f"Bearer {shared(issuer.claims(**claims, app_metadata={'role': 'user'}))}"
    assert (await user(made(issuer), token))["permissions"] == ["authenticated"]
    assert (await user(supabase(issuer, admin_roles="admin", audience="allograph"), token))["permissions"] == ["authenticated"]


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer ", "Basic YTpi", "Token abc", "bearer\tabc", "{token}", "Bearer{token}"]
)  # fmt: skip
async def test_without_a_token_one_is_asked_for(issuer: Issuer, authorization: str | None) -> None:
    token = shared(issuer.claims())
    refused = await refusal(made(issuer), authorization and authorization.format(token=token))
    assert refused.status_code == 401
    assert refused.headers == {"WWW-Authenticate": "Bearer"}
    assert "Authorization" in refused.detail
    assert token not in refused.detail


async def test_a_token_that_is_refused_is_a_401_with_a_sentence(issuer: Issuer) -> None:
    refused = await refusal(made(issuer), f"Bearer {shared(issuer.claims(exp=1))}")
    assert (refused.status_code, refused.detail) == (401, "The token has expired.")
    assert refused.headers == {"WWW-Authenticate": 'Bearer error="invalid_token"'}
    twice = shared(issuer.claims())
    assert (await refusal(made(issuer), f"Bearer {twice}, Bearer {twice}")).status_code == 401


async def test_an_issuer_that_is_down_is_a_503_and_not_a_401(issuer: Issuer) -> None:
    issuer.answers[JWKS] = (500, b"")
    key = Key("RS256", "k1")
    refused = await refusal(made(issuer, secret=None, jwks_url=issuer.jwks_url), f"Bearer {key.sign(issuer.claims())}")
    assert refused.status_code == 503
    assert refused.headers == {"Retry-After": "10"}


# ---- sessions of Supabase


def checked(issuer: Issuer, **settings: Any) -> Auth:
    return supabase(issuer, supabase_check_user=True, supabase_key="publishable", audience="allograph", **settings)


async def test_a_session_is_asked_for_once_and_again_after_a_while(issuer: Issuer) -> None:
    token = shared(issuer.claims())
    issuer.sessions[token] = "alice"
    issuer.delay = 0.1
    auth = checked(issuer, supabase_check_seconds=3)
    users = await asyncio.gather(*(user(auth, f"Bearer {token}") for _ in range(20)))
    assert {one["identity"] for one in users} == {"alice"}
    assert issuer.requests == {USER: 1}
    assert issuer.api_keys == {"publishable"}
    issuer.sessions.clear()  # signed out
    assert await user(auth, f"Bearer {token}")
    await asyncio.sleep(3)
    for _ in range(2):
        assert (await refusal(auth, f"Bearer {token}")).detail == "The session of the token is over; sign in again."
    assert issuer.requests == {USER: 2}


async def test_only_tokens_that_are_good_are_shown_to_supabase(issuer: Issuer) -> None:
    auth = checked(issuer)
    assert (await refusal(auth, f"Bearer {shared(issuer.claims(exp=1))}")).status_code == 401
    assert issuer.requests.total() == 0


async def test_the_session_must_be_that_of_the_user(issuer: Issuer) -> None:
    token = shared(issuer.claims())
    issuer.sessions[token] = "bob"
    assert (await refusal(checked(issuer), f"Bearer {token}")).status_code == 401


async def test_an_outage_of_supabase_is_a_503_and_over_when_it_is_over(issuer: Issuer) -> None:
    token = shared(issuer.claims())
    issuer.sessions[token] = "alice"
    auth = checked(issuer)
    issuer.answers[USER] = (500, b"")
    assert (await refusal(auth, f"Bearer {token}")).status_code == 503
    issuer.stop()
    assert (await refusal(auth, f"Bearer {token}")).status_code == 503
    issuer.start()
    issuer.answers.clear()
    assert (await user(auth, f"Bearer {token}"))["identity"] == "alice"


# ---- authorization

ACTIONS = ("create", "read", "update", "delete", "search")


@pytest.mark.parametrize("resource", ["threads", "crons", "runs"])
async def test_everybody_has_their_own(issuer: Issuer, resource: str) -> None:
    auth = made(issuer)
    for action in (*ACTIONS, "create_run"):
        assert await asked(auth, resource, action, {}) == {"owner": "alice"}, action
        assert await asked(auth, resource, action, {}, "root", ADMINISTRATOR) is None, action


@pytest.mark.parametrize("resource", ["threads", "crons", "assistants"])
@pytest.mark.parametrize("permissions", [(), (ADMINISTRATOR,)])
async def test_the_owner_is_whoever_made_it_and_not_who_the_client_says(
    issuer: Issuer, resource: str, permissions: tuple[str, ...]
) -> None:
    auth = made(issuer)
    sent: Mapping[str, Any]
    for sent in ({}, {"metadata": None}, {"metadata": {}}, {"metadata": {"owner": "bob"}}, {"metadata": "odd"}):
        value = dict(sent)
        await asked(auth, resource, "create", value, "alice", *permissions)
        assert value == {"metadata": {"owner": "alice"}}
    metadata = {"owner": "bob", "tag": 1}
    await asked(auth, resource, "create", {"metadata": metadata}, "alice", *permissions)
    assert metadata == {"owner": "alice", "tag": 1}  # in place, for a server that keeps the object it gave


async def test_what_a_run_makes_belongs_to_who_started_it(issuer: Issuer) -> None:
    value: dict[str, Any] = {"metadata": {"owner": "bob"}, "if_not_exists": "create"}
    assert await asked(made(issuer), "threads", "create_run", value) == {"owner": "alice"}
    assert value["metadata"] == {"owner": "alice"}


@pytest.mark.parametrize("permissions", [(), (ADMINISTRATOR,)])
async def test_nothing_is_given_away_by_a_change(issuer: Issuer, permissions: tuple[str, ...]) -> None:
    auth = made(issuer)
    for resource in ("threads", "assistants", "crons"):
        value = {"metadata": {"owner": "bob", "tag": 1}}
        await asked(auth, resource, "update", value, "alice", *permissions)
        assert value == {"metadata": {"tag": 1}}
        untouched: dict[str, Any] = {"metadata": None}
        await asked(auth, resource, "update", untouched, "alice", *permissions)
        assert untouched == {"metadata": None}


async def test_what_is_searched_for_is_left_as_it_is(issuer: Issuer) -> None:
    value = {"metadata": {"owner": "bob"}, "limit": 10}
    assert await asked(made(issuer), "threads", "search", value) == {"owner": "alice"}
    assert value == {"metadata": {"owner": "bob"}, "limit": 10}


@pytest.mark.parametrize(
    ("namespace", "scoped"),
    [
        (("memories",), ("alice", "memories")), (["memories", "x"], ("alice", "memories", "x")),
        ((), ("alice",)), (None, ("alice",)),
        (("alice",), ("alice",)), (("alice", "memories"), ("alice", "memories")), (["alice"], ("alice",)),
        (("bob", "memories"), ("alice", "bob", "memories")), (("alicia",), ("alice", "alicia")),
        (("memories", "alice"), ("alice", "memories", "alice")),
    ],
)  # fmt: skip
async def test_items_are_below_the_name_of_their_user(issuer: Issuer, namespace: Any, scoped: tuple[str, ...]) -> None:
    for action in ("put", "get", "search", "list_namespaces", "delete"):
        value = {"namespace": namespace, "key": "k"}
        assert await asked(made(issuer), "store", action, value) is None
        assert value["namespace"] == scoped
        value = {"namespace": namespace, "key": "k"}
        assert await asked(made(issuer), "store", action, value, "root", ADMINISTRATOR) is None
        assert value["namespace"] == namespace


async def test_identities_with_dots_have_namespaces_of_their_own(issuer: Issuer) -> None:
    names = ["alice", "a.b", "a%2Eb", "a%b", "a", "a.b@example.com", "a%2eb", "."]
    assert all("." not in namespace_of(name) and namespace_of(name) for name in names)
    assert len({namespace_of(name) for name in names}) == len(names)
    value = {"namespace": ("memories",)}
    await asked(made(issuer), "store", "put", value, "alice@example.com")
    assert value["namespace"] == ("alice@example%2Ecom", "memories")
