"""Published keys: fetched once, renewed when the issuer changes them, bounded whatever is sent, and outlasting an outage."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest

from allograph.errors import Unauthorized, Unavailable
from allograph.tokens import asking, jwks
from allograph.tokens.jwks import PublishedKeys
from allograph.tokens.keys import KeySet
from allograph.tokens.policy import TokenPolicy
from allograph.tokens.verifier import Verifier
from tests.tokens.issuer import DISCOVERY, JWKS, Issuer, Key

PAUSE = 0.4


@pytest.fixture(autouse=True)
def _short_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PublishedKeys.__init__.__kwdefaults__, "pause_seconds", PAUSE)


def verifier(issuer: Issuer, /, **settings: Any) -> Verifier:
    policy = TokenPolicy.of(issuer.settings(**settings))
    assert policy
    return Verifier(policy)


async def outcome(one: Verifier, token: str) -> str:
    try:
        await one.verify(token)
    except (Unauthorized, Unavailable) as error:
        return type(error).__name__
    return "ok"


def forged(issuer: Issuer, number: int) -> str:
    return Key("EdDSA", f"made-up-{number}").sign(issuer.claims(jti=str(number)))


async def test_keys_are_fetched_once_for_all_who_come_at_the_same_time(issuer: Issuer) -> None:
    key = Key("ES256", "k1")
    issuer.publish(key)
    issuer.delay = 0.2
    one = verifier(issuer)
    tokens = [key.sign(issuer.claims(sub=f"user-{number}")) for number in range(50)]
    assert await asyncio.gather(*(outcome(one, token) for token in tokens)) == ["ok"] * 50
    assert issuer.requests == {JWKS: 1}


async def test_the_event_loop_goes_on_while_keys_are_fetched(issuer: Issuer) -> None:
    key = Key("ES256", "k1")
    issuer.publish(key)
    issuer.delay = 1
    one = verifier(issuer)
    verifying = asyncio.create_task(one.verify(key.sign(issuer.claims())))
    longest, before = 0.0, time.perf_counter()
    while not verifying.done():
        await asyncio.sleep(0.005)
        longest, before = max(longest, time.perf_counter() - before), time.perf_counter()
    assert (await verifying)["sub"] == "alice"
    assert longest < 0.9


async def test_a_new_key_is_found_without_waiting_for_the_old_ones_to_age(issuer: Issuer) -> None:
    old, new = Key("ES256", "k1"), Key("ES256", "k2")
    issuer.publish(old)
    one = verifier(issuer)
    assert await outcome(one, old.sign(issuer.claims())) == "ok"
    issuer.publish(old, new)
    await asyncio.sleep(PAUSE)
    assert await outcome(one, new.sign(issuer.claims())) == "ok"
    assert await outcome(one, old.sign(issuer.claims())) == "ok"
    assert issuer.requests == {JWKS: 2}


async def test_a_key_that_is_withdrawn_stops_working_also_for_tokens_that_were_verified(issuer: Issuer) -> None:
    old, new = Key("ES256", "k1"), Key("ES256", "k2")
    issuer.publish(old)
    one = verifier(issuer, jwks_seconds=PAUSE)
    token = old.sign(issuer.claims())
    assert await outcome(one, token) == "ok"
    issuer.publish(new)
    await asyncio.sleep(PAUSE)
    assert await outcome(one, token) == "ok"  # still believed, while the keys are fetched
    async with asyncio.timeout(5):
        while await outcome(one, token) == "ok":
            await asyncio.sleep(0.02)
    assert await outcome(one, token) == "Unauthorized"


async def test_a_key_that_is_replaced_under_the_same_name_is_replaced(issuer: Issuer) -> None:
    old, new = Key("ES256", "k1"), Key("ES256", "k1")
    issuer.publish(old)
    one = verifier(issuer, jwks_seconds=PAUSE)
    token = old.sign(issuer.claims())
    assert await outcome(one, token) == "ok"
    issuer.publish(new)
    await asyncio.sleep(PAUSE)
    async with asyncio.timeout(5):
        while await outcome(one, new.sign(issuer.claims())) != "ok":
            await asyncio.sleep(0.02)
    assert await outcome(one, token) == "Unauthorized"


async def test_the_same_keys_fetched_again_leave_verified_tokens_verified(issuer: Issuer) -> None:
    key = Key("ES256", "k1")
    issuer.publish(key)
    keys = PublishedKeys(issuer.jwks_url, None, {"ES256"}, fresh_seconds=0, stale_seconds=60, pause_seconds=0)
    first = await keys.current()
    assert await keys.renewed() is first
    assert issuer.requests[JWKS] == 2


async def test_made_up_keys_cost_the_issuer_one_request_per_pause(issuer: Issuer) -> None:
    issuer.publish(Key("ES256", "k1"))
    one = verifier(issuer)
    began = time.monotonic()
    for number in range(300):
        assert await outcome(one, forged(issuer, number)) == "Unauthorized"
    pauses = (time.monotonic() - began) / PAUSE
    assert issuer.requests[JWKS] <= 1 + pauses
    await asyncio.sleep(PAUSE)
    before = issuer.requests[JWKS]
    outcomes = await asyncio.gather(*(outcome(one, forged(issuer, number)) for number in range(300, 350)))
    assert outcomes == ["Unauthorized"] * 50
    assert issuer.requests[JWKS] == before + 1


async def test_an_outage_locks_nobody_out_whose_key_is_known(issuer: Issuer) -> None:
    key, other = Key("ES256", "k1"), Key("ES256", "k2")
    issuer.publish(key)
    one = verifier(issuer, jwks_seconds=0.1, jwks_stale_seconds=2)
    token = key.sign(issuer.claims())
    assert await outcome(one, token) == "ok"
    issuer.stop()
    try:
        await asyncio.sleep(PAUSE)
        assert await outcome(one, token) == "ok"
        assert await outcome(one, key.sign(issuer.claims(sub="bob"))) == "ok"
        # Whether this key is the issuer's cannot be said: not refused, but not let in either.
        assert await outcome(one, other.sign(issuer.claims())) == "Unavailable"
        await asyncio.sleep(2)
        assert await outcome(one, token) == "Unavailable"
    finally:
        issuer.start()
    issuer.publish(key, other)
    await asyncio.sleep(PAUSE)
    assert await outcome(one, token) == "ok"
    assert await outcome(one, other.sign(issuer.claims())) == "ok"
    assert await outcome(one, forged(issuer, 1)) == "Unauthorized"


async def test_an_issuer_that_was_never_reached_is_a_503_and_then_found(issuer: Issuer) -> None:
    key = Key("ES256", "k1")
    issuer.publish(key)
    issuer.stop()
    one = verifier(issuer)
    for number in range(3):
        assert await outcome(one, key.sign(issuer.claims(jti=str(number)))) == "Unavailable"
    issuer.start()
    await asyncio.sleep(PAUSE)
    assert await outcome(one, key.sign(issuer.claims())) == "ok"


@pytest.mark.parametrize(
    "answer",
    [
        (500, b"{}"), (404, b"{}"), (302, b""), (200, b""), (200, b"<html>"), (200, b"[]"), (200, b"{}"), (200, b'{"keys": {}}'),
        (200, b'{"keys": null}'), (200, b'{"keys": [' + b" " * asking.LARGEST_ANSWER + b"]}"),
    ],
)  # fmt: skip
async def test_an_answer_that_is_no_key_set_changes_nothing(issuer: Issuer, answer: tuple[int, bytes]) -> None:
    key = Key("ES256", "k1")
    issuer.publish(key)
    one = verifier(issuer)
    assert await outcome(one, key.sign(issuer.claims())) == "ok"
    issuer.answers[JWKS] = answer
    await asyncio.sleep(PAUSE)
    assert await outcome(one, forged(issuer, 1)) == "Unavailable"
    assert issuer.requests[JWKS] == 2  # a redirect was not followed
    assert await outcome(one, key.sign(issuer.claims(sub="bob"))) == "ok"


async def test_an_empty_key_set_is_one(issuer: Issuer) -> None:
    """Supabase publishes it as long as a project signs with its secret."""
    assert await outcome(verifier(issuer), forged(issuer, 1)) == "Unauthorized"


async def test_one_bad_member_does_not_spoil_the_others(issuer: Issuer) -> None:
    key = Key("ES256", "k1")
    issuer.keys = [{"kty": "EC", "crv": "P-256", "kid": "bad"}, {"kty": "new", "kid": "k9"}, key.jwk()]
    assert await outcome(verifier(issuer), key.sign(issuer.claims())) == "ok"
    assert len(KeySet({"keys": issuer.keys}, {"ES256"})) == 1


async def test_an_issuer_that_hangs_is_given_up(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "ANSWER_SECONDS", 0.3)
    issuer.delay = 4
    began = time.monotonic()
    assert await outcome(verifier(issuer), forged(issuer, 1)) == "Unavailable"
    assert time.monotonic() - began < 3


async def test_who_goes_away_does_not_take_the_answer_from_the_others(issuer: Issuer) -> None:
    key = Key("ES256", "k1")
    issuer.publish(key)
    issuer.delay = 0.3
    one = verifier(issuer)
    leaving, staying = (asyncio.create_task(outcome(one, key.sign(issuer.claims(sub=sub)))) for sub in ("leaving", "staying"))
    await asyncio.sleep(0.1)
    leaving.cancel()
    assert await staying == "ok"
    assert issuer.requests == {JWKS: 1}


# ---- OpenID Connect discovery


async def test_the_issuer_says_where_its_keys_are(issuer: Issuer) -> None:
    key = Key("RS256", "k1")
    issuer.publish(key)
    one = verifier(issuer, jwks_url=None)
    for sub in ("alice", "bob"):
        assert await outcome(one, key.sign(issuer.claims(sub=sub))) == "ok"
    assert issuer.requests == {DISCOVERY: 1, JWKS: 1}


@pytest.mark.parametrize(
    "found",
    [
        {"issuer": "https://evil.example", "jwks_uri": "<jwks>"}, {"jwks_uri": "<jwks>"}, {"issuer": "<issuer>"},
        {"issuer": "<issuer>", "jwks_uri": None}, {"issuer": "<issuer>", "jwks_uri": "http://keys.example/jwks"},
        {"issuer": "<issuer>", "jwks_uri": "file:///etc/passwd"}, [], None,
    ],
)  # fmt: skip
async def test_a_configuration_of_somebody_else_is_not_believed(
    issuer: Issuer, found: Any, caplog: pytest.LogCaptureFixture
) -> None:
    key = Key("RS256", "k1")
    issuer.publish(key)
    body = json.dumps(found).replace("<issuer>", issuer.name).replace("<jwks>", issuer.jwks_url)
    issuer.answers[DISCOVERY] = (200, body.encode())
    assert await outcome(verifier(issuer, jwks_url=None), key.sign(issuer.claims())) == "Unavailable"
    assert issuer.requests == {DISCOVERY: 1}
    assert "were not fetched" in caplog.text


def test_the_pause_is_one_that_an_issuer_can_bear() -> None:
    assert jwks.PAUSE_SECONDS >= 10
