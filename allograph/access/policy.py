"""The `Auth` that is in force: its handlers are asked, and what they answer is read."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal

from langgraph_sdk import Auth
from langgraph_sdk.auth.exceptions import HTTPException as AuthError
from langgraph_sdk.auth.types import AuthContext
from pydantic import ValidationError
from starlette.authentication import AuthenticationError
from starlette.exceptions import HTTPException

from allograph.access.users import User
from allograph.config import Config
from allograph.errors import ApiError, Forbidden, StartupError
from allograph.runner.modules import NoSuchFileError, import_place
from allograph.settings import AuthSettings
from allograph.store.database import EVERYTHING, Allowed
from allograph.tokens.ready_made import ready_made

log = logging.getLogger("allograph.access")

Resource = Literal["threads", "assistants", "crons", "store"]
Action = Literal["create", "read", "update", "delete", "search", "create_run", "put", "get", "list_namespaces"]

MOST_ALTERNATIVES = 100
"""Of a filter with `$or`."""

PARAMETERS = frozenset({"request", "body", "path", "method", "path_params", "query_params", "headers", "authorization"})
"""What a function under `@auth.authenticate` may ask for by the names of its parameters."""


class Refused(ApiError):
    """What a handler of the project raised: its own status, sentence and headers."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.headers = headers


class Policy:
    def __init__(self, auth: Auth, named: str) -> None:
        """`named` is where the object comes from, for messages. Raises `StartupError` for one that cannot be used."""
        authenticate: Callable[..., Any] | None = auth._authenticate_handler
        if authenticate is None:
            raise StartupError(f"{named} authenticates nobody; expected a function under @auth.authenticate.")
        self._authenticate = authenticate
        self.asks = _parameters(authenticate, named)
        """The parameters by which the function wants to be called."""
        self._handlers, self._global = auth._handlers, auth._global_handlers
        self._chosen: dict[tuple[str, str], Callable[..., Awaitable[Any]] | None] = {}

    async def authenticate(self, arguments: Mapping[str, Any]) -> User:
        """Raises `Refused`, as the project's function does, and `ApiError` when it fails."""
        try:
            answer = self._authenticate(**arguments)
            answer = await answer if inspect.isawaitable(answer) else answer
        except (AuthError, HTTPException) as refused:
            raise Refused(refused.status_code, str(refused.detail), refused.headers) from None
        except AuthenticationError as refused:
            raise Refused(403, str(refused)) from None
        except (ValueError, LookupError, AssertionError) as error:
            # What a function that takes a token apart runs into when it is none. The message may be about secrets.
            log.info("the authentication handler took a request for bad: %s: %s", type(error).__name__, error)
            raise Refused(401, "Unauthorized") from None
        except Exception:
            log.exception("the authentication handler failed")
            raise _broken("Authentication", "raised an error") from None
        if answer is None:
            raise Refused(401, "Unauthorized")
        try:
            return User.of(answer)
        except ValueError as error:
            log.error("the authentication handler failed: %s", error)
            raise _broken("Authentication", "answered no user") from None

    async def allow(self, resource: Resource, action: Action, value: dict[str, Any], user: User) -> Allowed:
        """What of the resource the user may touch. The handler may change `value`, its metadata above all.

        Raises `Forbidden`, or `Refused` as the handler does.
        """
        if (handler := self._handler(resource, action)) is None:
            return EVERYTHING
        context = AuthContext(permissions=user.permissions, user=user, resource=resource, action=action)
        try:
            answer = handler(ctx=context, value=value)
            answer = await answer if inspect.isawaitable(answer) else answer
        except (AuthError, HTTPException) as refused:
            raise Refused(refused.status_code, str(refused.detail), refused.headers) from None
        except AssertionError as refused:  # as the examples of the SDK refuse
            raise Forbidden(str(refused) or "Forbidden") from None
        except Exception:
            log.exception("the authorisation handler of %s.%s failed", resource, action)
            raise _broken("Authorisation", "raised an error") from None
        if answer is None or answer is True:
            return EVERYTHING
        if answer is False:
            raise Forbidden("Forbidden")
        try:
            return alternatives(answer)
        except ValueError as error:
            log.error("the authorisation handler of %s.%s answers what is no filter: %s", resource, action, error)
            raise _broken("Authorisation", "answered no filter") from None

    def _handler(self, resource: str, action: str) -> Callable[..., Awaitable[Any]] | None:
        """The most specific one; of several the last that was registered."""
        if (resource, action) not in self._chosen:
            asked = ((resource, action), (resource, "*"), ("*", action), ("*", "*"))
            found = next((self._handlers[key] for key in asked if self._handlers.get(key)), self._global)
            self._chosen[resource, action] = found[-1] if found else None
        return self._chosen[resource, action]


def _broken(what: str, how: str) -> Refused:
    return Refused(500, f"{what} failed: the handler of this server {how}. The log has the details.")


