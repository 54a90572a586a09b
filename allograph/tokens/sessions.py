"""Whether Supabase still knows the session of a token: the token itself lives on after its user signed out or was banned."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from hashlib import sha256

import httpx

from allograph.errors import Unauthorized, Unavailable
from allograph.tokens.asking import FAILURES, ask

log = logging.getLogger("allograph.tokens")

MOST_SESSIONS = 4096


class Sessions:
    """Asks the endpoint of the signed-in user once per token, however many requests bring it, and again after `seconds`."""

    def __init__(self, user_url: str, key: str, seconds: float) -> None:
        self._url = user_url
        self._key = key
        self._seconds = seconds
        self._trust = httpx.create_ssl_context()
        self._asked: OrderedDict[bytes, tuple[float, asyncio.Task[bool | None]]] = OrderedDict()
        """Digest of the token → until when the answer counts, and who gets it."""

    async def check(self, token: str, identity: str) -> None:
        """Raises `Unauthorized` if the session is over, `Unavailable` if Supabase does not say."""
        digest = sha256(token.encode()).digest()
        until, asking = self._asked.get(digest, (0.0, None))
        if asking is None or until <= time.monotonic() or (asking.done() and asking.result() is None):
            asking = asyncio.create_task(self._is_open(token, identity), name="session")
            self._asked[digest] = (time.monotonic() + self._seconds, asking)
            self._asked.move_to_end(digest)
            if len(self._asked) > MOST_SESSIONS:
                self._asked.popitem(last=False)
        is_open = await asyncio.shield(asking)
        if is_open is None:
            raise Unavailable("Supabase cannot be asked about the session of the token at the moment; try again later.")
        if not is_open:
            raise Unauthorized("The session of the token is over; sign in again.")

    async def _is_open(self, token: str, identity: str) -> bool | None:
        try:
            status, user = await ask(self._url, self._trust, {"authorization": f"Bearer {token}", "apikey": self._key})
        except FAILURES as error:
            log.warning("Supabase was not asked about a session: %s", str(error) or type(error).__name__)
            return None
        if status == httpx.codes.OK:
            return isinstance(user, dict) and user.get("id") == identity
        if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN, httpx.codes.NOT_FOUND):
            return False
        log.warning("Supabase answered %d about a session", status)
        return None
