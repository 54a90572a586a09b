"""What a token costs the server: `python -m benchmarks.tokens`. Microseconds per request, p50 and p95.

Each algorithm is timed through the ready-made `Auth`, from the header to the user: with a token that comes for the first time,
with one that was verified before, and with one whose signature is forged. Claims are as many as those of Supabase.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

from langgraph_sdk import Auth

from allograph.tokens import ready_made
from tests.tokens.issuer import SECRET, Issuer, Key, shared

Sign = Callable[[dict[str, Any]], str]


def claims(issuer: Issuer, number: int) -> dict[str, Any]:
    return issuer.claims(
        sub=f"5f0e2f9c-0f4a-4d7e-9d52-{number:012}", exp=int(time.time()) + 3600, email=f"user-{number}@example.com", phone="",
        role="authenticated", aal="aal1", amr=[{"method": "password", "timestamp": 1764331200}], is_anonymous=False,
        session_id=f"c1d2e3f4-0f4a-4d7e-9d52-{number:012}", app_metadata={"provider": "email", "providers": ["email"]},
        user_metadata={"email": f"user-{number}@example.com", "email_verified": True, "full_name": f"User {number}"},
    )  # fmt: skip


async def timed(authenticate: Callable[..., Awaitable[Any]], tokens: Sequence[str]) -> str:
    took = []
    for token in tokens:
        authorization = f"Bearer {token}"
        began = time.perf_counter()
        with suppress(Auth.exceptions.HTTPException):  # a refusal is an answer, too
            await authenticate(authorization=authorization)
        took.append((time.perf_counter() - began) * 1e6)
    return f"{statistics.median(took):.0f} / {statistics.quantiles(took, n=20)[18]:.0f}"


async def measure(issuer: Issuer, algorithm: str, count: int) -> str:
    sign: Sign
    forge: Sign
    if algorithm == "HS256":
        sign, forge = shared, lambda claims: shared(claims, f"not {SECRET}")
        auth = ready_made(issuer.settings(secret=SECRET, jwks_url=None))
    else:
        key = Key(algorithm, "k1")
        sign, forge = key.sign, Key(algorithm, "k1").sign
        issuer.publish(key)
        auth = ready_made(issuer.settings())
    assert auth
    authenticate = auth._authenticate_handler
    assert authenticate
    first, *rest = [sign(claims(issuer, number)) for number in range(count + 1)]
    await authenticate(authorization=f"Bearer {first}")  # and the keys are there
    cells = [
        await timed(authenticate, rest),
        await timed(authenticate, [first] * (10 * count)),
        await timed(authenticate, [forge(claims(issuer, number)) for number in range(count)]),
    ]
    return f"| {algorithm} | {' | '.join(cells)} | {len(first)} |"


async def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--count", type=int, default=2000)
    count = options.parse_args().count
    print("| | first time | verified before | forged | characters |\n|---|---|---|---|---|")
    issuer = Issuer()
    try:
        for algorithm in ("HS256", "RS256", "ES256", "EdDSA"):
            print(await measure(issuer, algorithm, count))
    finally:
        issuer.stop()


if __name__ == "__main__":
    asyncio.run(main())