def alternatives(answer: Any) -> Allowed:
    """A filter of `langgraph_sdk` as what a row's metadata must contain, one or the other. Raises `ValueError` for what is none.

    `{"owner": "x"}` and `{"owner": {"$eq": "x"}}` ask for a value, `{"$contains": "x"}` for a list with it, `{"$contains":
    ["x", "y"]}` for a list with all of them. Several fields must all fit; `$or` and `$and` take lists of filters.
    """
    found = tuple(_alternatives(answer))
    return EVERYTHING if {} in found else found


def _alternatives(answer: Any) -> list[dict[str, Any]]:
    if not isinstance(answer, Mapping):
        raise ValueError(f"{type(answer).__name__}; expected None, True, False or a dict")
    found: list[dict[str, Any]] = [{}]
    for field, condition in answer.items():
        if field in ("$or", "$and"):
            if not isinstance(condition, list | tuple) or not condition:
                raise ValueError(f"{field} has {condition!r}; expected a list of filters")
            parts = [_alternatives(one) for one in condition]
            choices = [[one for part in parts for one in part]] if field == "$or" else parts
        else:
            choices = [[{field: _wanted(field, condition)}]]
        for choice in choices:
            found = [both for one in found for other in choice if (both := _both(one, other)) is not None]
            if len(found) > MOST_ALTERNATIVES:
                raise ValueError(f"more than {MOST_ALTERNATIVES} combinations of $or and $and")
    return found


def _wanted(field: str, condition: Any) -> Any:
    if not isinstance(condition, Mapping):
        return _scalar(field, condition)
    match dict(condition):
        case {"$eq": value, **others} if not others:
            return _scalar(field, value)
        case {"$contains": value, **others} if not others:
            return [_scalar(field, one) for one in (value if isinstance(value, list | tuple | set) else [value])]
    raise ValueError(f"{field!r} has the condition {sorted(map(str, condition))}; expected either $eq or $contains")


def _scalar(field: str, value: Any) -> str | int | float | bool | None:
    # Containment is equality of these alone: more than was asked for would contain a list or an object.
    if value is not None and not isinstance(value, str | int | float | bool):
        raise ValueError(f"{field!r} is compared with a {type(value).__name__}; expected a text, a number, a boolean or null")
    return value


def _both(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any] | None:
    """What contains both; None when nothing can."""
    joined = dict(one)
    for field, value in other.items():
        if field not in joined or joined[field] == value:
            joined[field] = value
        elif isinstance(value, list) and isinstance(joined[field], list):
            joined[field] = [*joined[field], *value]
        else:
            return None
    return joined


def stamped(metadata: Mapping[str, Any], allowed: Allowed) -> dict[str, Any]:
    """`metadata` as the handler left it, with the values that its filter asks for: what a user makes is what the user may touch,
    and nobody gives it away."""
    if len(allowed) != 1:
        return {**metadata}
    return {**metadata, **{field: value for field, value in allowed[0].items() if not isinstance(value, list)}}


def _parameters(function: Callable[..., Any], named: str) -> tuple[str, ...]:
    parameters = inspect.signature(function).parameters.values()
    asked = [each.name for each in parameters if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)]
    needed = {each.name for each in parameters if each.default is each.empty and each.name in asked}
    if unknown := sorted(needed - PARAMETERS):
        raise StartupError(
            f"{named}: the function under @auth.authenticate asks for {', '.join(unknown)}; "
            f"expected some of {', '.join(sorted(PARAMETERS))}."
        )
    return tuple(name for name in asked if name in PARAMETERS)


def _from_environment() -> AuthSettings:
    overrides: dict[str, Any] = {}
    try:
        return AuthSettings(**overrides)
    except ValidationError as error:
        # Without what was given, which may be a secret.
        problems = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise StartupError(f"The environment cannot be used: {problems}.") from None


def load_policy(config: Config) -> Policy | None:
    """The project's own `Auth`, else the ready-made one that the environment asks for, else None. The project is importable by now.

    Raises `StartupError` when it cannot be imported, is none, or its settings cannot work.
    """
    path = config.auth.path if config.auth else None
    if path is None:
        auth = ready_made(_from_environment())
        return Policy(auth, "ALLOGRAPH_AUTH") if auth else None
    named = f"{config.path}: `auth.path` ({path})"
    place, _, name = path.rpartition(":")
    try:
        auth = getattr(import_place(place, config.directory), name)
    except NoSuchFileError as error:
        raise StartupError(f"{named}: {error}.") from None
    except (Exception, SystemExit) as error:
        raise StartupError(f"{named} cannot be used: {type(error).__name__}: {str(error).rstrip('.')}.") from error
    if not isinstance(auth, Auth):
        raise StartupError(f"{named} is of type {type(auth).__name__}; expected an Auth of langgraph_sdk.")
    return Policy(auth, named)
