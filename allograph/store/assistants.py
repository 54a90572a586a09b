"""Assistants and their versions. The row in `assistants` is the version in use; `assistant_versions` keeps all of them."""

from __future__ import annotations

import builtins
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID, uuid5

from psycopg import sql
from psycopg.types.json import Jsonb

from allograph.encoding import dumps
from allograph.store.database import EVERYTHING, Allowed, Connection, Database, Row, within

COLUMNS = (
    "assistant_id", "graph_id", "config", "context", "metadata", "name", "created_at", "updated_at", "version", "description",
)  # fmt: skip
"""What the API shows of an assistant, in the reference's order."""

SORTABLE = ("assistant_id", "created_at", "updated_at", "name", "graph_id")

NAMESPACE = UUID("6ba7b821-9dad-11d1-80b4-00c04fd430c8")
"""Default assistants have the id uuid5(NAMESPACE, graph_id); clients compute it themselves."""

_SHOWN: LiteralString = "assistant_id, graph_id, config, context, metadata, name, created_at, updated_at, version, description"

_INSERT: LiteralString = f"""
WITH made AS (
    INSERT INTO assistants (assistant_id, graph_id, config, context, metadata, name, description)
    VALUES (%(assistant_id)s, %(graph_id)s, %(config)s, %(context)s, %(metadata)s, %(name)s, %(description)s)
    ON CONFLICT (assistant_id) DO NOTHING RETURNING *
),
kept AS (
    INSERT INTO assistant_versions (assistant_id, version, graph_id, config, context, metadata, name, description, created_at)
    SELECT assistant_id, version, graph_id, config, context, metadata, name, description, created_at FROM made
)
SELECT {_SHOWN} FROM made
"""

# Those that are shared are for all to read and to run, whatever their metadata.
_READABLE: LiteralString = "(metadata @> ANY(%(allowed)s::jsonb[]) OR assistant_id = ANY(%(shared)s::uuid[]))"

_GET: LiteralString = f"SELECT {_SHOWN} FROM assistants WHERE assistant_id = %(assistant_id)s AND {_READABLE}"

_LOCK: LiteralString = f"""
SELECT {_SHOWN} FROM assistants WHERE assistant_id = %(assistant_id)s AND metadata @> ANY(%(allowed)s::jsonb[]) FOR UPDATE
"""

# The next version is one above the highest ever made, not above the one in use.
_UPDATE: LiteralString = """
WITH next AS (SELECT max(version) + 1 AS version FROM assistant_versions WHERE assistant_id = %(assistant_id)s),
kept AS (
    INSERT INTO assistant_versions (assistant_id, version, graph_id, config, context, metadata, name, description)
    SELECT %(assistant_id)s, next.version, %(graph_id)s, %(config)s, %(context)s, %(metadata)s, %(name)s, %(description)s FROM next
)
UPDATE assistants
SET graph_id = %(graph_id)s, config = %(config)s, context = %(context)s, metadata = %(metadata)s, name = %(name)s,
    description = %(description)s, version = next.version, updated_at = now()
FROM next WHERE assistant_id = %(assistant_id)s
RETURNING assistant_id, graph_id, config, context, metadata, name, created_at, updated_at, assistants.version, description
"""

_SET_VERSION: LiteralString = """
UPDATE assistants
SET graph_id = v.graph_id, config = v.config, context = v.context, metadata = v.metadata, name = v.name,
    description = v.description, version = v.version, updated_at = now()
FROM assistant_versions AS v
WHERE assistants.assistant_id = %(assistant_id)s AND assistants.metadata @> ANY(%(allowed)s::jsonb[])
    AND v.assistant_id = %(assistant_id)s AND v.version = %(version)s
RETURNING assistants.assistant_id, assistants.graph_id, assistants.config, assistants.context, assistants.metadata,
    assistants.name, assistants.created_at, assistants.updated_at, assistants.version, assistants.description
"""

_VERSIONS: LiteralString = """
SELECT assistant_id, graph_id, config, context, metadata, name, created_at, created_at AS updated_at, version, description
FROM assistant_versions
WHERE assistant_id = %(assistant_id)s AND metadata @> %(metadata)s
ORDER BY version DESC LIMIT %(limit)s OFFSET %(offset)s
"""

_MATCHING: LiteralString = f"""
FROM assistants
WHERE metadata @> %(metadata)s AND {_READABLE}
    AND (%(graph_id)s::text IS NULL OR graph_id = %(graph_id)s)
    AND (%(name)s::text IS NULL OR name ILIKE '%%' || %(name)s || '%%')
"""

