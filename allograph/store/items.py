"""Items: the long-term memory that graphs are given as their `store`, and that `/store` shows.

It is LangGraph's `AsyncPostgresStore`, its tables and its statements, with these differences:

- Each call takes a connection of its own. LangGraph's gathers the calls of all runs in one task that works on one batch at a
  time: one slow embedding would hold up, and one bad call would fail, what other runs asked for.
- Embeddings are made before a connection is taken, and an item's former vectors go when it is put again. Fields of one name
  have one vector.
- Filters mean what `InMemoryStore` makes of them: numbers are compared as numbers, and nested objects match.
- What has expired is not shown, though the sweep may not have been there yet.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, LiteralString

import orjson
import psycopg
from langchain_core.embeddings import Embeddings
from langgraph.store.base import BaseStore, GetOp, ListNamespacesOp, MatchCondition, Op, PutOp, Result, SearchItem, SearchOp
from langgraph.store.postgres.aio import AsyncPostgresStore
from langgraph.store.postgres.base import (
    PostgresIndexConfig,
    _decode_ns_bytes,
    _group_ops,
    _namespace_match_pattern,
    _namespace_prefix_condition,
    _namespace_to_text,
    _row_to_item,
    _row_to_search_item,
)
from psycopg_pool import PoolTimeout

from allograph.errors import StartupError
from allograph.store.database import MIGRATION_LOCK, Connection, Database, again

log = logging.getLogger("allograph.items")

SWEEP_MINUTES = 5.0
"""How often expired items are deleted when langgraph.json does not say."""

OPERATORS = {"$eq": "=", "$ne": "<>", "$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<="}
"""The operators of a filter, as SQL spells them."""

_EXPIRED: LiteralString = """
DELETE FROM store WHERE (prefix, key) IN (
    SELECT prefix, key FROM store WHERE expires_at < now() LIMIT %s FOR UPDATE SKIP LOCKED
)
"""

# As LangGraph makes it, without its index for nearest neighbours, which filters and prefixes rule out and which has no place for
# more than 2,000 dimensions.
_VECTORS: LiteralString = """
CREATE TABLE IF NOT EXISTS store_vectors (
    prefix     text NOT NULL,
    key        text NOT NULL,
    field_name text NOT NULL,
    embedding  vector,
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now(),
    PRIMARY KEY (prefix, key, field_name),
    FOREIGN KEY (prefix, key) REFERENCES store (prefix, key) ON DELETE CASCADE
)
"""

_DIMENSIONS: LiteralString = "SELECT vector_dims(embedding) AS dims FROM store_vectors LIMIT 1"

_FORGET_VECTORS: LiteralString = """
DELETE FROM store_vectors USING unnest(%s::text[], %s::text[]) AS put (prefix, key)
WHERE store_vectors.prefix = put.prefix AND store_vectors.key = put.key
"""

_PUT_VECTORS: LiteralString = "INSERT INTO store_vectors (prefix, key, field_name, embedding) VALUES "

# Exact: the distance of every vector below the prefix. `near` has an item once, however many of its fields are indexed.
_NEAREST = """
SELECT store.prefix, store.key, store.value, store.created_at, store.updated_at, 1 - near.distance AS score
FROM store JOIN (
    SELECT prefix, key, min(embedding <=> %s::vector) AS distance FROM store_vectors AS store WHERE {below} GROUP BY prefix, key
) AS near ON near.prefix = store.prefix AND near.key = store.key
WHERE {matching} AND (store.expires_at IS NULL OR store.expires_at > now())
ORDER BY near.distance, store.prefix, store.key LIMIT %s OFFSET %s
"""

_NEWEST = """
SELECT store.prefix, store.key, store.value, store.created_at, store.updated_at, NULL::float8 AS score
FROM store WHERE {matching} AND (store.expires_at IS NULL OR store.expires_at > now())
ORDER BY store.updated_at DESC, store.prefix, store.key LIMIT %s OFFSET %s
"""

_REFRESHED = """
WITH found AS ({search}),
refreshed AS (
    UPDATE store SET expires_at = now() + make_interval(secs => 60 * ttl_minutes)
    FROM found WHERE store.prefix = found.prefix AND store.key = found.key AND ttl_minutes IS NOT NULL
)
SELECT * FROM found
"""

# Sorted label by label, by code point: the same on every server, whatever its locale.
_NAMESPACES = """
SELECT labels FROM (
    SELECT DISTINCT (string_to_array(prefix, '.'))[1:coalesce(%s::integer, 2147483647)] AS labels FROM store
    WHERE {matching} AND (expires_at IS NULL OR expires_at > now())
) AS namespaces
ORDER BY labels COLLATE "C" LIMIT %s OFFSET %s
"""


class FilterError(ValueError):
    """A filter that says nothing; the message names the field and what was expected."""


class EmbeddingError(Exception):
    """The embeddings that langgraph.json names failed, or answered something else than vectors of `dims` numbers."""


async def make_vectors(conninfo: str, dims: int) -> None:
    """Make room in a migrated database for vectors of `dims` numbers, before `Items` with embeddings are used.

    Raises `StartupError` when there is no pgvector, or when vectors of another size are stored.
    """
    try:
        async with await psycopg.AsyncConnection.connect(conninfo) as connection:
            # Two processes that create the extension at once disturb each other.
            await connection.execute("SELECT pg_advisory_xact_lock(%s)", [MIGRATION_LOCK])
            await connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
            await connection.execute(_VECTORS)
            stored = await (await connection.execute(_DIMENSIONS)).fetchone()
    except psycopg.Error as error:
        raise StartupError(
            f"store.index in langgraph.json needs pgvector, and Postgres says: {str(error).strip().splitlines()[0]}. "
            "Install the extension there, allow this user to create it, or remove store.index."
        ) from error
    if stored and stored[0] != dims:
        raise StartupError(
            f"store.index.dims is {dims} in langgraph.json, and the database holds vectors of {stored[0]} numbers, "
            "which another model made. Set dims back, or DROP TABLE store_vectors and put the items again."
        )


class Items(AsyncPostgresStore):
    """The store of one process. Make it within the event loop that uses it.

    `embeddings` make it searchable by meaning: of each item what is at `fields` (paths such as `text` or `facts[*].text`; the
    whole item without any), as vectors of `dims` numbers (see `make_vectors`). Times are minutes.
    """

    def __init__(
        self, database: Database, *, embeddings: Embeddings | None = None, dims: int = 0, fields: Sequence[str] | None = None,
        default_ttl: float | None = None, refresh_on_read: bool = True, sweep_interval: float | None = None,
    ) -> None:  # fmt: skip
        index: PostgresIndexConfig | None = None
        if embeddings is not None:
            index = {"dims": dims, "embed": embeddings, "fields": list(fields) if fields else None}
        super().__init__(
            database.pool, index=index,
            ttl={"default_ttl": default_ttl, "refresh_on_read": refresh_on_read, "omit_expired": True},
        )  # fmt: skip
        self.database = database
        self.dims = dims
        self.sweep_seconds = 60 * (sweep_interval or SWEEP_MINUTES)
        self._sweeping: asyncio.Task[None] | None = None

    # -- life -----------------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Delete from now on what has expired; any number of processes may."""
        self._sweeping = asyncio.create_task(self._sweep_forever(), name="sweep-items")

    async def stop(self) -> None:
        if self._sweeping:
            self._sweeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeping

    async def _sweep_forever(self) -> None:
        while True:
            try:
                while await self.sweep_ttl():
                    pass
            except (psycopg.Error, PoolTimeout) as error:
                log.warning("looking for expired items again after: %s", str(error).strip())
            await asyncio.sleep(self.sweep_seconds)

    async def sweep_ttl(self) -> int:
        """Delete some of the items that have expired; answer how many."""
        return await self.database.execute(_EXPIRED, [1000])

    def _ensure_task(self) -> None:
        """Not LangGraph's task: there is nothing to gather."""

    aget = BaseStore.aget
    asearch = BaseStore.asearch
    aput = BaseStore.aput
    adelete = BaseStore.adelete
    alist_namespaces = BaseStore.alist_namespaces

    # -- operations -----------------------------------------------------------------------------------------------------------

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        grouped, total = _group_ops(ops)
        puts, searches = grouped.get(PutOp, []), grouped.get(SearchOp, [])
        statements, vectors = await self._put_statements(puts)  # type: ignore[arg-type]
        looked_for = await self._search_statements(searches)  # type: ignore[arg-type]

        async def execute() -> list[Result]:
            results: list[Result] = [None] * total
            async with self.database.pool.connection() as connection:
                for query, keys, namespace, wanted in self._get_batch_GET_ops_queries(grouped.get(GetOp, [])):  # type: ignore[arg-type]
                    found = {row["key"]: row for row in await _rows(connection, query, keys)}
                    for index, key in wanted:
                        results[index] = _row_to_item(namespace, found[key]) if key in found else None  # type: ignore[arg-type]
                for (index, _), (query, parameters) in zip(searches, looked_for, strict=True):
                    results[index] = [_found(row) for row in await _rows(connection, query, parameters)]
                for index, op in grouped.get(ListNamespacesOp, []):
                    namespaces = await _rows(connection, *_namespaces_statement(op))  # type: ignore[arg-type]
                    results[index] = [tuple(row["labels"]) for row in namespaces]
                if statements:
                    async with connection.transaction():
                        for query, parameters in [*statements, *vectors]:
                            await connection.execute(query, parameters)
            return results

        return await again(execute)

    async def _put_statements(self, puts: Sequence[tuple[int, PutOp]]) -> tuple[list[Any], list[Any]]:
        """The statements that put and delete items, and those for their vectors."""
        if not puts:
            return [], []
        # In one order everywhere, so that two batches do not wait for each other.
        puts = sorted(puts, key=lambda put: (put[1].namespace, put[1].key))
        statements, request = self._prepare_batch_PUT_queries(puts)
        vectors: list[Any] = []
        if self.index_config:
            kept = [put for _, put in puts if put.value is not None]
            vectors.append((_FORGET_VECTORS, [[_namespace_to_text(put.namespace) for put in kept], [put.key for put in kept]]))
        if request:
            # The original's statement fails when fields have one name: `a` twice, or `a[*].0` beside the first of several `a[*]`.
            texts = {(prefix, key, field): text for prefix, key, field, text in request[1]}
            embedded = await self._embed(list(texts.values()))
            rows = [value for place, vector in zip(texts, embedded, strict=True) for value in (*place, vector)]
            vectors.append((_PUT_VECTORS + ", ".join(["(%s, %s, %s, %s)"] * len(texts)), rows))
        return statements, vectors

    async def _search_statements(self, searches: Sequence[tuple[int, SearchOp]]) -> list[tuple[str, list[Any]]]:
        asked = [op.query for _, op in searches if op.query and self.index_config]
        embedded = iter(await self._embed(asked) if asked else [])
        return [_search_statement(op, next(embedded) if op.query and self.index_config else None) for _, op in searches]

    async def _embed(self, texts: list[str]) -> list[list[float]]:
        assert self.embeddings is not None
        try:
            vectors = [[float(x) for x in vector] for vector in await self.embeddings.aembed_documents(texts)]
        except Exception as error:
            raise EmbeddingError(f"The embeddings of store.index failed: {type(error).__name__}: {error}") from error
        if len(vectors) != len(texts) or any(len(vector) != self.dims for vector in vectors):
            sizes = sorted({len(vector) for vector in vectors})
            raise EmbeddingError(
                f"The embeddings of store.index made {len(vectors)} vectors of {sizes} numbers from {len(texts)} texts; "
                f"store.index.dims is {self.dims}"
            )
        return vectors


