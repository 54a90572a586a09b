"""Operations as routes: what the generated `routes.py` stands on.

One route per path: a path that lacks a method answers 405 with all the methods it has.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from starlette.datastructures import URLPath
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, NoMatchFound, Route
from starlette.types import Receive, Scope, Send

from allograph.errors import Invalid, NotImplementedYet, StartupError

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class Operation:
    """One operation of the contract and the handler method that answers it."""

    operation_id: str
    method: str
    path: str
    tag: str
    interface: type
    """The generated `Protocol` of the tag."""
    field: str
    """The field of the generated `Handlers` that holds the tag's handler."""
    name: str
    """The method of `interface`."""
    summary: str
    statuses: tuple[int, ...]
    """The statuses that the contract declares."""
    endpoint: Callable[[Any, Request], Awaitable[Response]]
    """Parses and checks a request and calls the method of the handler given first."""

    @property
    def qualified_name(self) -> str:
        return f"{self.interface.__name__}.{self.name}"


class PathRoute(Route):
    """All operations of one path. `scope["operation"]` is the one that answers, for middleware to read."""

    def __init__(self, path: str, operations: Mapping[str, tuple[Operation, Endpoint]]) -> None:
        self.operations = {method: operation for method, (operation, _) in operations.items()}
        self._endpoints = operations
        super().__init__(path, self._answer, methods=list(operations), name=path, include_in_schema=False)

    async def _answer(self, request: Request) -> Response:
        method = request.method
        operation, endpoint = self._endpoints["GET" if method == "HEAD" else method]
        request.scope["operation"] = operation
        return await endpoint(request)


class Operations(BaseRoute):
    """All paths of the contract as one route, which finds the path by an index.

    Starlette tries routes one after the other: 50 of them cost more than everything else that a request passes.
    """

    def __init__(self, routes: Sequence[PathRoute]) -> None:
        self.routes = list(routes)
        self._literal = {route.path: route for route in routes if "{" not in route.path}
        self._templated: dict[int, list[PathRoute]] = {}
        for route in routes:
            if "{" in route.path:
                self._templated.setdefault(route.path.count("/"), []).append(route)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http":
            return Match.NONE, {}
        path, root = scope["path"], scope.get("root_path", "")
        path = path[len(root) :] if root and path.startswith(f"{root}/") else path
        literal = self._literal.get(path)
        if literal is None and (literal := self._literal.get(f"{path}/")):
            # `/mcp/` in the contract, `/mcp` in the settings of its clients.
            scope = {**scope, "path": f"{scope['path']}/"}
        # A parameter never spans a slash, so only templates with as many of them can match.
        routes = (literal,) if literal else self._templated.get(path.count("/"), ())
        # The first that matches, literal steps before parameters: `/runs/wait` is not the run named "wait", whatever the method.
        for route in routes:
            match, found = route.matches(scope)
            if match is not Match.NONE:
                return match, {**found, "path_route": route}
        return Match.NONE, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await scope["path_route"].handle(scope, receive, send)

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
        raise NoMatchFound(name, path_params)


def has_method(handler: type | None, operation: Operation) -> bool:
    """Whether a handler class defines the method of an operation itself; the inherited one answers nothing."""
    method = getattr(handler, operation.name, None)
    return method is not None and method is not getattr(operation.interface, operation.name)


def check(operations: Sequence[Operation], handlers: object) -> list[Operation]:
    """The operations without a handler.

    Raises `StartupError`, naming class and method, for one that cannot be called as the interface says.
    """
    missing = []
    for operation in operations:
        handler = type(getattr(handlers, operation.field))
        if has_method(handler, operation):
            _check_signature(operation, handler)
        else:
            missing.append(operation)
    return missing


def _check_signature(operation: Operation, handler: type) -> None:
    declared = inspect.signature(getattr(operation.interface, operation.name))
    method = inspect.getattr_static(handler, operation.name)
    if not inspect.iscoroutinefunction(inspect.unwrap(method)):
        raise StartupError(
            f"{handler.__name__}.{operation.name} must be `async def {operation.name}{declared}`, not a plain function"
        )
    actual = inspect.signature(method)
    if not _fits(list(declared.parameters.values()), list(actual.parameters.values())):
        raise StartupError(
            f"{handler.__name__}.{operation.name} has the signature {actual}, "
            f"but the operation {operation.method} {operation.path} calls it as {declared}"
        )


def _fits(declared: list[inspect.Parameter], actual: list[inspect.Parameter]) -> bool:
    """Whether every call that `declared` allows is one that `actual` allows."""
    kinds = inspect.Parameter
    by_name = {p.name: p for p in actual}
    if any(p.kind in (kinds.VAR_POSITIONAL, kinds.VAR_KEYWORD) for p in actual):
        return True
    positional = [p.name for p in declared if p.kind is kinds.POSITIONAL_OR_KEYWORD]
    if positional != [p.name for p in actual if p.kind is not kinds.KEYWORD_ONLY][: len(positional)]:
        return False
    if any(p.name not in by_name for p in declared):
        return False
    names = {p.name for p in declared}
    return all(p.default is not kinds.empty for p in actual if p.name not in names)


def routes(operations: Sequence[Operation], handlers: object) -> Operations:
    """The routes of all operations. One without a handler answers 501 with a sentence."""
    missing = set(check(operations, handlers))
    paths: dict[str, dict[str, tuple[Operation, Endpoint]]] = {}
    for operation in operations:
        handler = getattr(handlers, operation.field)
        endpoint: Endpoint
        if operation in missing:
            endpoint = partial(_not_implemented, operation)
        elif hasattr(handler, "refused"):
            endpoint = partial(_refusing, operation, handler)
        else:
            endpoint = partial(operation.endpoint, handler)
        paths.setdefault(operation.path, {})[operation.method] = (operation, endpoint)
    return Operations([PathRoute(path, methods) for path, methods in paths.items()])


async def _refusing(operation: Operation, handler: Any, request: Request) -> Response:
    """Of a handler that says itself how a request is refused that does not fit."""
    try:
        return await operation.endpoint(handler, request)
    except Invalid as error:
        reply: Response = await handler.refused(operation, request, error)
        return reply


async def _not_implemented(operation: Operation, request: Request) -> Response:
    raise NotImplementedYet(
        f"{operation.method} {operation.path} is not implemented yet: no handler defines {operation.qualified_name}"
    )
