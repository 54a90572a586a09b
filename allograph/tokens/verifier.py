"""Whether a token is believed: a JWT (RFC 7519) signed as a compact JWS (RFC 7515), checked as RFC 8725 asks.

PyJWT does the cryptography and the claims. Here is what it leaves to its caller: which key, how large, which characters, no
critical extensions, no name twice, and that a token is verified once and not with each request.
"""

from __future__ import annotations

import json
import re
import time
from base64 import urlsafe_b64decode
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import jwt
from jwt import exceptions

from allograph.encoding import dumps, loads
from allograph.errors import Unauthorized
from allograph.tokens.jwks import PublishedKeys
from allograph.tokens.keys import Keys, KeySource, SharedSecret
from allograph.tokens.policy import TokenPolicy

LARGEST_TOKEN = 16 * 1024
"""Characters. Web servers refuse larger headers anyway; tokens with many groups have some thousand."""

LONGEST_KID = 256

LONGEST_SUBJECT = 255
"""OpenID Connect Core 1.0, section 2, has the same limit."""

MOST_VERIFIED = 4096
"""Tokens that are remembered; then the one that was not used for the longest time goes."""

_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")

_UNREADABLE = "The token is not a JSON Web Token that can be read."
_UNKNOWN_KEY = "The token is not signed with a key of its issuer."
_SENTENCES: Mapping[type[Exception], str] = {
    exceptions.ExpiredSignatureError: "The token has expired.",
    exceptions.ImmatureSignatureError: "The token is not valid yet.",
    exceptions.InvalidAudienceError: "The token was made for another server: its audience is not this one.",
    exceptions.InvalidIssuerError: "The token is from another issuer.",
    exceptions.InvalidAlgorithmError: "The token is signed with an algorithm that is not accepted here.",
    exceptions.InvalidSignatureError: _UNKNOWN_KEY,
    exceptions.InvalidKeyError: _UNKNOWN_KEY,
    exceptions.InvalidSubjectError: "The token names no subject that could be a user.",
}
"""What the caller reads. None of it repeats what the server expected, nor anything of the token."""


@dataclass(frozen=True, slots=True)
class _Verified:
    payload: bytes
    """Parsed anew each time, so that no request can change what the next one gets."""
    until: float
    source: KeySource
    keys: Keys
    """Those it was verified with: when the issuer publishes others, it has to be verified again."""


class Verifier:
    """Verifies tokens by `policy`. Raises `Unauthorized` with a sentence, or `Unavailable` if there is no telling."""

    def __init__(self, policy: TokenPolicy) -> None:
        self._policy = policy
        self._sources: dict[str, KeySource] = {}
        """Algorithm → where its keys are. What is not here is not accepted."""
        if policy.secret and policy.shared:
            self._sources |= dict.fromkeys(policy.shared, SharedSecret(policy.secret, policy.shared))
        if policy.published:
            published = PublishedKeys(
                policy.jwks_url, policy.issuer, policy.published,
                fresh_seconds=policy.jwks_seconds, stale_seconds=policy.jwks_stale_seconds,
            )  # fmt: skip
            self._sources |= dict.fromkeys(policy.published, published)
        self._decoder = _Decoder()
        self._verified: OrderedDict[bytes, _Verified] = OrderedDict()

    async def verify(self, token: str) -> dict[str, Any]:
        """The claims of `token`."""
        if len(token) > LARGEST_TOKEN:
            raise Unauthorized(f"The token is longer than {LARGEST_TOKEN} characters.")
        if not token.isascii():
            raise Unauthorized(_UNREADABLE)
        # The digest and not the token: what is kept here is of no use to anybody who gets to read it.
        digest = sha256(token.encode()).digest()
        verified = self._verified.pop(digest, None)
        if verified is None or verified.until <= time.time() or await verified.source.current() is not verified.keys:
            verified = await self._check(token)
        self._verified[digest] = verified
        if len(self._verified) > MOST_VERIFIED:
            self._verified.popitem(last=False)
        claims: dict[str, Any] = loads(verified.payload)
        return claims

    async def _check(self, token: str) -> _Verified:
        policy = self._policy
        try:
            algorithm, kid = _header(token)
            source = self._sources.get(algorithm)
            if source is None:
                raise exceptions.InvalidAlgorithmError
            keys = await source.current()
            key = keys.find(algorithm, kid)
            if key is None:
                keys = await source.renewed()
                key = keys.find(algorithm, kid)
            if key is None:
                raise exceptions.InvalidKeyError
            claims = self._decoder.decode(
                token, key, [algorithm], audience=policy.audience or None, issuer=policy.issuer, leeway=policy.leeway_seconds
            )
        except exceptions.MissingRequiredClaimError as error:
            raise Unauthorized(f"The token lacks the claim `{error.claim}`.") from None
        except exceptions.PyJWTError as error:
            raise Unauthorized(_SENTENCES.get(type(error), _UNREADABLE)) from None
        return _Verified(dumps(claims), claims["exp"] + policy.leeway_seconds, source, keys)


class _Decoder(jwt.PyJWT):
    """PyJWT with the rest of what the RFCs ask of claims."""

    def __init__(self) -> None:
        super().__init__({"require": ["exp", "sub"], "enforce_minimum_key_length": True})

    def _decode_payload(self, decoded: dict[str, Any]) -> dict[str, Any]:
        claims = _object(decoded["payload"])
        for name in ("exp", "nbf", "iat"):
            if isinstance(claims.get(name), bool | str):  # PyJWT takes `"17"` and `true` for numbers
                raise exceptions.DecodeError
        subject = claims.get("sub")
        # It becomes the owner of rows and the name of a namespace, so it must be text that can be stored and shown.
        if isinstance(subject, str) and not (0 < len(subject) <= LONGEST_SUBJECT and subject.isprintable()):
            raise exceptions.InvalidSubjectError
        return claims


def _header(token: str) -> tuple[str, str | None]:
    """`alg` and `kid`. All else that a header may say (`jku`, `jwk`, `x5u`, ...) is not read: RFC 8725, section 3.10."""
    compact = _COMPACT.fullmatch(token)
    if compact is None:
        raise exceptions.DecodeError
    encoded = compact[1]
    try:
        header = _object(urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    except ValueError:
        raise exceptions.DecodeError from None
    algorithm, kid = header.get("alg"), header.get("kid")
    if "crit" in header or "b64" in header:  # extensions that must be understood (RFC 7515, section 4.1.11): there are none here
        raise exceptions.DecodeError
    if not isinstance(algorithm, str):
        raise exceptions.InvalidAlgorithmError
    if not isinstance(kid, str | None) or len(kid or "") > LONGEST_KID:
        raise exceptions.DecodeError
    return algorithm, kid


def _object(text: bytes) -> dict[str, Any]:
    """A JSON object that every parser reads in the same way: strict UTF-8, and no name twice (RFC 8725, section 2.5)."""
    try:
        json.loads(text, object_pairs_hook=_once)
        value = loads(text)
    except (ValueError, RecursionError):
        raise exceptions.DecodeError from None
    if not isinstance(value, dict):
        raise exceptions.DecodeError
    return value


def _once(pairs: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a name comes twice")
