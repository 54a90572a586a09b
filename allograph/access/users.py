"""Who a request comes from, as authorisation handlers and graphs see it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Any

PUBLIC_FIELDS = ("identity", "display_name", "is_authenticated", "permissions")
"""What is shown of a user where others than its graphs can read it; everything else may be a secret."""


OF_THE_SERVER = "langgraph_auth_"
"""How the names in `configurable` begin under which a graph is told who asks. Nobody else can say it."""

Fields = dict[str, Any]


class User:
    """A user: what `@auth.authenticate` answered, as attributes and as items. Fits `langgraph_sdk.auth.types.BaseUser`."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = dict(fields)

    @classmethod
    def of(cls, answer: Any) -> User:
        """What the handler answered: a name, a mapping, or an object with an identity; of the older form the permissions before it.

        Raises `ValueError` for anything else.
        """
        if isinstance(answer, User):
            return answer
        fields: dict[str, Any] = {}
        if isinstance(answer, tuple) and len(answer) == 2:
            permissions, answer = answer
            return cls({**cls.of(answer).to_dict(), "permissions": list(permissions)})
        if isinstance(answer, str):
            fields = {"identity": answer}
        elif isinstance(answer, Mapping):
            fields = dict(answer)
        elif answer is not None:
            fields = _attributes(answer)
        identity = fields.get("identity")
        if not isinstance(identity, str) or not identity:
            raise ValueError(f"a user of type {type(answer).__name__} has no identity; expected a text that is not empty")
        return cls({"is_authenticated": True, "display_name": identity, "permissions": [], **fields})

    @property
    def identity(self) -> str:
        identity: str = self._fields["identity"]
        return identity

    @property
    def display_name(self) -> str:
        return str(self._fields.get("display_name") or self.identity)

    @property
    def is_authenticated(self) -> bool:
        return bool(self._fields.get("is_authenticated", True))

    @property
    def permissions(self) -> Sequence[str]:
        return list(self._fields.get("permissions") or ())

    def to_dict(self) -> Fields:
        return {**self._fields}

    dict = model_dump = to_dict  # as graphs ask for it elsewhere

    def shown(self) -> Fields:
        """Without anything that may be a secret."""
        return {name: self._fields[name] for name in PUBLIC_FIELDS if name in self._fields}

    def lasting(self) -> Fields:
        """What may be kept for later: a token is over by then, and is nothing to have lie about."""
        return {name: value for name, value in self._fields.items() if name != "token"}

    def get(self, key: str, default: Any = None) -> Any:
        return self._fields.get(key, default)

    def keys(self) -> Any:
        return self._fields.keys()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "_fields":  # copying and pickling ask before there are fields
            raise AttributeError(name)
        try:
            return self._fields[name]
        except KeyError:
            raise AttributeError(f"this user has no {name!r}") from None

    def __getitem__(self, key: str) -> Any:
        return self._fields[key]

    def __contains__(self, key: object) -> bool:
        return key in self._fields

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, User) and self._fields == other._fields

    def __hash__(self) -> int:
        return hash(self.identity)

    def __repr__(self) -> str:
        return f"User({self.identity!r})"


def _attributes(answer: Any) -> dict[str, Any]:
    """What an object of a project's own class says of itself."""
    if dataclasses.is_dataclass(answer) and not isinstance(answer, type):
        fields = {field.name: getattr(answer, field.name) for field in dataclasses.fields(answer)}
    elif callable(dump := getattr(answer, "model_dump", None)):
        fields = dict(dump())
    else:
        fields = {name: value for name, value in getattr(answer, "__dict__", {}).items() if not name.startswith("_")}
    for name in PUBLIC_FIELDS:
        if name not in fields and (value := getattr(answer, name, None)) is not None:
            fields[name] = list(value) if name == "permissions" else value
    return fields


current_user: ContextVar[User | None] = ContextVar("current_user", default=None)
"""Who the request that is being answered comes from; set by the middleware. None: nobody, or a public path."""
