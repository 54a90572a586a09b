"""What is not believed: the failure cases of RFC 7515 (JWS), 7519 (JWT) and 8725 (best current practices)."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import get_default_algorithms

from allograph.errors import Unauthorized
from allograph.tokens import verifier as module
from allograph.tokens.policy import TokenPolicy
from allograph.tokens.verifier import Verifier
from tests.tokens.issuer import SECRET, Issuer, Key, encoded, shared

UNREADABLE = "The token is not a JSON Web Token that can be read."
ALGORITHM = "The token is signed with an algorithm that is not accepted here."
KEY = "The token is not signed with a key of its issuer."
SUBJECT = "The token names no subject that could be a user."


def verifier(issuer: Issuer, /, **settings: Any) -> Verifier:
    policy = TokenPolicy.of(issuer.settings(**settings))
    assert policy
    return Verifier(policy)


def by_secret(issuer: Issuer, /, **settings: Any) -> Verifier:
    return verifier(issuer, jwks_url=None, secret=SECRET, **settings)


async def refusal(of: Verifier, token: str) -> str:
    with pytest.raises(Unauthorized) as refused:
        await of.verify(token)
    # Nobody learns from the answer what would have been right, nor reads back what was sent.
    assert SECRET not in refused.value.detail
    assert "127.0.0.1" not in refused.value.detail
    return refused.value.detail


# ---- what is believed


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "ES384", "EdDSA"])
async def test_published_keys_of_each_kind_verify(issuer: Issuer, algorithm: str) -> None:
    key = Key(algorithm, "k1")
    issuer.publish(key)
    claims = issuer.claims(email="alice@example.com")
    assert await verifier(issuer, algorithms=algorithm).verify(key.sign(claims)) == claims


async def test_a_shared_secret_verifies_and_its_kid_is_of_no_account(issuer: Issuer) -> None:
    claims = issuer.claims()
    one = by_secret(issuer)
    assert await one.verify(shared(claims)) == claims
    assert await one.verify(shared(claims, kid="whatever")) == claims


async def test_one_of_several_audiences_is_enough(issuer: Issuer) -> None:
    one = by_secret(issuer, audience="other, allograph")
    assert await one.verify(shared(issuer.claims(aud=["someone", "allograph"])))
    assert await one.verify(shared(issuer.claims(aud="other")))


async def test_a_key_without_kid_is_the_one_if_there_is_no_other(issuer: Issuer) -> None:
    key, other = Key("ES256", None), Key("RS256", "r")
    issuer.publish(key, other)
    assert await verifier(issuer).verify(key.sign(issuer.claims()))
    second = Key("ES256", "k2")
    issuer.publish(key, second)
    assert await refusal(verifier(issuer), key.sign(issuer.claims())) == KEY


async def test_clocks_may_differ_by_the_leeway(issuer: Issuer) -> None:
    now = int(time.time())
    one = by_secret(issuer, leeway_seconds=30)
    assert await one.verify(shared(issuer.claims(exp=now - 20)))
    assert await one.verify(shared(issuer.claims(nbf=now + 20, iat=now + 20)))
    assert await refusal(one, shared(issuer.claims(exp=now - 40))) == "The token has expired."


# ---- signatures (RFC 7515, RFC 8725 sections 2.1, 2.2, 3.1, 3.2)


@pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE", ""])
async def test_no_signature_is_no_token(issuer: Issuer, name: str) -> None:
    """RFC 8725, section 2.1."""
    body = f"{encoded({'alg': name, 'typ': 'JWT'})}.{encoded(issuer.claims())}"
    issuer.publish(Key("RS256", "k1"))
    for one in (by_secret(issuer), verifier(issuer)):
        assert await refusal(one, f"{body}.") == ALGORITHM
        assert await refusal(one, f"{body}.{encoded('x')}") == ALGORITHM


@pytest.mark.parametrize("form", ["pem", "der", "jwk", "modulus"])
async def test_a_public_key_is_not_a_secret(issuer: Issuer, form: str) -> None:
    """RFC 8725, section 2.1: HS256 with the public key, which everybody can have, as the secret."""
    key = Key("RS256", "k1")
    issuer.publish(key)
    public = key.private.public_key()
    secret = {
        "pem": public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "der": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "jwk": json.dumps(key.jwk()).encode(),
        "modulus": key.jwk()["n"].encode(),
    }[form].decode("latin-1")
    for kid in ({}, {"kid": "k1"}):
        assert await refusal(verifier(issuer), shared(issuer.claims(), secret, **kid)) == ALGORITHM


async def test_with_a_secret_and_published_keys_neither_stands_for_the_other(issuer: Issuer) -> None:
    key = Key("RS256", "k1")
    issuer.publish(key)
    both = {"mode": "supabase", "supabase_url": issuer.url, "audience": "allograph", "supabase_jwt_secret": SECRET}
    one = verifier(issuer, **both)
    assert await one.verify(key.sign(issuer.claims()))
    assert await one.verify(shared(issuer.claims()))
    pem = key.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    assert await refusal(one, shared(issuer.claims(), pem, kid="k1")) == KEY


async def test_another_algorithm_than_the_key_has_is_not_tried(issuer: Issuer) -> None:
    private = rsa.generate_private_key(65537, 2048)
    issuer.keys = [Key("RS256", "k1", private).jwk(alg="RS256")]
    one = verifier(issuer, algorithms="RS256,PS256,RS512")
    assert await one.verify(jwt.encode(issuer.claims(), private, "RS256", {"kid": "k1"}))
    for other in ("PS256", "RS512"):
        assert await refusal(one, jwt.encode(issuer.claims(), private, other, {"kid": "k1"})) == KEY


async def test_an_algorithm_that_is_not_configured_is_refused(issuer: Issuer) -> None:
    key = Key("ES256", "k1")
    issuer.publish(key)
    assert await refusal(verifier(issuer, algorithms="RS256"), key.sign(issuer.claims())) == ALGORITHM
    assert issuer.requests.total() == 0


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
async def test_a_forged_signature_is_refused(issuer: Issuer, algorithm: str) -> None:
    key, mallory = Key(algorithm, "k1"), Key(algorithm, "k1")
    issuer.publish(key)
    one = verifier(issuer)
    good = key.sign(issuer.claims())
    header, payload, signature = good.split(".")
    assert await refusal(one, mallory.sign(issuer.claims())) == KEY
    assert await refusal(one, f"{header}.{encoded(issuer.claims(sub='bob'))}.{signature}") == KEY
    assert await refusal(one, f"{header}.{payload}.") == KEY
    assert await refusal(one, f"{header}.{payload}.{encoded(b'0' * 64)}") == KEY
    assert await refusal(one, f"{header}.{payload}.{encoded(b'')}") == KEY
    assert await one.verify(good)


async def test_zeros_are_no_ecdsa_signature(issuer: Issuer) -> None:
    """r = s = 0 was once accepted by a large platform."""
    key = Key("ES256", "k1")
    issuer.publish(key)
    header, payload, _ = key.sign(issuer.claims()).split(".")
    assert await refusal(verifier(issuer), f"{header}.{payload}.{encoded(bytes(64))}") == KEY


async def test_another_secret_is_refused(issuer: Issuer) -> None:
    assert await refusal(by_secret(issuer), shared(issuer.claims(), "another secret that is long enough, too")) == KEY


async def test_short_rsa_keys_are_not_used(issuer: Issuer, caplog: pytest.LogCaptureFixture) -> None:
    """RFC 7518, section 3.3: 2048 bits at least."""
    key = Key("RS256", "k1", rsa.generate_private_key(65537, 1024))
    issuer.publish(key)
    with pytest.warns(UserWarning, match="RSA key"):
        token = key.sign(issuer.claims())
    assert await refusal(verifier(issuer), token) == KEY
    assert "is not used" in caplog.text


async def test_keys_for_something_else_are_not_used(issuer: Issuer) -> None:
    key = Key("ES256", "k1")
    secret = {"kty": "oct", "k": encoded(SECRET), "kid": "s", "alg": "HS256"}
    private = {**get_default_algorithms()["ES256"].to_jwk(key.private, as_dict=True), "kid": "k1"}
    assert "d" in private
    for published in (
        key.jwk(use="enc"), key.jwk(key_ops=["encrypt"]), key.jwk(alg="ES384"), key.jwk(alg="none"), key.jwk(kid=7),
        key.jwk(x="AAAA"), key.jwk(crv="P-384"), private, secret, "k1", None, {}, {"kty": "RSA"},
    ):  # fmt: skip
        issuer.keys = [published]  # type: ignore[list-item]
        assert await refusal(verifier(issuer), key.sign(issuer.claims())) == KEY, published
        assert await refusal(verifier(issuer), shared(issuer.claims(), kid="s")) == ALGORITHM


# ---- headers (RFC 7515 section 4, RFC 8725 sections 2.9, 2.10, 3.10)


@pytest.mark.parametrize(
    "kid",
    [
        "../../dev/null", "/dev/null", "' OR 1=1 --", "k1\x00", "http://evil.example/jwks", "k" * 10_000, "", "K1", 7, None,
        ["k1"], {"k1": 1}, True,
    ],
)  # fmt: skip
async def test_a_kid_is_only_ever_compared(issuer: Issuer, kid: Any) -> None:
    """RFC 8725, section 3.10. What is no text, or too long, is refused without looking at the keys."""
    key = Key("EdDSA", "k1")
    issuer.publish(key)
    header = encoded({"alg": "EdDSA", "kid": kid})
    signed = f"{header}.{encoded(issuer.claims(sub='bob'))}"
    token = f"{signed}.{encoded(Key('EdDSA', None).private.sign(signed.encode()))}"
    assert await refusal(verifier(issuer), token) in (KEY, UNREADABLE)
    assert issuer.requests.total() <= 1


@pytest.mark.parametrize("kid", [7, ["k1"], {"a": 1}, True, "k" * 257])
async def test_an_odd_kid_is_refused_even_with_a_good_signature(issuer: Issuer, kid: Any) -> None:
    assert await refusal(by_secret(issuer), shared(issuer.claims(), kid=kid)) == UNREADABLE


async def test_keys_that_a_token_brings_along_are_ignored(issuer: Issuer) -> None:
    """RFC 8725, sections 2.9 and 3.10: `jwk`, `jku`, `x5u` and `x5c` of a forger. Nobody follows their URLs."""
    key, mallory = Key("RS256", "k1"), Key("RS256", "k1")
    issuer.publish(key)
    evil = Issuer()
    evil.publish(mallory)
    brought = {"jwk": mallory.jwk(), "jku": evil.jwks_url, "x5u": evil.url + "/x", "x5c": ["AAAA"], "x5t": "AAAA"}
    try:
        one = verifier(issuer)
        for name, value in brought.items():
            assert await refusal(one, mallory.sign(issuer.claims(), **{name: value})) == KEY, name
            assert await one.verify(key.sign(issuer.claims(), **{name: value}))
        assert evil.requests.total() == 0
    finally:
        evil.stop()


@pytest.mark.parametrize(
    "headers",
    [
        {"crit": ["exp"], "exp": 1}, {"crit": []}, {"crit": "b64"}, {"crit": None}, {"crit": ["b64"], "b64": True},
        {"crit": ["unknown"], "unknown": 1}, {"b64": False}, {"b64": True},
    ],
)  # fmt: skip
async def test_critical_extensions_are_refused(issuer: Issuer, headers: dict[str, Any]) -> None:
    """RFC 7515, section 4.1.11: none is understood here."""
    assert await refusal(by_secret(issuer), shared(issuer.claims(), **headers)) == UNREADABLE


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        ("{}", ALGORITHM), ('{"alg":null}', ALGORITHM), ('{"alg":["HS256"]}', ALGORITHM), ('{"alg":{"HS256":1}}', ALGORITHM),
        ('{"alg":"HS256 "}', ALGORITHM), ('{"alg":"hs256"}', ALGORITHM), ('{"ALG":"HS256"}', ALGORITHM),
        ('["HS256"]', UNREADABLE), ('"HS256"', UNREADABLE), ("null", UNREADABLE), ("1", UNREADABLE), ("{", UNREADABLE),
        ('{"alg":"HS256","alg":"HS256"}', UNREADABLE), ('{"alg":"none","alg":"HS256"}', UNREADABLE),
        ('{"alg":"HS256","x":{"y":1,"y":2}}', UNREADABLE), ('{"alg":"HS256","x":NaN}', UNREADABLE),
        ("\0", UNREADABLE), (b'{"alg":"HS256","x":"\xff"}', UNREADABLE),
        ('{"alg":"HS256"}'.encode("utf-16"), UNREADABLE), (b'\xef\xbb\xbf{"alg":"HS256"}', UNREADABLE), ("[" * 5000, UNREADABLE),
    ],
)  # fmt: skip
async def test_a_header_that_could_be_read_in_two_ways_is_refused(issuer: Issuer, header: str | bytes, sentence: str) -> None:
    """RFC 7515, sections 4 and 5.2: UTF-8, one JSON object, each name once."""
    assert await refusal(by_secret(issuer), shared(issuer.claims(), header=header)) == sentence


# ---- form (RFC 7515 sections 3.1, 5.2)


def garbage(good: str) -> list[str]:
    header, payload, signature = good.split(".")
    return [
        "", ".", "..", "...", "x", "a.b", "a.b.c", f"{header}.{payload}", f"{good}.", f".{good}", f"{good}.{signature}",
        f"{header}..{signature}", f".{payload}.{signature}", f"{good}=", f"{header}=.{payload}.{signature}", f"{good}é",
        f" {good}", f"{good}\n", f"{good}\0", f"{good} {good}", f"{good},{good}", good.replace(".", "｡"),
        f"{header}.%{payload}.{signature}", f"{header}.{payload}.+/{signature[2:]}", f"{header}.{payload}.{signature}A",
        f"{header}.{payload}.{payload}.{payload}.{signature}", "%00", "\ud800", "eyJ" * 5000, "." * 16000,
        '{"payload":"","signatures":[]}',
    ]  # fmt: skip


async def test_what_is_no_token_is_refused(issuer: Issuer) -> None:
    """JSON serialisation, encryption (five parts), padding, other alphabets, other bits at the end, noise."""
    one = by_secret(issuer)
    good = shared(issuer.claims())
    assert await one.verify(good)
    for token in garbage(good):
        assert await refusal(one, token) in (UNREADABLE, KEY), token[:80]


async def test_only_one_text_is_a_given_token(issuer: Issuer) -> None:
    """The last character of a signature has bits that say nothing; only the canonical ones are accepted."""
    one = by_secret(issuer)
    good = shared(issuer.claims())
    last = good[-1]
    accepted = []
    for other in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_":
        try:
            await one.verify(good[:-1] + other)
        except Unauthorized:
            continue
        accepted.append(other)
    assert accepted == [last]


async def test_oversized_tokens_are_refused_before_anything_is_read(issuer: Issuer) -> None:
    one = by_secret(issuer)
    fits = shared(issuer.claims(text="x" * 11_000))
    assert len(fits) <= module.LARGEST_TOKEN
    assert await one.verify(fits)
    large = shared(issuer.claims(text="x" * 13_000))
    assert await refusal(one, large) == "The token is longer than 16384 characters."
    assert await refusal(one, "a" * 10_000_000) == "The token is longer than 16384 characters."


# ---- claims (RFC 7519 section 4, RFC 8725 sections 3.8, 3.9)


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        ({"exp": None}, "The token lacks the claim `exp`."),
        ({"sub": None}, "The token lacks the claim `sub`."),
        ({"iss": None}, "The token lacks the claim `iss`."),
        ({"aud": None}, "The token lacks the claim `aud`."),
        ({"aud": []}, "The token lacks the claim `aud`."),
        ({"exp": 1}, "The token has expired."),
        ({"exp": 0}, "The token has expired."),
        ({"exp": -1}, "The token has expired."),
        ({"nbf": 9_999_999_999}, "The token is not valid yet."),
        ({"iat": 9_999_999_999}, "The token is not valid yet."),
        ({"iss": "https://evil.example"}, "The token is from another issuer."),
        ({"iss": ""}, "The token is from another issuer."),
        ({"aud": "other"}, "The token was made for another server: its audience is not this one."),
        ({"aud": ["other", "ALLOGRAPH"]}, "The token was made for another server: its audience is not this one."),
        ({"aud": {"allograph": 1}}, "The token was made for another server: its audience is not this one."),
        ({"aud": ["allograph", 1]}, "The token was made for another server: its audience is not this one."),
        ({"exp": "9999999999"}, UNREADABLE), ({"exp": True}, UNREADABLE), ({"exp": [9_999_999_999]}, UNREADABLE),
        ({"nbf": "1"}, UNREADABLE), ({"nbf": False}, UNREADABLE), ({"nbf": {}}, UNREADABLE), ({"iat": "1"}, UNREADABLE),
        ({"sub": ""}, SUBJECT), ({"sub": 7}, SUBJECT), ({"sub": ["alice"]}, SUBJECT), ({"sub": "a" * 256}, SUBJECT),
        ({"sub": "alice\0"}, SUBJECT), ({"sub": "a\nb"}, SUBJECT), ({"sub": "a\u202eb"}, SUBJECT), ({"sub": "\ud800"}, UNREADABLE),
    ],
)  # fmt: skip
async def test_claims_are_checked(issuer: Issuer, other: dict[str, Any], sentence: str) -> None:
    assert await refusal(by_secret(issuer), shared(issuer.claims(**other))) == sentence


async def test_an_issuer_is_not_a_prefix_or_a_list(issuer: Issuer) -> None:
    one = by_secret(issuer)
    for name in (f"{issuer.name}/", issuer.name[:-1], issuer.name.upper(), [issuer.name]):
        assert await refusal(one, shared(issuer.claims(iss=name))) == "The token is from another issuer."


@pytest.mark.parametrize(
    "payload",
    [
        "[]", '"alice"', "null", "7", "{", "", '{"sub":"alice","sub":"bob"', b'{"sub":"\xff"}', "[" * 5000,
        '{"exp": NaN, "sub": "a"}', '{"exp": Infinity, "sub": "a"}', '{"exp": 1e999, "sub": "a"}', '{"exp": 1' + "0" * 5000 + "}",
    ],
)  # fmt: skip
async def test_a_payload_that_is_no_object_of_claims_is_refused(issuer: Issuer, payload: str | bytes) -> None:
    assert await refusal(by_secret(issuer), shared(payload)) == UNREADABLE


async def test_claims_that_come_twice_are_refused(issuer: Issuer) -> None:
    """Another program before this one may have read the first of them (RFC 8725, section 2.5)."""
    good = json.dumps(issuer.claims())
    assert await by_secret(issuer).verify(shared(good))
    assert await refusal(by_secret(issuer), shared(good.replace('"sub"', '"sub": "bob", "sub"'))) == UNREADABLE


async def test_odd_values_elsewhere_are_passed_on(issuer: Issuer) -> None:
    """Users write some claims themselves (`user_metadata`): that must not lock them out, nor break what stores them."""
    deep: Any = "x"
    for _ in range(400):
        deep = [deep]
    claims = await by_secret(issuer).verify(shared(issuer.claims(user_metadata={"nul": "a\0b", "big": 10**30, "deep": deep})))
    assert claims["sub"] == "alice"
    assert claims["user_metadata"]["nul"] == "a\ufffdb"


async def test_without_an_audience_of_our_own_a_token_for_somebody_is_refused(issuer: Issuer) -> None:
    one = by_secret(issuer, audience="", issuer=None)
    assert await one.verify(shared(issuer.claims(aud=None, iss=None)))
    assert await refusal(one, shared(issuer.claims())) == "The token was made for another server: its audience is not this one."


# ---- remembering


async def test_a_verified_token_is_not_verified_again(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    checked = []
    check = Verifier._check

    async def counted(self: Verifier, token: str) -> Any:
        checked.append(token)
        return await check(self, token)

    monkeypatch.setattr(Verifier, "_check", counted)
    one = by_secret(issuer)
    token, forged = shared(issuer.claims()), shared(issuer.claims(), "another secret that is long enough, too")
    first = await one.verify(token)
    first["sub"] = "mallory"
    first.setdefault("user_metadata", {})["x"] = 1
    assert (await one.verify(token))["sub"] == "alice"  # what one request does with it is not what the next one gets
    assert checked == [token]
    for _ in range(2):
        await refusal(one, forged)
    assert checked == [token, forged, forged]


async def test_a_remembered_token_expires(issuer: Issuer) -> None:
    one = by_secret(issuer, leeway_seconds=0)
    expires = int(time.time()) + 3
    token = shared(issuer.claims(exp=expires))
    assert await one.verify(token)
    await asyncio.sleep(expires - time.time() + 0.05)
    assert await refusal(one, token) == "The token has expired."


async def test_only_so_many_are_remembered(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_VERIFIED", 3)
    one = by_secret(issuer)
    tokens = [shared(issuer.claims(jti=str(number))) for number in range(5)]
    for token in (*tokens[:3], tokens[0], *tokens[3:]):
        await one.verify(token)
    assert len(one._verified) == 3
    kept = [await one.verify(token) for token in (tokens[0], tokens[3], tokens[4])]
    assert [claims["jti"] for claims in kept] == ["0", "3", "4"]
