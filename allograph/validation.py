"""Requests, parsed and checked: JSON bodies, path, query and header parameters.

What does not fit raises `errors.Invalid` with one sentence that names the field, the value given and what was expected.
The generated routes build a `JsonBody`, `Query` or `Header` once per operation and call it on every request.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

import orjson
from pydantic import BeforeValidator, StrictFloat, StrictInt, TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError
from starlette.datastructures import Headers, QueryParams
from starlette.requests import Request

from allograph.errors import Invalid
from allograph.sentences import sentence, shortened

T = TypeVar("T")

DEEPEST = 100
"""Levels of nesting that a JSON body may have: Pydantic, graphs and JSON columns all recurse."""

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_WHOLE = re.compile(r"-?[0-9]{1,19}")
_LARGEST = 2**63 - 1


def _integral(value: Any) -> Any:
    """JSON knows one kind of number: `303.0` is an integer there."""
    return int(value) if type(value) is float and value.is_integer() else value


def whole(text: Any) -> Any:
    if isinstance(text, str) and _WHOLE.fullmatch(text) and -_LARGEST <= (number := int(text)) <= _LARGEST:
        return number
    raise PydanticCustomError("int_type", "expected an integer")


def _flag(text: Any) -> Any:
    match str(text).lower():
        case "true" | "1":
            return True
        case "false" | "0":
            return False
    raise PydanticCustomError("bool_type", "expected true or false")


def _uuid(text: Any) -> Any:
    if isinstance(text, str) and _UUID.fullmatch(text):
        return UUID(text)
    raise PydanticCustomError("uuid_type", "expected a UUID")


Integer = Annotated[StrictInt, BeforeValidator(_integral)]
"""An integer in a JSON body."""

Number = StrictInt | StrictFloat
"""A number in a JSON body, as it was given."""
Whole = Annotated[int, BeforeValidator(whole)]
"""An integer in a path, query or header; 64 bits, the most that Postgres takes."""
Flag = Annotated[bool, BeforeValidator(_flag)]
"""A boolean in a query; the SDK clients write `true` as well as `1`."""
Uuid = Annotated[UUID, BeforeValidator(_uuid)]
"""A UUID in a path or query, in its hyphenated form."""


class JsonBody(Generic[T]):
    """Reads a request body, whatever its content type says, and checks it against a type."""

    def __init__(self, type_: Any) -> None:
        self._validate = TypeAdapter[T](type_).validator.validate_python

    async def __call__(self, request: Request) -> T:
        """Raises `Invalid` for a body that is absent, not JSON, not storable or not of the type."""
        body = await request.body()
        if not body.strip():
            raise Invalid("the request body is empty: expected JSON")
        return self._checked(body)

    async def optional(self, request: Request) -> T | None:
        """The same where a body may be left out; none at all gives None, spaces are not JSON."""
        body = await request.body()
        return self._checked(body) if body else None

    def _checked(self, body: bytes) -> T:
        return self.check(parsed(body))

    def check(self, value: Any) -> T:
        """`value` as the type. Raises `Invalid` when it is not of it."""
        try:
            return self._validate(value)  # type: ignore[no-any-return]
        except ValidationError as error:
            raise Invalid(sentence(error.errors(include_url=False), value, "the request body")) from None


def parsed(body: bytes) -> Any:
    """The value of a JSON text. Raises `Invalid` when it is malformed, nested too deeply or holds a NUL character."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if error.msg.startswith("depth limit"):
            raise Invalid(_too_deep) from None
        raise Invalid(f"the request body is not JSON: {error.msg} at line {error.lineno} column {error.colno}") from None
    # Counting bytes is cheap and rules nearly every body out; walking the value settles the rest.
    if body.count(b"{") + body.count(b"[") > DEEPEST or b"\\u0000" in body:
        for path, item, depth in _walk(value):
            if depth > DEEPEST:
                raise Invalid(_too_deep)
            if isinstance(item, str) and "\0" in item:
                raise Invalid(f"{path}: a string must not contain the NUL character, which cannot be stored")
    return value


_too_deep = f"the request body is nested more than {DEEPEST} levels deep"


def _walk(value: Any) -> Iterator[tuple[str, Any, int]]:
    """Every key and value with its path and depth, without recursion."""
    stack: list[tuple[str, Any, int]] = [("", value, 0)]
    while stack:
        path, item, depth = stack.pop()
        yield path or "the request body", item, depth
        if isinstance(item, dict):
            for key, member in item.items():
                yield path or "the request body", key, depth
                stack.append((f"{path}.{key}" if path else key, member, depth + 1))
        elif isinstance(item, list):
            stack += ((f"{path}[{index}]", member, depth + 1) for index, member in enumerate(item))


class Parameter(Generic[T]):
    """One path, query or header parameter: its name, its type and what it is when it is not sent."""

    place = "parameter"

    def __init__(self, name: str, type_: Any, default: Any = None, *, required: bool = False) -> None:
        self.name = name
        self._default = default
        self._required = required
        self._validate = TypeAdapter[T](type_).validator.validate_python

    def check(self, text: str | list[str] | None) -> T:
        """The value that `text` stands for; None means that the client did not send it."""
        if text is None:
            if self._required:
                raise Invalid(f"the {self.place} {self.name} is required")
            return self._default  # type: ignore[no-any-return]
        if "\0" in "".join(text):
            raise Invalid(f"the {self.place} {self.name} must not contain the NUL character, got {shortened(text)}")
        try:
            return self._validate(text)  # type: ignore[no-any-return]
        except ValidationError as error:
            raise Invalid(sentence(error.errors(include_url=False), text, f"the {self.place} {self.name}")) from None


class Path(Parameter[T]):
    place = "path parameter"

    def __call__(self, request: Request) -> T:
        return self.check(request.path_params[self.name])


class Query(Parameter[T]):
    place = "query parameter"

    def __call__(self, query: QueryParams) -> T:
        return self.check(query.get(self.name))


class QueryTexts(Parameter[T]):
    """A query parameter of several values: it is repeated."""

    place = "query parameter"

    def __call__(self, query: QueryParams) -> T:
        return self.check(query.getlist(self.name) or None)


class QueryNames(Parameter[T]):
    """A query parameter of several names from a fixed list: repeated, or separated by commas."""

    place = "query parameter"

    def __call__(self, query: QueryParams) -> T:
        # A name without a value, as the SDK clients send it for None, says nothing.
        return self.check([name for text in query.getlist(self.name) for name in text.split(",") if name] or None)


class Header(Parameter[T]):
    place = "header"

    def __call__(self, headers: Headers) -> T:
        return self.check(headers.get(self.name))
