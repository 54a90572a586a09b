"""The keys that an issuer publishes, kept here: fetched rarely, one at a time, and never at the pace of those who send tokens."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Set
from typing import Any

import httpx

from allograph.errors import StartupError, Unavailable
from allograph.tokens.asking import FAILURES, ask
from allograph.tokens.keys import KeySet
from allograph.tokens.policy import check_url

log = logging.getLogger("allograph.tokens")

PAUSE_SECONDS = 10.0
"""Between two attempts to fetch keys, whoever sends whichever tokens."""

UNAVAILABLE = "The keys of the token issuer cannot be fetched at the moment, so the token cannot be checked; try again later."


class PublishedKeys:
    """A `KeySource` that asks `jwks_url`, or where the OpenID configuration of `issuer` says.

    Keys are believed for `fresh_seconds`, then while they are fetched again, and for `stale_seconds` in all if that fails:
    an issuer that is down for a while locks nobody out, and one that is silent for long is believed no more.
    """

    def __init__(
        self, jwks_url: str | None, issuer: str | None, algorithms: Set[str], *, fresh_seconds: float, stale_seconds: float,
        pause_seconds: float = PAUSE_SECONDS,
    ) -> None:  # fmt: skip
        self._url = jwks_url
        self._issuer = issuer
        self._algorithms = algorithms
        self._fresh_seconds = fresh_seconds
        self._stale_seconds = stale_seconds
        self._pause_seconds = pause_seconds
        self._trust = httpx.create_ssl_context()
        self._keys: KeySet | None = None
        self._document: Any = None
        self._fetched_at = self._tried_at = float("-inf")
        self._reached = False
        self._fetching: asyncio.Task[None] | None = None

    async def current(self) -> KeySet:
        age = time.monotonic() - self._fetched_at
        if age < self._fresh_seconds and self._keys is not None:
            return self._keys
        fetching = self._fetch_if_due()
        if age >= self._stale_seconds:
            if fetching:
                await asyncio.shield(fetching)
            if time.monotonic() - self._fetched_at >= self._stale_seconds:
                raise Unavailable(UNAVAILABLE)
        return self._known()

    async def renewed(self) -> KeySet:
        if fetching := self._fetch_if_due():
            await asyncio.shield(fetching)
        if not self._reached:
            raise Unavailable(UNAVAILABLE)
        return self._known()

    def _known(self) -> KeySet:
        if self._keys is None:
            raise Unavailable(UNAVAILABLE)
        return self._keys

    def _fetch_if_due(self) -> asyncio.Task[None] | None:
        """The fetch that runs, or a new one; None if the last one is not long enough ago."""
        if self._fetching is None and time.monotonic() - self._tried_at >= self._pause_seconds:
            # A task of its own: those who wait for it may go away, and it serves the others.
            self._fetching = asyncio.create_task(self._fetch(), name="jwks")
        return self._fetching

    async def _fetch(self) -> None:
        self._tried_at = time.monotonic()
        try:
            document = await _answer(self._url or await self._discovered(), self._trust)
            if document != self._document:  # the same keys stay the same object, and what was verified with them verified
                self._keys, self._document = KeySet(document, self._algorithms), document
                log.info("the token issuer publishes %d key(s) that can be used", len(self._keys))
            self._fetched_at = time.monotonic()
            self._reached = True
        except FAILURES as error:
            self._reached = False
            log.warning("the keys of the token issuer were not fetched: %s", str(error) or type(error).__name__)
        finally:
            self._fetching = None

    async def _discovered(self) -> str:
        """`jwks_uri` of the issuer: OpenID Connect Discovery 1.0, section 4."""
        assert self._issuer is not None
        found = await _answer(self._issuer.rstrip("/") + "/.well-known/openid-configuration", self._trust)
        if not isinstance(found, dict) or found.get("issuer") != self._issuer:
            raise ValueError("the OpenID configuration is not one of ALLOGRAPH_AUTH_ISSUER, which must be spelled as it says there")
        try:
            return check_url("jwks_uri", str(found.get("jwks_uri")))
        except StartupError as error:
            raise ValueError(str(error)) from None


async def _answer(url: str, trust: Any) -> Any:
    status, answer = await ask(url, trust)
    if status != httpx.codes.OK:
        raise ValueError(f"{url} answered {status}")
    return answer
