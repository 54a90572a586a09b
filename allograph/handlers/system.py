"""The operations tagged System, and the probes beyond the contract that orchestrators ask."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Literal, final

import psycopg
from psycopg_pool import PoolTimeout
from starlette.requests import Request

from allograph.encoding import dumps
from allograph.errors import Unavailable
from allograph.generated import interface, models
from allograph.handlers.pages import HEADERS, docs_page
from allograph.metrics import Metrics
from allograph.replies import Json, Text
from allograph.store.database import Database

DATABASE_PATIENCE = 5.0
"""Seconds that a health check waits for the database."""


@final
class System(interface.System):
    def __init__(self, database: Database, metrics: Metrics, info: Mapping[str, Any]) -> None:
        self.database = database
        self.metrics = metrics
        self.info = dumps(info)

    async def check_health(self, request: Request, *, check_db: Any = 0) -> Json[models.Health]:
        if check_db:
            await self._ask_database()
        return Json(b'{"ok":true,"services":{}}')

    async def get_info(self, request: Request) -> Json[models.ServerInfo]:
        return Json(self.info)

    async def get_docs(self, request: Request) -> Text:
        return Text(docs_page(request.scope.get("root_path", "")), "text/html", headers=HEADERS)

    async def get_metrics(
        self, request: Request, *, format: Literal["prometheus", "json"] = "prometheus"
    ) -> Text | Json[dict[str, Any]]:
        if format == "json":
            return Json(dumps(await self.metrics.json()))
        return Text(await self.metrics.text(), "text/plain; version=0.0.4")

    async def live(self, request: Request) -> Json[models.Health]:
        """The process answers."""
        return Json(b'{"ok":true,"services":{}}')

    async def ready(self, request: Request) -> Json[models.Health]:
        """The process answers and so does its database."""
        await self._ask_database()
        return Json(b'{"ok":true,"services":{}}')

    async def _ask_database(self) -> None:
        try:
            async with asyncio.timeout(DATABASE_PATIENCE):
                await self.database.fetch_one("SELECT 1 AS ok")
        except (psycopg.Error, PoolTimeout, TimeoutError) as error:
            reason = str(error).strip() or f"no answer within {DATABASE_PATIENCE:g} seconds"
            raise Unavailable(f"The database does not answer: {reason}") from error
