"""What can go wrong, and which HTTP status says so.

    ApiError
    ├── BadRequest          400
    ├── Unauthorized        401
    ├── Forbidden           403
    ├── NotFound            404
    ├── Conflict            409
    ├── PayloadTooLarge     413
    ├── Invalid             422
    ├── TooManyRequests     429
    ├── NotImplementedYet   501
    └── Unavailable         503
    StartupError            the server does not start; the message is for the person at the terminal

The message of an `ApiError` is the `detail` that the client reads: one sentence naming what was given, what was expected
and, where it helps, what to do.
"""

from __future__ import annotations

from collections.abc import Mapping


class ApiError(Exception):
    """Answered as `{"detail": <message>}` with `status`."""

    status: int = 500
    headers: Mapping[str, str] | None = None
    """What the reply says besides."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class BadRequest(ApiError):
    status = 400


class Unauthorized(ApiError):
    status = 401


class Forbidden(ApiError):
    status = 403


class NotFound(ApiError):
    status = 404


class Conflict(ApiError):
    status = 409


class PayloadTooLarge(ApiError):
    status = 413


class Invalid(ApiError):
    status = 422


class TooManyRequests(ApiError):
    status = 429


class NotImplementedYet(ApiError):
    status = 501


class Unavailable(ApiError):
    status = 503


class StartupError(Exception):
    """The server cannot start; the message says why and what to do about it."""