_SEARCH: LiteralString = f"SELECT {_SHOWN} {_MATCHING} ORDER BY {{order}} LIMIT %(limit)s OFFSET %(offset)s"

_COUNT: LiteralString = f"SELECT count(*) AS count {_MATCHING}"

_DELETE: LiteralString = "DELETE FROM assistants WHERE assistant_id = %(assistant_id)s AND metadata @> ANY(%(allowed)s::jsonb[])"

# The default assistant of a graph: made at start-up, changed only when what the project configures for it has changed.
_SYNC_DEFAULT: LiteralString = """
WITH made AS (
    INSERT INTO assistants (assistant_id, graph_id, metadata, name, description, created_at, updated_at)
    VALUES (
        %(assistant_id)s, %(graph_id)s, '{"created_by": "system"}', %(name)s, %(description)s, clock_timestamp(),
        clock_timestamp()
    )
    ON CONFLICT (assistant_id) DO UPDATE
    SET description = EXCLUDED.description, name = EXCLUDED.name, version = (
            SELECT max(version) + 1 FROM assistant_versions WHERE assistant_id = EXCLUDED.assistant_id
        ), updated_at = now()
    WHERE (assistants.name, assistants.description) IS DISTINCT FROM (EXCLUDED.name, EXCLUDED.description)
        AND assistants.metadata @> '{"created_by": "system"}'
    RETURNING *
)
INSERT INTO assistant_versions (assistant_id, version, graph_id, config, context, metadata, name, description)
SELECT assistant_id, version, graph_id, config, context, metadata, name, description FROM made
"""


@dataclass(frozen=True, slots=True)
class AssistantFilter:
    """What a search or a count looks for; `metadata` as containment, `name` as a part of the name in either case."""

    metadata: Mapping[str, Any]
    graph_id: str | None = None
    name: str | None = None
    allowed: Allowed = EVERYTHING

    @property
    def parameters(self) -> dict[str, Any]:
        name = None if self.name is None else self.name.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
        return {
            "metadata": Jsonb(self.metadata), "graph_id": self.graph_id, "name": name, "allowed": within(self.allowed),
        }  # fmt: skip


# Each assistant as a tool. MCP allows letters, digits, `_`, `-` and `.` in a name, 128 at most. Of several assistants with the same
# name the oldest has it, the others get the end of their id behind it: a new assistant takes no name from an older one. The name
# with the id behind it always finds its assistant. The expression is that of the index assistants_tool_name.
_TOOL_NAME: LiteralString = "left(regexp_replace(name, '[^A-Za-z0-9_.-]', '_', 'g'), 115)"
_TOOL_ID: LiteralString = "right(replace(assistant_id::text, '-', ''), 12)"

_TOOLS: LiteralString = f"""
WITH tools AS (
    SELECT {_SHOWN}, {_TOOL_NAME} AS base, row_number() OVER (PARTITION BY {_TOOL_NAME} ORDER BY created_at, assistant_id) AS nth
    FROM assistants WHERE graph_id = ANY(%(graph_ids)s) AND {_READABLE}
)
SELECT *, CASE WHEN nth = 1 AND base <> '' THEN base ELSE base || '-' || {_TOOL_ID} END AS tool_name FROM tools
WHERE %(after)s::uuid IS NULL
    OR (created_at, assistant_id) > (SELECT created_at, assistant_id FROM assistants WHERE assistant_id = %(after)s::uuid)
ORDER BY created_at, assistant_id LIMIT %(limit)s
"""

