"""Settings that cannot work stop the start with a sentence, and no sentence shows a secret."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from allograph.errors import StartupError
from allograph.settings import AuthSettings
from allograph.tokens.policy import TokenPolicy, check_url
from tests.tokens.issuer import SECRET

SUPABASE = {"ALLOGRAPH_AUTH": "supabase", "SUPABASE_URL": "https://abc.supabase.co"}
OIDC = {"ALLOGRAPH_AUTH": "jwt", "ALLOGRAPH_AUTH_ISSUER": "https://id.example/realms/a", "ALLOGRAPH_AUTH_AUDIENCE": "allograph"}


def policy(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> TokenPolicy:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    made = TokenPolicy.of(AuthSettings())
    assert made
    return made


def test_nobody_is_asked_for_a_token_unless_it_is_set() -> None:
    assert TokenPolicy.of(AuthSettings()) is None


def test_supabase_needs_its_url_only(monkeypatch: pytest.MonkeyPatch) -> None:
    made = policy(monkeypatch, SUPABASE)
    assert made.issuer == "https://abc.supabase.co/auth/v1"
    assert made.jwks_url == "https://abc.supabase.co/auth/v1/.well-known/jwks.json"
    assert made.audience == ("authenticated",)
    assert made.published == {"RS256", "ES256", "EdDSA"}
    assert not made.shared
    assert made.role_claim == "app_metadata.role"
    assert made.user_url is None


def test_supabase_within_a_network_of_containers(monkeypatch: pytest.MonkeyPatch) -> None:
    made = policy(monkeypatch, {
        **SUPABASE, "SUPABASE_URL": "http://kong:8000/", "ALLOGRAPH_AUTH_ISSUER": "https://api.example/auth/v1",
        "SUPABASE_JWT_SECRET": SECRET, "ALLOGRAPH_SUPABASE_CHECK_USER": "true", "SUPABASE_ANON_KEY": "anon",
    })  # fmt: skip
    assert made.issuer == "https://api.example/auth/v1"
    assert made.jwks_url == "http://kong:8000/auth/v1/.well-known/jwks.json"
    assert made.user_url == "http://kong:8000/auth/v1/user"
    assert made.shared == {"HS256"}
    assert made.secret == SECRET.encode()


def test_jwt_with_published_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    made = policy(monkeypatch, {**OIDC, "ALLOGRAPH_AUTH_ADMIN_ROLES": "admin, owner ,", "ALLOGRAPH_AUTH_ALGORITHMS": "PS256"})
    assert made.jwks_url is None
    assert made.published == {"PS256"}
    assert made.admin_roles == {"admin", "owner"}
    assert made.role_claim == "role"


def test_jwt_with_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    made = policy(monkeypatch, {"ALLOGRAPH_AUTH": "jwt", "ALLOGRAPH_AUTH_SECRET": SECRET})
    assert made.shared == {"HS256"}
    assert not made.published


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"ALLOGRAPH_AUTH": "supabase"}, "needs SUPABASE_URL"),
        ({**SUPABASE, "SUPABASE_URL": ""}, "needs SUPABASE_URL"),
        ({**SUPABASE, "SUPABASE_URL": "abc.supabase.co"}, "https://host/path"),
        ({**SUPABASE, "SUPABASE_URL": "http://abc.supabase.co"}, "need https"),
        ({**SUPABASE, "SUPABASE_JWT_SECRET": "short"}, "SUPABASE_JWT_SECRET is too short"),
        ({**SUPABASE, "SUPABASE_JWT_SECRET": "-----BEGIN PUBLIC KEY-----" + SECRET}, "no secret"),
        ({**SUPABASE, "ALLOGRAPH_AUTH_SECRET": SECRET}, "takes its secret from SUPABASE_JWT_SECRET"),
        ({**SUPABASE, "ALLOGRAPH_AUTH_ALGORITHMS": "HS256"}, "needs SUPABASE_JWT_SECRET"),
        ({**SUPABASE, "SUPABASE_JWT_SECRET": SECRET, "ALLOGRAPH_AUTH_ALGORITHMS": "ES256"}, "names none of HS256"),
        ({**SUPABASE, "ALLOGRAPH_SUPABASE_CHECK_USER": "1"}, "needs SUPABASE_PUBLISHABLE_KEY"),
        ({**SUPABASE, "ALLOGRAPH_AUTH_ROLE_CLAIM": "user_metadata.role"}, "write themselves"),
        ({"ALLOGRAPH_AUTH": "jwt"}, "needs ALLOGRAPH_AUTH_ISSUER"),
        ({**OIDC, "ALLOGRAPH_AUTH_AUDIENCE": ""}, "needs ALLOGRAPH_AUTH_AUDIENCE"),
        ({**OIDC, "ALLOGRAPH_AUTH_AUDIENCE": " , "}, "needs ALLOGRAPH_AUTH_AUDIENCE"),
        ({**OIDC, "ALLOGRAPH_AUTH_ISSUER": "id.example"}, "ALLOGRAPH_AUTH_ISSUER is 'id.example'"),
        ({**OIDC, "ALLOGRAPH_AUTH_JWKS_URL": "ftp://id.example/jwks"}, "ALLOGRAPH_AUTH_JWKS_URL"),
        ({**OIDC, "ALLOGRAPH_AUTH_JWKS_URL": "https://id.example/j", "ALLOGRAPH_AUTH_SECRET": SECRET}, "exclude each other"),
        ({**OIDC, "ALLOGRAPH_AUTH_SECRET": SECRET, "ALLOGRAPH_AUTH_ALGORITHMS": "HS256,RS256"}, "has no use for"),
        ({**OIDC, "ALLOGRAPH_AUTH_ALGORITHMS": "none"}, "names none, which is never accepted"),
        ({**OIDC, "ALLOGRAPH_AUTH_ALGORITHMS": "RS256,ES256K"}, "names ES256K"),
        ({**OIDC, "ALLOGRAPH_AUTH_JWKS_SECONDS": "60", "ALLOGRAPH_AUTH_JWKS_STALE_SECONDS": "30"}, "must not be less"),
    ],
)  # fmt: skip
def test_what_cannot_work_does_not_start(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], words: str) -> None:
    with pytest.raises(StartupError, match=words) as refused:
        policy(monkeypatch, environment)
    assert str(refused.value).endswith(".")
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [("ALLOGRAPH_AUTH", "supabse"), ("ALLOGRAPH_AUTH_LEEWAY_SECONDS", "3600"), ("ALLOGRAPH_AUTH_JWKS_SECONDS", "0")],
)
def test_values_that_are_none_are_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError, match=name):
        AuthSettings()


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {**SUPABASE, "SUPABASE_JWT_SECRET": SECRET, "SUPABASE_ANON_KEY": "anon-key-of-the-project"}
    made = policy(monkeypatch, environment)
    shown: list[Any] = [made, AuthSettings(), AuthSettings().model_dump()]
    for each in shown:
        assert SECRET not in repr(each)
        assert "anon-key-of-the-project" not in repr(each)


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://id.example/jwks", True), ("http://localhost:9000/jwks", True), ("http://127.0.0.1:54321", True),
        ("http://[::1]/x", True), ("http://10.0.0.7/jwks", True), ("http://kong:8000", True),
        ("http://auth.default.svc.cluster.local/jwks", True),
        ("http://8.8.8.8/jwks", False), ("http://id.example/jwks", False), ("https://user:password@id.example", False),
        ("https://id.example/jwks?x=1", False), ("https://", False), ("file:///etc/passwd", False), ("https://[::1", False),
        ("https://id.example:port", False), ("", False),
    ],
)  # fmt: skip
def test_keys_come_over_https_or_from_the_own_network(url: str, good: bool) -> None:
    if good:
        assert check_url("NAME", url) == url
    else:
        with pytest.raises(StartupError, match="NAME"):
            check_url("NAME", url)
