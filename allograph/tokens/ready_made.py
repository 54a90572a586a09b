"""The `langgraph_sdk.Auth` that is there without being written: everybody has their own, and the administrators all.

It is an ordinary one, so a project that needs other rules can begin with a copy of the handlers below.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langgraph_sdk import Auth

from allograph.errors import Unauthorized, Unavailable
from allograph.settings import AuthSettings
from allograph.tokens.jwks import PAUSE_SECONDS
from allograph.tokens.policy import TokenPolicy
from allograph.tokens.sessions import Sessions
from allograph.tokens.verifier import Verifier

ADMINISTRATOR = "admin"
"""The permission of those with an administrator role. No permission is copied from a token, so none can look like it."""


def ready_made(settings: AuthSettings) -> Auth | None:
    """None if `settings` ask for no authentication. Raises `StartupError` with a sentence if they cannot work."""
    policy = TokenPolicy.of(settings)
    if policy is None:
        return None
    auth = Auth()
    _authenticates(auth, policy)
    _authorizes(auth)
    return auth


def _authenticates(auth: Auth, policy: TokenPolicy) -> None:
    verifier = Verifier(policy)
    sessions = Sessions(policy.user_url, policy.user_key, policy.user_seconds) if policy.user_url else None

    @auth.authenticate
    async def authenticate(authorization: str | None) -> dict[str, Any]:
        if not authorization:
            raise _refused("A token is needed: send the header `Authorization: Bearer <token>`.", "Bearer")
        scheme, _, token = authorization.partition(" ")
        token = token.strip(" ")
        if scheme.lower() != "bearer" or not token:
            raise _refused("The header `Authorization` must be `Bearer <token>`.", "Bearer")
        try:
            claims = await verifier.verify(token)
            if sessions:
                await sessions.check(token, claims["sub"])
        except Unauthorized as error:
            raise _refused(error.detail, 'Bearer error="invalid_token"') from None
        except Unavailable as error:
            raise Auth.exceptions.HTTPException(503, error.detail, {"Retry-After": str(int(PAUSE_SECONDS))}) from None
        return _user(claims, token, policy)


def _refused(detail: str, challenge: str) -> Exception:
    return Auth.exceptions.HTTPException(401, detail, {"WWW-Authenticate": challenge})


def _user(claims: Mapping[str, Any], token: str, policy: TokenPolicy) -> dict[str, Any]:
    written = _mapping(claims.get("user_metadata"))
    named = (
        written.get("full_name"), written.get("name"), claims.get("name"), claims.get("preferred_username"), claims.get("email"),
    )  # fmt: skip
    roles = _roles(claims, policy.role_claim)
    return {
        "identity": claims["sub"],
        "is_authenticated": True,
        "display_name": next((name for name in named if isinstance(name, str) and name), claims["sub"]),
        "email": claims.get("email"),
        "role": claims.get("role"),
        "roles": roles,
        "permissions": ["authenticated"] + [ADMINISTRATOR] * bool(policy.admin_roles.intersection(roles)),
        "metadata": {"user_metadata": written, "app_metadata": _mapping(claims.get("app_metadata"))},
        "token": token,
    }


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _roles(claims: Mapping[str, Any], claim: str) -> list[str]:
    """The claim of this name (Auth0's are URLs), or what the dots lead to (`realm_access.roles` of Keycloak): a role or several."""
    value: Any = claims.get(claim)
    if value is None:
        value = claims
        for name in claim.split("."):
            value = _mapping(value).get(name)
    roles = value if isinstance(value, list) else [value]
    return [role for role in roles if isinstance(role, str)]


def _authorizes(auth: Auth) -> None:
    @auth.on
    async def own(ctx: Auth.types.AuthContext, value: Any) -> Auth.types.HandlerResult:
        """Threads, runs, crons and assistants: one's own. The assistant that each graph has is there for all, whoever they are."""
        _stamp(ctx, value)
        return None if _administers(ctx) else {"owner": ctx.user.identity}

    @auth.on.store
    async def store(ctx: Auth.types.AuthContext, value: Any) -> Auth.types.HandlerResult:
        """Below a namespace of one's own, whatever was asked for. Administrators name namespaces in full."""
        if not _administers(ctx):
            mine = namespace_of(ctx.user.identity)
            namespace = tuple(value.get("namespace") or ())
            value["namespace"] = namespace if namespace[:1] == (mine,) else (mine, *namespace)
        return None


def _administers(ctx: Auth.types.AuthContext) -> bool:
    return ADMINISTRATOR in ctx.permissions


def _stamp(ctx: Auth.types.AuthContext, value: dict[str, Any]) -> None:
    """What is made gets its owner, whatever the client says; what is changed keeps the one it has."""
    metadata = value.get("metadata")
    if ctx.action in ("create", "create_run"):
        if not isinstance(metadata, dict):
            metadata = value["metadata"] = {}
        metadata["owner"] = ctx.user.identity
    elif ctx.action == "update" and isinstance(metadata, dict):
        metadata.pop("owner", None)  # metadata is merged, never replaced


def namespace_of(identity: str) -> str:
    """`identity` as the first part of a namespace. Parts must not contain dots, which mail addresses and some subjects do; and a
    part that is a star means any, where namespaces are listed."""
    return identity.replace("%", "%25").replace(".", "%2E").replace("*", "%2A")
