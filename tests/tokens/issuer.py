"""An issuer of tokens: real keys, real signatures, and an HTTP server that publishes the keys and counts who asks."""

from __future__ import annotations

import json
import threading
import time
from base64 import urlsafe_b64encode
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from jwt.algorithms import get_default_algorithms

from allograph.settings import AuthSettings

SECRET = "a secret of the issuer with more than 32 bytes"
AUDIENCE = "allograph"
JWKS, DISCOVERY, USER = "/auth/v1/.well-known/jwks.json", "/auth/v1/.well-known/openid-configuration", "/auth/v1/user"

MAKERS = {
    "RS256": lambda: rsa.generate_private_key(65537, 2048),
    "PS256": lambda: rsa.generate_private_key(65537, 2048),
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ES384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
}


class Key:
    def __init__(self, algorithm: str, kid: str | None, private: PrivateKeyTypes | None = None) -> None:
        self.algorithm, self.kid = algorithm, kid
        self.private: Any = private or MAKERS[algorithm]()

    def jwk(self, **more: Any) -> dict[str, Any]:
        public = get_default_algorithms()[self.algorithm].to_jwk(self.private.public_key(), as_dict=True)
        return {key: value for key, value in {**public, "kid": self.kid, "use": "sig", **more}.items() if value is not None}

    def sign(self, claims: dict[str, Any], **headers: Any) -> str:
        kid = {} if self.kid is None else {"kid": self.kid}
        return jwt.encode(claims, self.private, self.algorithm, {**kid, **headers})


class Issuer:
    """Serves `keys`, the OpenID configuration and the user of a session, as Supabase does below `/auth/v1`."""

    def __init__(self) -> None:
        self.keys: list[dict[str, Any]] = []
        self.requests: Counter[str] = Counter()
        self.answers: dict[str, tuple[int, bytes]] = {}
        """Path → status and body, in place of what is usually there."""
        self.delay = 0.0
        self.sessions: dict[str, str] = {}
        """Token → id of the user whose session is open."""
        self.api_keys: set[str | None] = set()
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.requests[self.path] += 1
                time.sleep(issuer.delay)
                status, body = issuer.answers.get(self.path) or issuer.usual(self.path, self.headers)
                self.send_response(status)
                if status == 302:
                    self.send_header("location", JWKS)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments: object) -> None:
                pass

        self._handler = Handler
        self.port = 0
        self.start()

    def usual(self, path: str, headers: Any) -> tuple[int, bytes]:
        if path == JWKS:
            return 200, json.dumps({"keys": self.keys}).encode()
        if path == DISCOVERY:
            return 200, json.dumps({"issuer": self.name, "jwks_uri": self.jwks_url}).encode()
        if path == USER:
            self.api_keys.add(headers["apikey"])
            user = self.sessions.get(headers["authorization"].removeprefix("Bearer "))
            return (200, json.dumps({"id": user}).encode()) if user else (403, b'{"error_code": "session_not_found"}')
        return 404, b""

    def start(self) -> None:
        """Begin to listen, after `stop` on the same port."""
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), self._handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def name(self) -> str:
        return f"{self.url}/auth/v1"

    @property
    def jwks_url(self) -> str:
        return self.url + JWKS

    def publish(self, *keys: Key) -> None:
        self.keys = [key.jwk() for key in keys]

    def claims(self, **other: Any) -> dict[str, Any]:
        """What a good token says. None leaves a claim out."""
        now = int(time.time())
        usual = {"iss": self.name, "aud": AUDIENCE, "sub": "alice", "exp": now + 600, "iat": now, "nbf": now}
        return {name: value for name, value in {**usual, **other}.items() if value is not None}

    def settings(self, **other: Any) -> AuthSettings:
        """Settings that trust this issuer by its published keys."""
        return AuthSettings(**{"mode": "jwt", "issuer": self.name, "audience": AUDIENCE, "jwks_url": self.jwks_url, **other})


def encoded(part: Any) -> str:
    """`part` as a segment of a token; bytes and text as they are, all else as JSON."""
    raw = part if isinstance(part, bytes) else part.encode() if isinstance(part, str) else json.dumps(part).encode()
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def shared(claims: Any, secret: str = SECRET, header: Any = None, **headers: Any) -> str:
    """A token with a valid HS256 signature around whatever header and claims are given, which PyJWT would not write."""
    head = {"alg": "HS256", "typ": "JWT", **headers} if header is None else header
    signed = f"{encoded(head)}.{encoded(claims)}"
    signature = get_default_algorithms()["HS256"].sign(signed.encode(), secret.encode())
    return f"{signed}.{encoded(signature)}"