async def _rows(connection: Connection, query: Any, parameters: Any) -> list[dict[str, Any]]:
    # Planned for its own values: what an index is worth depends on the prefix and the filter.
    return await (await connection.execute(query, parameters, prepare=False)).fetchall()


def _found(row: dict[str, Any]) -> SearchItem:
    return _row_to_search_item(_decode_ns_bytes(row["prefix"]), row)  # type: ignore[arg-type]


def _search_statement(op: SearchOp, vector: list[float] | None) -> tuple[str, list[Any]]:
    below, place = ("TRUE", ()) if not op.namespace_prefix else _namespace_prefix_condition(op.namespace_prefix)
    conditions, parameters = filter_conditions(op.filter or {})
    matching = " AND ".join([below, *conditions])
    if vector is not None:
        query = _NEAREST.format(below=below, matching=matching)
        parameters = [vector, *place, *place, *parameters, op.limit, op.offset]
    else:
        query = _NEWEST.format(matching=matching)
        parameters = [*place, *parameters, op.limit, op.offset]
    return (_REFRESHED.format(search=query) if op.refresh_ttl else query), parameters


def _namespaces_statement(op: ListNamespacesOp) -> tuple[str, list[Any]]:
    conditions: list[str] = ["TRUE"]
    parameters: list[Any] = []
    for condition in op.match_conditions or ():
        sql, given = _namespace_condition(condition)
        conditions.append(sql)
        parameters += given
    return _NAMESPACES.format(matching=" AND ".join(conditions)), [op.max_depth, *parameters, op.limit, op.offset]


