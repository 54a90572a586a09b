"""The application that a project adds with `http.app`: its routes, its middleware, its lifespan.

Its routes come first, ours where it has none; its middleware sees both. `/ok` is always ours.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Match, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from allograph.config import Config
from allograph.errors import StartupError
from allograph.http_options import ALWAYS
from allograph.runner.modules import NoSuchFileError, import_place


def load_custom_app(config: Config) -> CustomApp | None:
    """The project's application, or None without `http.app`. The project is importable by now.

    Raises `StartupError` when it cannot be imported or is none.
    """
    path = config.http.app if config.http else None
    if path is None:
        return None
    named = f"{config.path}: `http.app` ({path})"
    place, _, name = path.rpartition(":")
    try:
        app = getattr(import_place(place, config.directory), name)
    except NoSuchFileError as error:
        raise StartupError(f"{named}: {error}.") from None
    except (Exception, SystemExit) as error:
        raise StartupError(f"{named} cannot be used: {type(error).__name__}: {str(error).rstrip('.')}.") from error
    if not isinstance(app, Starlette):
        raise StartupError(f"{named} is of type {type(app).__name__}; expected a FastAPI or Starlette application.")
    return CustomApp(app)


class CustomApp:
    def __init__(self, app: Starlette) -> None:
        self.app = app
        self._own = [route for route in app.router.routes if not _documents(app, route)]

    @contextlib.asynccontextmanager
    async def lifespan(self) -> AsyncIterator[dict[str, Any]]:
        """The application's own; gives the state that its requests see."""
        async with self.app.router.lifespan_context(self.app) as state:
            yield dict(state or {})

    def around(self, ours: ASGIApp, guarded: Middleware | None, *, auth_first: bool, guards_routes: bool) -> ASGIApp:
        """The project's application with ours behind its routes.

        `guarded` authenticates: always what is ours, and the project's routes too if `guards_routes`; before the project's
        middleware if `auth_first`, else behind it.
        """
        self.app.router.routes[:] = [*self._own, Mount("", app=ours)]
        requests: ASGIApp = self.app
        if guarded and auth_first:
            authenticated = guarded.cls(self.app, *guarded.args, **guarded.kwargs)

            async def first(scope: Scope, receive: Receive, send: Send) -> None:
                open_route = not guards_routes and self._has(scope)
                await (self.app if open_route else authenticated)(scope, receive, send)

            requests = first
        elif guarded and guards_routes:
            self.app.user_middleware.append(guarded)  # the innermost

        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            chosen = ours if scope["path"] == ALWAYS else requests
            await chosen(scope, receive, send)

        return serve

    def _has(self, scope: Scope) -> bool:
        return any(route.matches(scope)[0] is not Match.NONE for route in self._own)

    def contract(self) -> dict[str, Any]:
        """What FastAPI says of the project's routes, as an OpenAPI document; `{}` of Starlette's, which have no schema."""
        if not isinstance(self.app, FastAPI) or self.app.openapi_url is None:
            return {}
        served = self.app.router.routes[:]
        self.app.router.routes[:] = self._own
        try:
            return self.app.openapi()
        finally:
            self.app.router.routes[:] = served


def _documents(app: Starlette, route: BaseRoute) -> bool:
    """FastAPI's own pages about an application: those of the whole server stand there."""
    if not isinstance(app, FastAPI) or not isinstance(route, Route):
        return False
    return route.path in (app.openapi_url, app.docs_url, app.redoc_url, app.swagger_ui_oauth2_redirect_url)