_TOOL: LiteralString = f"""
SELECT {_SHOWN} FROM assistants
WHERE graph_id = ANY(%(graph_ids)s) AND {_READABLE}
    AND ({_TOOL_NAME} = %(name)s OR ({_TOOL_NAME} = %(base)s AND {_TOOL_ID} = %(id)s))
ORDER BY {_TOOL_NAME} = %(name)s DESC, created_at, assistant_id LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class DefaultAssistant:
    """The assistant that a graph has from the start."""

    graph_id: str
    name: str
    description: str | None


def default_assistant_id(graph_id: str) -> UUID:
    return uuid5(NAMESPACE, graph_id)


class Assistants:
    """The statements on assistants. Rows have the keys of `COLUMNS`.

    `allowed` is what the metadata of an assistant must contain: any other is as if it were not there, unless it is one of `shared`
    and is only read.
    """

    def __init__(self, database: Database, shared: Sequence[UUID] = ()) -> None:
        self.database = database
        self.shared = list(shared)

    async def sync_defaults(self, defaults: Sequence[DefaultAssistant]) -> None:
        """One default assistant per graph, made or brought up to date."""
        async with self.database.transaction() as connection:
            for default in sorted(defaults, key=lambda one: default_assistant_id(one.graph_id)):
                await connection.execute(_SYNC_DEFAULT, {
                    "assistant_id": default_assistant_id(default.graph_id), "graph_id": default.graph_id, "name": default.name,
                    "description": default.description,
                })  # fmt: skip

    async def create(self, fields: Mapping[str, Any]) -> Row | None:
        """Make an assistant of `assistant_id, graph_id, config, context, metadata, name, description`; None if the id is taken."""
        return await self.database.fetch_one(_INSERT, _parameters(fields))

    async def get(self, assistant_id: UUID, allowed: Allowed = EVERYTHING) -> Row | None:
        parameters = {"assistant_id": assistant_id, "allowed": within(allowed), "shared": self.shared}
        return await self.database.fetch_one(_GET, parameters)

    async def update(self, assistant_id: UUID, changes: Mapping[str, Any], allowed: Allowed = EVERYTHING) -> Row | None:
        """Make a new version with `changes` and use it; `metadata` is merged, everything else replaced. None if there is none."""
        async with self.database.transaction() as connection:
            row = await _one(connection, _LOCK, {"assistant_id": assistant_id, "allowed": within(allowed)})
            if row is None:
                return None
            metadata = {**row["metadata"], **changes.get("metadata", {})}
            return await _one(connection, _UPDATE, _parameters({**row, **changes, "metadata": metadata}))

    async def set_version(self, assistant_id: UUID, version: int, allowed: Allowed = EVERYTHING) -> Row | None:
        """Use an earlier version again; None if there is no such version."""
        parameters = {"assistant_id": assistant_id, "version": version, "allowed": within(allowed)}
        return await self.database.fetch_one(_SET_VERSION, parameters)

    async def versions(self, assistant_id: UUID, metadata: Mapping[str, Any], limit: int, offset: int) -> list[Row]:
        """Newest first."""
        parameters = {"assistant_id": assistant_id, "metadata": Jsonb(metadata), "limit": limit, "offset": offset}
        return await self.database.fetch_all(_VERSIONS, parameters)

    async def search(
        self, where: AssistantFilter, *, sort_by: str, descending: bool, limit: int, offset: int
    ) -> builtins.list[Row]:
        order = sql.SQL("{column} {direction}, assistant_id").format(
            column=sql.Identifier(sort_by), direction=sql.SQL("DESC" if descending else "ASC")
        )
        statement = sql.SQL(_SEARCH).format(order=order)
        parameters = {**where.parameters, "shared": self.shared, "limit": limit, "offset": offset}
        return await self.database.fetch_all(statement, parameters)

    async def count(self, where: AssistantFilter) -> int:
        row = await self.database.fetch_one(_COUNT, {**where.parameters, "shared": self.shared})
        return int(row["count"]) if row else 0

    async def tools(
        self, graph_ids: Sequence[str], *, after: UUID | None, limit: int, allowed: Allowed = EVERYTHING
    ) -> builtins.list[Row]:
        """Assistants of these graphs with the `tool_name` that MCP knows them by, oldest first, behind the one named `after`."""
        return await self.database.fetch_all(_TOOLS, {
            "graph_ids": list(graph_ids), "after": after, "limit": limit, "allowed": within(allowed), "shared": self.shared,
        })  # fmt: skip

    async def tool(self, graph_ids: Sequence[str], name: str, allowed: Allowed = EVERYTHING) -> Row | None:
        """The assistant of a tool name."""
        base, _, end_of_id = name.rpartition("-")
        parameters = {
            "graph_ids": list(graph_ids), "name": name, "base": base, "id": end_of_id, "allowed": within(allowed),
            "shared": self.shared,
        }  # fmt: skip
        return await self.database.fetch_one(_TOOL, parameters)

    async def delete(self, assistant_id: UUID, allowed: Allowed = EVERYTHING) -> bool:
        parameters = {"assistant_id": assistant_id, "allowed": within(allowed)}
        return await self.database.execute(_DELETE, parameters) > 0


async def _one(connection: Connection, statement: LiteralString, parameters: Any) -> Row | None:
    return await (await connection.execute(statement, parameters)).fetchone()


def _parameters(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **fields, "config": dumps(fields["config"]).decode(), "context": dumps(fields["context"]).decode(),
        "metadata": Jsonb(fields["metadata"]),
    }  # fmt: skip
