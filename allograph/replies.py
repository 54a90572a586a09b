"""What handlers answer with. A leaf module: the generated interface imports it, it imports nothing of this project.

The type parameter of `Json` and `EventStream` is a promise about the bytes; the contract check enforces it in tests and
development, and it costs nothing in production.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Generic, TypeVar

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

T = TypeVar("T")


class Json(Response, Generic[T]):
    """A body that is already encoded JSON of the shape `T`."""

    media_type = "application/json"

    def __init__(self, body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(body, status_code=status, headers=headers)


class NoContent(Response):
    """204, no body."""

    def __init__(self, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status_code=204, headers=headers)


class Text(Response):
    """A body of plain text, or of the `media_type` given (a page is `text/html`)."""

    def __init__(self, body: str, media_type: str = "text/plain", status: int = 200) -> None:
        super().__init__(body, status_code=status, media_type=media_type)
