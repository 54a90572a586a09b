"""What the settings of authentication come to, or why they cannot work."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from allograph.errors import StartupError
from allograph.settings import AuthSettings
from allograph.tokens.keys import PUBLISHED, SHARED

SHORTEST_SECRET = 32
"""Bytes of a secret for HS256: RFC 7518, section 3.2. Shorter ones can be guessed from a single token, without asking anybody."""

USUAL = ("RS256", "ES256", "EdDSA")

LOCAL_DOMAINS = (".localhost", ".local", ".internal")


@dataclass(frozen=True, slots=True)
class TokenPolicy:
    """Which tokens are believed."""

    issuer: str | None
    audience: tuple[str, ...]
    shared: frozenset[str]
    """Algorithms for which `secret` counts."""
    published: frozenset[str]
    """Algorithms for which the keys of the issuer count. No algorithm is in both: a public key is never used as a secret."""
    secret: bytes | None = field(repr=False)
    jwks_url: str | None
    """Unset, with `published`: the OpenID configuration of the issuer names it."""
    role_claim: str
    admin_roles: frozenset[str]
    leeway_seconds: float
    jwks_seconds: float
    jwks_stale_seconds: float
    user_url: str | None = None
    """Asked whether a session is still open, with `user_key`."""
    user_key: str = field(default="", repr=False)
    user_seconds: float = 0

    @classmethod
    def of(cls, settings: AuthSettings) -> TokenPolicy | None:
        """None if nobody is asked for a token. Raises `StartupError` for settings that cannot work."""
        match settings.mode:
            case "none":
                return None
            case "supabase":
                return _supabase(settings)
            case "jwt":
                return _jwt(settings)


def _supabase(settings: AuthSettings) -> TokenPolicy:
    if not settings.supabase_url:
        raise StartupError("ALLOGRAPH_AUTH=supabase needs SUPABASE_URL, such as https://<project>.supabase.co.")
    if settings.secret:
        raise StartupError("ALLOGRAPH_AUTH=supabase takes its secret from SUPABASE_JWT_SECRET, not from ALLOGRAPH_AUTH_SECRET.")
    auth_url = check_url("SUPABASE_URL", settings.supabase_url).rstrip("/") + "/auth/v1"
    if settings.supabase_check_user and not settings.supabase_key:
        raise StartupError("ALLOGRAPH_SUPABASE_CHECK_USER needs SUPABASE_PUBLISHABLE_KEY (or SUPABASE_ANON_KEY).")
    role_claim = settings.role_claim or "app_metadata.role"
    if role_claim.split(".")[0] in ("user_metadata", "raw_user_meta_data"):
        raise StartupError(
            f"ALLOGRAPH_AUTH_ROLE_CLAIM is `{role_claim}`, which users of Supabase can write themselves; "
            "take one in `app_metadata`."
        )
    secret = settings.supabase_jwt_secret
    return _policy(
        settings, secret.get_secret_value() if secret else None, "SUPABASE_JWT_SECRET",
        issuer=settings.issuer or auth_url, audience=settings.audience or ("authenticated",),
        jwks_url=settings.jwks_url or f"{auth_url}/.well-known/jwks.json", publishes=True, role_claim=role_claim,
        user_url=f"{auth_url}/user" if settings.supabase_check_user else None,
    )  # fmt: skip


def _jwt(settings: AuthSettings) -> TokenPolicy:
    if settings.secret and settings.jwks_url:
        raise StartupError("ALLOGRAPH_AUTH_SECRET and ALLOGRAPH_AUTH_JWKS_URL exclude each other: tokens are signed in one way.")
    if not settings.secret:
        if not settings.issuer:
            raise StartupError(
                "ALLOGRAPH_AUTH=jwt needs ALLOGRAPH_AUTH_ISSUER, whose keys are found through its OpenID configuration "
                "or at ALLOGRAPH_AUTH_JWKS_URL; or an ALLOGRAPH_AUTH_SECRET that is shared with the issuer."
            )
        if not settings.audience:
            raise StartupError(
                "ALLOGRAPH_AUTH=jwt needs ALLOGRAPH_AUTH_AUDIENCE: without it, tokens that the issuer made for other servers "
                "would do here."
            )
        if not settings.jwks_url:
            check_url("ALLOGRAPH_AUTH_ISSUER", settings.issuer)
    return _policy(
        settings, settings.secret.get_secret_value() if settings.secret else None, "ALLOGRAPH_AUTH_SECRET",
        issuer=settings.issuer, audience=settings.audience, jwks_url=settings.jwks_url, publishes=not settings.secret,
        role_claim=settings.role_claim or "role",
    )  # fmt: skip


def _policy(
    settings: AuthSettings, secret: str | None, secret_name: str, *, issuer: str | None, audience: tuple[str, ...],
    jwks_url: str | None, publishes: bool, role_claim: str, user_url: str | None = None,
) -> TokenPolicy:  # fmt: skip
    algorithms = settings.algorithms or ((USUAL if publishes else ()) + (("HS256",) if secret else ()))
    if unknown := [name for name in algorithms if name not in PUBLISHED | SHARED]:
        raise StartupError(
            f"ALLOGRAPH_AUTH_ALGORITHMS names {unknown[0]}, which is never accepted; "
            f"there are {', '.join(sorted(PUBLISHED | SHARED))}."
        )
    shared, published = frozenset(algorithms) & SHARED, frozenset(algorithms) & PUBLISHED
    if shared and not secret:
        raise StartupError(f"ALLOGRAPH_AUTH_ALGORITHMS names {min(shared)}, which needs {secret_name}.")
    if secret and not shared:
        raise StartupError(f"{secret_name} is set, but ALLOGRAPH_AUTH_ALGORITHMS names none of {', '.join(sorted(SHARED))}.")
    if published and not publishes:
        raise StartupError(
            f"ALLOGRAPH_AUTH_ALGORITHMS names {min(published)}, which has no use for {secret_name}: leave one of them out."
        )
    if secret and len(secret.encode()) < SHORTEST_SECRET:
        raise StartupError(f"{secret_name} is too short: it needs {SHORTEST_SECRET} bytes at least, or it can be guessed.")
    if secret and "-----BEGIN" in secret:
        raise StartupError(f"{secret_name} is a PEM file, which is no secret: keys that are published need a JWKS.")
    if jwks_url:
        check_url("ALLOGRAPH_AUTH_JWKS_URL", jwks_url)
    if settings.jwks_stale_seconds < settings.jwks_seconds:
        raise StartupError("ALLOGRAPH_AUTH_JWKS_STALE_SECONDS must not be less than ALLOGRAPH_AUTH_JWKS_SECONDS.")
    return TokenPolicy(
        issuer=issuer, audience=audience, shared=shared, published=published, secret=secret.encode() if secret else None,
        jwks_url=jwks_url, role_claim=role_claim, admin_roles=frozenset(settings.admin_roles),
        leeway_seconds=settings.leeway_seconds, jwks_seconds=settings.jwks_seconds, jwks_stale_seconds=settings.jwks_stale_seconds,
        user_url=user_url, user_key=settings.supabase_key.get_secret_value() if settings.supabase_key else "",
        user_seconds=settings.supabase_check_seconds,
    )  # fmt: skip


def check_url(name: str, url: str) -> str:
    """`url`, if keys may be fetched from there: whoever can change them on the way can make tokens. `StartupError` if not."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise StartupError(f"{name} is {url!r}, which is not a URL.") from None
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment or parts.username:
        raise StartupError(f"{name} is {url!r}; it must look like https://host/path, without a query or a password.")
    if parts.scheme == "http" and not _is_local(host):
        raise StartupError(f"{name} is {url!r}; http is for hosts of this machine's own network only, others need https.")
    return url


def _is_local(host: str) -> bool:
    """An address that is not public, or a name as in a network of containers: `kong`, `auth.default.svc.cluster.local`."""
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return "." not in host or host.endswith(LOCAL_DOMAINS)
