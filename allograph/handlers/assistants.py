"""The operations tagged Assistants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final
from uuid import UUID

from pydantic import MISSING
from starlette.requests import Request
from uuid_utils.compat import uuid4

from allograph.access.guard import Access
from allograph.access.policy import stamped
from allograph.encoding import dumps
from allograph.errors import Conflict, Invalid, NotFound
from allograph.generated import interface, models
from allograph.handlers.fields import encoded, given, minimal, page, plain, refuse_both, shown
from allograph.replies import Json, NoContent
from allograph.runner.graphs import Graphs
from allograph.runner.introspect import Introspection
from allograph.runner.requests import merged_config
from allograph.runner.states import factory_errors
from allograph.store.assistants import COLUMNS, AssistantFilter, default_assistant_id
from allograph.store.assistants import Assistants as Store
from allograph.store.database import EVERYTHING, Row
from allograph.store.threads import Threads

_VERSION_COLUMNS = tuple(column for column in COLUMNS if column != "updated_at")


@final
class Assistants(interface.Assistants):
    def __init__(
        self, access: Access, assistants: Store, threads: Threads, graphs: Graphs, introspection: Introspection
    ) -> None:
        self.access = access
        self.assistants = assistants
        self.threads = threads
        self.graphs = graphs
        self.introspection = introspection

    async def create_assistant(self, request: Request, body: models.AssistantCreate) -> Json[models.Assistant]:
        self._check_graph(body.graph_id)
        assistant_id = given(body.assistant_id, None) or uuid4()
        config, context = _configuration(plain(body.config, {}), given(body.context, None))
        fields: dict[str, Any] = {
            "assistant_id": assistant_id, "graph_id": body.graph_id, "config": config, "context": context,
            "metadata": {**given(body.metadata, {})}, "name": given(body.name, "Untitled"),
            "description": given(body.description, None),
        }  # fmt: skip
        value = {**fields, "if_exists": given(body.if_exists, "raise")}
        allowed = await self.access.allow("assistants", "create", value)
        row = await self.assistants.create({**fields, "metadata": stamped(value["metadata"], allowed)})
        if row is None:
            if body.if_exists != "do_nothing":
                raise Conflict(f"Assistant {assistant_id} already exists")
            if (row := await self.assistants.get(assistant_id, allowed)) is None:
                if await self.assistants.get(assistant_id) is not None:  # somebody else's
                    raise Conflict(f"Assistant {assistant_id} already exists")
                return await self.create_assistant(request, body)  # it was deleted in between
        return Json(dumps(shown(row, COLUMNS)))

    async def search_assistants(
        self, request: Request, body: models.AssistantSearchRequest
    ) -> Json[list[models.Assistant | models.SelectedAssistant]]:
        where = await self._filter(body, body.limit, body.offset)
        rows = await self.assistants.search(
            where, sort_by=given(body.sort_by, "created_at"), descending=given(body.sort_order, "desc") == "desc",
            limit=body.limit, offset=body.offset,
        )  # fmt: skip
        total = await self.assistants.count(where) if len(rows) == body.limit or body.offset else len(rows)
        columns = given(body.select, None) or COLUMNS
        return Json(encoded(rows, columns), headers=page(rows, total=total, limit=body.limit, offset=body.offset))

    async def count_assistants(self, request: Request, body: models.AssistantCountRequest) -> Json[int]:
        return Json(dumps(await self.assistants.count(await self._filter(body, 0, 0))))

    async def _filter(
        self, body: models.AssistantSearchRequest | models.AssistantCountRequest, limit: int, offset: int
    ) -> AssistantFilter:
        metadata: dict[str, Any] = given(body.metadata, {})
        graph_id = given(body.graph_id, None)
        value: dict[str, Any] = {"graph_id": graph_id, "metadata": {**metadata}, "limit": limit, "offset": offset}
        allowed = await self.access.allow("assistants", "search", value)
        return AssistantFilter(value["metadata"], graph_id, given(body.name, None), allowed)

    async def get_assistant(self, request: Request, assistant_id: UUID) -> Json[models.Assistant]:
        return Json(dumps(shown(await self._get(assistant_id), COLUMNS)))

    async def delete_assistant(self, request: Request, assistant_id: UUID, *, delete_threads: bool = False) -> NoContent:
        allowed = await self.access.allow("assistants", "delete", {"assistant_id": assistant_id})
        threads = await self.access.allow("threads", "delete", {"thread_id": None}) if delete_threads else EVERYTHING
        if not await self.assistants.delete(assistant_id, allowed):
            raise _not_found(assistant_id)
        if delete_threads:
            await self.threads.delete_of_assistant(assistant_id, threads)
        return NoContent()

    async def patch_assistant(
        self, request: Request, assistant_id: UUID, body: models.AssistantPatch
    ) -> Json[models.Assistant]:
        changes: dict[str, Any] = {
            field: value
            for field in ("graph_id", "metadata", "name", "description")
            if (value := getattr(body, field)) is not MISSING
        }
        if "graph_id" in changes:
            self._check_graph(changes["graph_id"])
        if body.config is not MISSING or body.context is not MISSING:
            changes["config"], changes["context"] = _configuration(plain(body.config, {}), given(body.context, None))
        value = {
            "assistant_id": assistant_id, "graph_id": None, "config": {}, "context": None, "name": None, **changes,
            "metadata": {**changes.get("metadata", {})},
        }  # fmt: skip
        allowed = await self.access.allow("assistants", "update", value)
        row = await self.assistants.update(assistant_id, {**changes, "metadata": stamped(value["metadata"], allowed)}, allowed)
        if row is None:
            raise _not_found(assistant_id)
        return NoContent() if minimal(request) else Json(dumps(shown(row, COLUMNS)))  # type: ignore[return-value]

    async def list_assistant_versions(
        self, request: Request, assistant_id: UUID, body: models.AssistantVersionsSearchRequest | None
    ) -> Json[list[models.Assistant]]:
        wanted = body or models.AssistantVersionsSearchRequest()
        await self._get(assistant_id)
        rows = await self.assistants.versions(assistant_id, given(wanted.metadata, {}), wanted.limit, wanted.offset)
        return Json(encoded(rows, COLUMNS))

    async def set_latest_assistant_version(
        self, request: Request, assistant_id: UUID, body: models.AssistantVersionChange | None, *, version: int | None = None
    ) -> Json[models.Assistant]:
        wanted = given(body.version, None) if body else None
        if wanted is not None and version is not None and wanted != version:
            raise Invalid(f"version is {version} in the query and {wanted} in the body; say one of them")
        chosen = wanted if wanted is not None else version
        if chosen is None:
            raise Invalid("version is missing: give the number of a version of this assistant, in the body or in the query")
        allowed = await self.access.allow("assistants", "update", {"assistant_id": assistant_id, "version": chosen})
        if await self.assistants.get(assistant_id, allowed) is None:
            raise _not_found(assistant_id)
        row = await self.assistants.set_version(assistant_id, chosen, allowed) if chosen < 2**31 else None
        if row is None:
            raise NotFound(f"Version {chosen} not found for assistant {assistant_id}")
        return Json(dumps(shown(row, COLUMNS)))

    async def get_assistant_graph(
        self, request: Request, assistant_id: str, *, xray: int | bool = False
    ) -> Json[dict[str, list[dict[str, Any]]]]:
        if request.query_params.get("xray") == "0":  # elsewhere another spelling of false
            raise Invalid("xray is 0; expected true, false, or a depth of 1 or more")
        row = await self._served(self._assistant_id(assistant_id))
        with factory_errors(row["graph_id"]):
            return Json(dumps(await self.introspection.draw(row["graph_id"], xray, config=row["config"].parsed())))

    async def get_assistant_subgraphs(
        self, request: Request, assistant_id: UUID, *, recurse: bool = False
    ) -> Json[models.Subgraphs]:
        row = await self._served(assistant_id)
        return await self._subgraphs(row, None, recurse)

    async def get_assistant_subgraphs_by_namespace(
        self, request: Request, assistant_id: UUID, namespace: str, *, recurse: bool = False
    ) -> Json[models.Subgraphs]:
        row = await self._served(assistant_id)
        return await self._subgraphs(row, namespace, recurse)

    async def get_assistant_schemas(self, request: Request, assistant_id: UUID) -> Json[models.GraphSchema]:
        row = await self._served(assistant_id)
        with factory_errors(row["graph_id"]):
            schemas = await self.introspection.schemas(row["graph_id"], config=row["config"].parsed())
        return Json(dumps({"graph_id": row["graph_id"], **schemas}))

    def _assistant_id(self, given_id: str) -> UUID:
        if given_id in self.graphs:
            return default_assistant_id(given_id)
        try:
            return UUID(given_id)
        except ValueError:
            raise Invalid(
                f"assistant_id is '{given_id[:200]}': it is neither a UUID nor one of the graphs {', '.join(self.graphs.ids)}"
            ) from None

    async def _get(self, assistant_id: UUID) -> Row:
        allowed = await self.access.allow("assistants", "read", {"assistant_id": assistant_id})
        row = await self.assistants.get(assistant_id, allowed)
        if row is None:
            raise _not_found(assistant_id)
        return row

    async def _subgraphs(self, row: Row, namespace: str | None, recurse: bool) -> Json[models.Subgraphs]:
        with factory_errors(row["graph_id"]):
            found = await self.introspection.subgraphs(row["graph_id"], namespace, recurse, config=row["config"].parsed())
        return Json(dumps(found))

    async def _served(self, assistant_id: UUID) -> Row:
        """The assistant, whose graph is served here."""
        row = await self._get(assistant_id)
        self._check_graph(row["graph_id"])
        return row

    def _check_graph(self, graph_id: str) -> None:
        if graph_id not in self.graphs:
            raise NotFound(f"Graph '{graph_id[:200]}' not found. Expected one of: {sorted(self.graphs.ids)}")


def _configuration(config: Mapping[str, Any], context: Mapping[str, Any] | None) -> tuple[dict[str, Any], dict[str, Any]]:
    refuse_both(config, context)
    return merged_config(config, context or None)


def _not_found(assistant_id: UUID) -> NotFound:
    return NotFound(f"Assistant with ID {assistant_id} not found")
