"""The operations tagged Store: the items that graphs keep as their long-term memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

from langgraph.store.base import NOT_PROVIDED, Item
from pydantic import RootModel
from starlette.requests import Request

from allograph.access.guard import Access
from allograph.access.policy import Action
from allograph.encoding import dumps
from allograph.errors import Invalid, Unavailable
from allograph.generated import interface, models
from allograph.handlers.fields import given
from allograph.replies import Json, NoContent
from allograph.store.items import EmbeddingError, FilterError, Items
from allograph.validation import parsed

LONGEST = 1024
"""Bytes of a key, or of a namespace with a dot between its labels: Postgres keeps both in one entry of an index."""

LONGEST_FIELD = 256
"""Bytes of a path in `index`, which goes to the same place."""

RESERVED = "langgraph"
"""The root of namespaces that LangGraph keeps for itself."""


@final
class Store(interface.Store):
    def __init__(self, access: Access, items: Items) -> None:
        self.access = access
        self.items = items

    async def _scoped(self, action: Action, namespace: tuple[str, ...], **value: Any) -> tuple[str, ...]:
        """The namespace that the authorisation handler makes of the given one: items are scoped by it, they have no metadata."""
        asked: dict[str, Any] = {"namespace": namespace, **value}
        await self.access.allow("store", action, asked)
        return tuple(asked["namespace"] or ())

    async def get_item(
        self, request: Request, *, key: str, namespace: Sequence[str], refresh_ttl: bool | None = None
    ) -> Json[models.Item | Any]:
        dotted = ".".join(namespace)
        labels = tuple(dotted.split("."))
        if not all(labels):
            raise Invalid(f"namespace is {dotted[:100]!r}; expected labels with a dot between them, none of them empty")
        labels = await self._scoped("get", labels, key=key, refresh_ttl=refresh_ttl)
        item = await self.items.aget(labels, key, refresh_ttl=refresh_ttl)
        return Json(dumps(_shown(item) if item else None))

    async def put_item(self, request: Request, body: models.StorePutRequest) -> NoContent:
        namespace = _namespace(body.namespace)
        if namespace[0] == RESERVED:
            raise Invalid(f"namespace begins with {RESERVED!r}, which is reserved; expected another first label")
        if isinstance(index := parsed(await request.body()).get("index"), int) and index is not False:
            raise Invalid(f"index is {index!r}; expected false, or a list of fields to embed")
        if body.index:
            self._refuse_without_index("index names fields to embed")
            for field in body.index:
                _refuse_long(field, f"index: the field {field[:60]!r}", LONGEST_FIELD)
        _refuse_long(body.key, "key", LONGEST)
        namespace = await self._scoped("put", namespace, key=body.key, value=body.value, index=body.index)
        # Looked for, what is too long to be stored is just not there.
        _refuse_long(".".join(namespace), "namespace", LONGEST)
        # Without a time to live the store's own; null asks for none.
        ttl = NOT_PROVIDED if "ttl" not in body.model_fields_set else body.ttl.root if body.ttl else None
        try:
            await self.items.aput(namespace, body.key, body.value, index=body.index, ttl=ttl)
        except EmbeddingError as error:
            raise Unavailable(str(error)) from error
        return NoContent()

    async def delete_item(self, request: Request, body: models.StoreDeleteRequest) -> NoContent:
        namespace = await self._scoped("delete", _namespace(body.namespace), key=body.key)
        await self.items.adelete(namespace, body.key)
        return NoContent()

    async def search_items(self, request: Request, body: models.StoreSearchRequest) -> Json[models.SearchItemsResponse]:
        query = given(body.query, None)
        if query:
            self._refuse_without_index("query asks for a search by meaning")
        prefix = await self._scoped(
            "search", _namespace(given(body.namespace_prefix, ()) or ()), filter=given(body.filter, None),
            limit=body.limit, offset=body.offset, query=query, refresh_ttl=body.refresh_ttl,
        )  # fmt: skip
        try:
            found = await self.items.asearch(
                prefix, query=query,
                filter=given(body.filter, None), limit=body.limit, offset=body.offset, refresh_ttl=body.refresh_ttl,
            )  # fmt: skip
        except FilterError as error:
            raise Invalid(str(error)) from None
        except EmbeddingError as error:
            raise Unavailable(str(error)) from error
        return Json(dumps({"items": [{**_shown(item), "score": item.score} for item in found]}))

    async def list_namespaces(
        self, request: Request, body: models.StoreListNamespacesRequest
    ) -> Json[models.ListNamespaceResponse]:
        suffix = _namespace(given(body.suffix, ()))
        prefix = await self._scoped(
            "list_namespaces", _namespace(given(body.prefix, ())), suffix=suffix or None,
            max_depth=given(body.max_depth, None), limit=body.limit, offset=body.offset,
        )  # fmt: skip
        if max(_size(prefix), _size(suffix)) > LONGEST:
            return Json(dumps({"namespaces": []}))  # no namespace is so long; Postgres would find the pattern too complex
        namespaces = await self.items.alist_namespaces(
            prefix=prefix, suffix=suffix,
            max_depth=given(body.max_depth, None), limit=body.limit, offset=body.offset,
        )  # fmt: skip
        return Json(dumps({"namespaces": namespaces}))

    def _refuse_without_index(self, what: str) -> None:
        if not self.items.index_config:
            raise Invalid(f"{what}, and this server has no embeddings; leave it out, or set store.index in langgraph.json")


def _namespace(labels: Sequence[RootModel[str]]) -> tuple[str, ...]:
    return tuple(label.root for label in labels)


def _size(namespace: Sequence[str]) -> int:
    return len(".".join(namespace).encode())


def _refuse_long(text: str, field: str, longest: int) -> None:
    if (size := len(text.encode())) > longest:
        raise Invalid(f"{field} is {size} bytes long; expected at most {longest}")


def _shown(item: Item) -> dict[str, Any]:
    return {
        "namespace": item.namespace, "key": item.key, "value": item.value, "created_at": item.created_at, "updated_at": item.updated_at,
    }  # fmt: skip
