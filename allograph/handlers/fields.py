"""What several handlers do with the fields of a request."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeVar
from uuid import UUID

from pydantic import MISSING, BaseModel
from starlette.requests import Request

from allograph.encoding import dumps
from allograph.errors import BadRequest, Invalid

T = TypeVar("T")

ADDRESS = ("checkpoint_id", "checkpoint_ns", "checkpoint_map")


def given(value: Any, default: T) -> T | Any:
    """A field of a body, or `default` when the client left it out."""
    return default if value is MISSING else value


def plain(value: BaseModel | Any, default: Any) -> Any:
    """A nested object of a body as the dictionary that the client sent."""
    if value is MISSING:
        return default
    return value.model_dump() if isinstance(value, BaseModel) else value


def shown(row: Mapping[str, Any], columns: Collection[str]) -> dict[str, Any]:
    return {column: row[column] for column in columns}


def page(rows: Sequence[Any], *, total: int, limit: int, offset: int) -> dict[str, str]:
    """The headers from which clients read how many rows match and where the next page begins."""
    headers = {"x-pagination-total": str(total)}
    if offset + len(rows) < total and rows:
        headers["x-pagination-next"] = str(offset + limit)
    return headers


def address(checkpoint: Any, beside: Any = MISSING) -> dict[str, Any]:
    """What names a checkpoint in a body: only these keys may get into a graph's configuration, where others mean something.

    `beside` is a checkpoint id next to `checkpoint`: beyond the contract, and sent by the SDK clients. Raises `Invalid` for an id
    that is no UUID.
    """
    given_keys = plain(checkpoint, {})
    found = {key: value for key in ADDRESS if (value := given_keys.get(key)) is not None}
    if beside is not MISSING and beside is not None:
        found.setdefault("checkpoint_id", beside)
    if "checkpoint_id" in found:
        found["checkpoint_id"] = checkpoint_id(found["checkpoint_id"])
    return found


def checkpoint_id(value: Any) -> str:
    try:
        return str(UUID(str(value)))
    except ValueError:
        raise Invalid(f"checkpoint_id is {str(value)[:100]!r}; expected the UUID of a checkpoint") from None


def accepts(accept: str, media_type: str) -> bool:
    """Whether the header `Accept` takes a media type."""
    accept = accept.lower()
    return any(one in accept for one in (media_type, f"{media_type.partition('/')[0]}/*", "*/*"))


def minimal(request: Request) -> bool:
    """The client asked not to be sent what it just changed."""
    return "return=minimal" in request.headers.get("prefer", "").replace(" ", "")


def refuse_both(config: Mapping[str, Any], context: Mapping[str, Any] | None) -> None:
    if context and config.get("configurable"):
        raise BadRequest(
            "Cannot specify both configurable and context. Prefer setting context alone. Context was introduced in LangGraph 0.6.0"
            " and is the long term planned replacement for configurable."
        )


def refuse_nul(value: str | None, field: str) -> None:
    if value is not None and "\x00" in value:
        raise Invalid(f"{field} contains a NUL character, which cannot be stored")


def encoded(rows: Sequence[Mapping[str, Any]], columns: Collection[str]) -> bytes:
    return dumps([shown(row, columns) for row in rows])
