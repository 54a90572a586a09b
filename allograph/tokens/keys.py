"""Keys that tokens may be signed with.

A key is found by the algorithm and the `kid` of a token together, among keys that were made for one algorithm each. What a
token says about itself can therefore choose between keys that are trusted, and nothing else: no other algorithm for a key
(RFC 8725, section 3.1), no file, no URL.
"""

from __future__ import annotations

import logging
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Set
from typing import Any, Protocol

from jwt import PyJWK
from jwt.exceptions import PyJWTError

log = logging.getLogger("allograph.tokens")

SHARED = frozenset({"HS256", "HS384", "HS512"})

_OF_KEY = {
    "RSA": ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    "P-256": ("ES256",),
    "P-384": ("ES384",),
    "P-521": ("ES512",),
    "Ed25519": ("EdDSA",),
}
"""`crv`, or `kty` where there is none → what a public key of this kind can verify."""

PUBLISHED = frozenset(name for names in _OF_KEY.values() for name in names)


class Keys(Protocol):
    def find(self, algorithm: str, kid: str | None) -> PyJWK | None: ...


class KeySource(Protocol):
    """Where keys come from. What it gives stays the same object for as long as the keys do."""

    async def current(self) -> Keys: ...

    async def renewed(self) -> Keys:
        """As `current`, after a token named a key that is not among them. Both raise `Unavailable` if there is no telling."""


class SharedSecret:
    """The secret that the issuer signs with. Its `kid` is ignored: Supabase writes one, though there is only one secret."""

    def __init__(self, secret: bytes, algorithms: Set[str]) -> None:
        jwk = {"kty": "oct", "k": urlsafe_b64encode(secret).rstrip(b"=").decode()}
        self._keys = {algorithm: PyJWK(jwk, algorithm) for algorithm in algorithms}

    async def current(self) -> SharedSecret:
        return self

    async def renewed(self) -> SharedSecret:
        return self

    def find(self, algorithm: str, kid: str | None) -> PyJWK | None:
        return self._keys.get(algorithm)


class KeySet:
    """The public keys of a JSON Web Key Set (RFC 7517) that can be used; others in it are left out."""

    def __init__(self, document: Any, algorithms: Set[str]) -> None:
        """Raises `ValueError` if `document` is no key set. One without keys is: Supabase has it before the first key."""
        listed = document.get("keys") if isinstance(document, dict) else None
        if not isinstance(listed, list):
            raise ValueError("what was sent is not a JSON Web Key Set")
        self._keys: dict[tuple[str | None, str], PyJWK] = {}
        for jwk in listed:
            for algorithm in _algorithms(jwk) & algorithms:
                try:
                    key = PyJWK(jwk, algorithm)
                    reason = key.Algorithm.check_key_length(key.key)
                except (PyJWTError, ValueError, TypeError) as error:
                    reason = type(error).__name__
                if reason:
                    log.warning("a published key is not used: %s", reason)
                else:
                    self._keys.setdefault((jwk.get("kid"), algorithm), key)

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, algorithm: str, kid: str | None) -> PyJWK | None:
        if kid is not None:
            return self._keys.get((kid, algorithm))
        fitting = [key for (_, known), key in self._keys.items() if known == algorithm]
        return fitting[0] if len(fitting) == 1 else None


def _algorithms(jwk: Any) -> Set[str]:
    """What a member of a key set may verify: nothing if it is for something else, or private, or a secret (`oct`)."""
    if not isinstance(jwk, Mapping) or not isinstance(jwk.get("kid"), str | None) or "d" in jwk:
        return set()
    if jwk.get("use", "sig") != "sig" or "verify" not in jwk.get("key_ops", ("verify",)):
        return set()
    able = set(_OF_KEY.get(str(jwk.get("crv") or jwk.get("kty")), ()))
    return able & {jwk["alg"]} if jwk.get("alg") else able