def _namespace_condition(condition: MatchCondition) -> tuple[str, Sequence[Any]]:
    if not condition.path:
        return "TRUE", ()
    if condition.match_type == "prefix" and "*" not in condition.path:
        return _namespace_prefix_condition(tuple(condition.path))
    return "store.prefix ~ %s", [_namespace_match_pattern(tuple(condition.path), condition.match_type)]


# ---- filters


def filter_conditions(fields: Mapping[str, Any]) -> tuple[list[str], list[Any]]:
    """SQL conditions on `value`, with their parameters. Raises `FilterError`."""
    conditions: list[str] = []
    parameters: list[Any] = []
    for key, expected in fields.items():
        for sql, given in _conditions([key], expected):
            conditions.append(sql)
            parameters += given
    return conditions, parameters


def _conditions(path: list[str], expected: Any) -> Iterable[tuple[str, list[Any]]]:
    if not isinstance(expected, Mapping):
        yield from _equal(path, expected)
    elif any(name.startswith("$") for name in expected):
        for operator, operand in expected.items():
            yield from _compared(path, operator, operand)
    else:
        yield _estimated("jsonb_typeof(store.value #> %s::text[]) = 'object'"), [path]
        for key, inner in expected.items():
            yield from _conditions([*path, key], inner)


def _equal(path: list[str], expected: Any) -> Iterable[tuple[str, list[Any]]]:
    if expected is not None:
        # Containment has an index, and means equality for a single value.
        yield "store.value @> %s::jsonb", [_json(_nested(path, expected))]
    if expected is None or isinstance(expected, list | tuple | Mapping):
        # What is not there is null.
        yield _estimated("coalesce(store.value #> %s::text[], 'null') = %s::jsonb"), [path, _json(expected)]


def _compared(path: list[str], operator: str, operand: Any) -> Iterable[tuple[str, list[Any]]]:
    field = ".".join(path)
    if operator not in OPERATORS:
        raise FilterError(f"filter.{field} has the operator {operator!r}; expected one of {', '.join(OPERATORS)}")
    if operator == "$eq":
        yield from _equal(path, operand)
    elif operator == "$ne":
        yield "coalesce(store.value #> %s::text[], 'null') <> %s::jsonb", [path, _json(operand)]
    elif isinstance(operand, str):
        compared = f'(store.value #>> %s::text[]) COLLATE "C" {OPERATORS[operator]} %s'
        yield _estimated("jsonb_typeof(store.value #> %s::text[]) = 'string'", compared), [path, path, operand]
    elif isinstance(operand, int | float) and not isinstance(operand, bool):
        compared = f"store.value #> %s::text[] {OPERATORS[operator]} %s::jsonb"
        yield _estimated("jsonb_typeof(store.value #> %s::text[]) = 'number'", compared), [path, path, _json(operand)]
    else:
        raise FilterError(f"filter.{field}.{operator} is {_json(operand)[:60]}; expected a number or a string")


def _estimated(condition: str, then: str = "true") -> str:
    """A condition, and another where it holds, written so that the planner takes it to be met by half of the items.

    Its own guess for an expression is one in 200: then it looks at all items below the prefix rather than at the newest.
    """
    return f"(CASE WHEN {condition} THEN {then} ELSE false END)"


def _nested(path: list[str], value: Any) -> Any:
    for key in reversed(path):
        value = {key: value}
    return value


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
