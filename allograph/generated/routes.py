"""Made by `make regen` from openapi/upstream.json (langgraph-api 0.16.7) and overlays; never edited by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal
from uuid import UUID

from fastapi import FastAPI
from pydantic import BeforeValidator, Field
from starlette.requests import Request
from starlette.responses import Response

from allograph.generated import interface, models
from allograph.routing import Operation, routes
from allograph.validation import Flag, Header, JsonBody, Path, Query, QueryNames, QueryTexts, Uuid, Whole, whole

_POST_A2A_ASSISTANT_ID: Path[UUID] = Path("assistant_id", Uuid)


async def _post_a2a(handler: interface.A2A, request: Request) -> Response:
    """POST /a2a/{assistant_id}"""
    return await handler.post_a2a(
        request,
        _POST_A2A_ASSISTANT_ID(request),
        await request.body(),
    )


_CREATE_ASSISTANT_BODY: JsonBody[models.AssistantCreate] = JsonBody(models.AssistantCreate)


async def _create_assistant(handler: interface.Assistants, request: Request) -> Response:
    """POST /assistants"""
    return await handler.create_assistant(
        request,
        await _CREATE_ASSISTANT_BODY(request),
    )


_COUNT_ASSISTANTS_BODY: JsonBody[models.AssistantCountRequest] = JsonBody(models.AssistantCountRequest)


async def _count_assistants(handler: interface.Assistants, request: Request) -> Response:
    """POST /assistants/count"""
    return await handler.count_assistants(
        request,
        await _COUNT_ASSISTANTS_BODY(request),
    )


_SEARCH_ASSISTANTS_BODY: JsonBody[models.AssistantSearchRequest] = JsonBody(models.AssistantSearchRequest)


async def _search_assistants(handler: interface.Assistants, request: Request) -> Response:
    """POST /assistants/search"""
    return await handler.search_assistants(
        request,
        await _SEARCH_ASSISTANTS_BODY(request),
    )


_GET_ASSISTANT_ASSISTANT_ID: Path[UUID] = Path("assistant_id", Uuid)


async def _get_assistant(handler: interface.Assistants, request: Request) -> Response:
    """GET /assistants/{assistant_id}"""
    return await handler.get_assistant(
        request,
        _GET_ASSISTANT_ASSISTANT_ID(request),
    )


_DELETE_ASSISTANT_ASSISTANT_ID: Path[UUID] = Path("assistant_id", Uuid)
_DELETE_ASSISTANT_DELETE_THREADS: Query[bool] = Query("delete_threads", Flag, False)


async def _delete_assistant(handler: interface.Assistants, request: Request) -> Response:
    """DELETE /assistants/{assistant_id}"""
    query = request.query_params
    return await handler.delete_assistant(
        request,
        _DELETE_ASSISTANT_ASSISTANT_ID(request),
        delete_threads=_DELETE_ASSISTANT_DELETE_THREADS(query),
    )


_PATCH_ASSISTANT_ASSISTANT_ID: Path[UUID] = Path("assistant_id", Uuid)
_PATCH_ASSISTANT_BODY: JsonBody[models.AssistantPatch] = JsonBody(models.AssistantPatch)


async def _patch_assistant(handler: interface.Assistants, request: Request) -> Response:
    """PATCH /assistants/{assistant_id}"""
    return await handler.patch_assistant(
        request,
        _PATCH_ASSISTANT_ASSISTANT_ID(request),
        await _PATCH_ASSISTANT_BODY(request),
    )


_GET_ASSISTANT_GRAPH_ASSISTANT_ID: Path[str] = Path("assistant_id", str)
_GET_ASSISTANT_GRAPH_XRAY: Query[int | bool] = Query(
    "xray",
    Annotated[Annotated[Whole, Field(ge=1, le=9223372036854775807)] | Flag, Field(union_mode="left_to_right")],
    False,
)


async def _get_assistant_graph(handler: interface.Assistants, request: Request) -> Response:
    """GET /assistants/{assistant_id}/graph"""
    query = request.query_params
    return await handler.get_assistant_graph(
        request,
        _GET_ASSISTANT_GRAPH_ASSISTANT_ID(request),
        xray=_GET_ASSISTANT_GRAPH_XRAY(query),
    )


_SET_LATEST_ASSISTANT_VERSION_ASSISTANT_ID: Path[UUID] = Path("assistant_id", Uuid)
_SET_LATEST_ASSISTANT_VERSION_VERSION: Query[int | None] = Query(
    "version", Annotated[Whole, Field(le=9223372036854775807)]
)
_SET_LATEST_ASSISTANT_VERSION_BODY: JsonBody[models.AssistantVersionChange] = JsonBody(models.AssistantVersionChange)


async def _set_latest_assistant_version(handler: interface.Assistants, request: Request) -> Response:
    """POST /assistants/{assistant_id}/latest"""
    query = request.query_params
    return await handler.set_latest_assistant_version(
        request,
        _SET_LATEST_ASSISTANT_VERSION_ASSISTANT_ID(request),
        await _SET_LATEST_ASSISTANT_VERSION_BODY.optional(request),
        version=_SET_LATEST_ASSISTANT_VERSION_VERSION(query),
    )


_GET_ASSISTANT_SCHEMAS_ASSISTANT_ID: Path[UUID] = Path("assistant_id", Uuid)


async def _get_assistant_schemas(handler: interface.Assistants, request: Request) -> Response:
    """GET /assistants/{assistant_id}/schemas"""
    return await handler.get_assistant_schemas(
        request,
        _GET_ASSISTANT_SCHEMAS_ASSISTANT_ID(request),
    )


_GET_ASSISTANT_SUBGRAPHS_ASSISTANT_ID: Path[UUID] = Path("assistant_id", Uuid)
_GET_ASSISTANT_SUBGRAPHS_RECURSE: Query[bool] = Query("recurse", Flag, False)


async def _get_assistant_subgraphs(handler: interface.Assistants, request: Request) -> Response:
    """GET /assistants/{assistant_id}/subgraphs"""
    query = request.query_params
    return await handler.get_assistant_subgraphs(
        request,
        _GET_ASSISTANT_SUBGRAPHS_ASSISTANT_ID(request),
        recurse=_GET_ASSISTANT_SUBGRAPHS_RECURSE(query),
    )


_GET_ASSISTANT_SUBGRAPHS_BY_NAMESPACE_ASSISTANT_ID: Path[UUID] = Path("assistant_id", Uuid)
_GET_ASSISTANT_SUBGRAPHS_BY_NAMESPACE_NAMESPACE: Path[str] = Path("namespace", str)
_GET_ASSISTANT_SUBGRAPHS_BY_NAMESPACE_RECURSE: Query[bool] = Query("recurse", Flag, False)


async def _get_assistant_subgraphs_by_namespace(handler: interface.Assistants, request: Request) -> Response:
    """GET /assistants/{assistant_id}/subgraphs/{namespace}"""
    query = request.query_params
    return await handler.get_assistant_subgraphs_by_namespace(
        request,
        _GET_ASSISTANT_SUBGRAPHS_BY_NAMESPACE_ASSISTANT_ID(request),
        _GET_ASSISTANT_SUBGRAPHS_BY_NAMESPACE_NAMESPACE(request),
        recurse=_GET_ASSISTANT_SUBGRAPHS_BY_NAMESPACE_RECURSE(query),
    )


_LIST_ASSISTANT_VERSIONS_ASSISTANT_ID: Path[UUID] = Path("assistant_id", Uuid)
_LIST_ASSISTANT_VERSIONS_BODY: JsonBody[models.AssistantVersionsSearchRequest] = JsonBody(
    models.AssistantVersionsSearchRequest
)


async def _list_assistant_versions(handler: interface.Assistants, request: Request) -> Response:
    """POST /assistants/{assistant_id}/versions"""
    return await handler.list_assistant_versions(
        request,
        _LIST_ASSISTANT_VERSIONS_ASSISTANT_ID(request),
        await _LIST_ASSISTANT_VERSIONS_BODY.optional(request),
    )


async def _get_docs(handler: interface.System, request: Request) -> Response:
    """GET /docs"""
    return await handler.get_docs(
        request,
    )


async def _get_info(handler: interface.System, request: Request) -> Response:
    """GET /info"""
    return await handler.get_info(
        request,
    )


async def _get_mcp(handler: interface.MCP, request: Request) -> Response:
    """GET /mcp/"""
    return await handler.get_mcp(
        request,
    )


async def _post_mcp(handler: interface.MCP, request: Request) -> Response:
    """POST /mcp/"""
    return await handler.post_mcp(
        request,
        await request.body(),
    )


async def _delete_mcp(handler: interface.MCP, request: Request) -> Response:
    """DELETE /mcp/"""
    return await handler.delete_mcp(
        request,
    )


_GET_METRICS_FORMAT: Query[Literal["prometheus", "json"]] = Query("format", Literal["prometheus", "json"], "prometheus")


async def _get_metrics(handler: interface.System, request: Request) -> Response:
    """GET /metrics"""
    query = request.query_params
    return await handler.get_metrics(
        request,
        format=_GET_METRICS_FORMAT(query),
    )


_CHECK_HEALTH_CHECK_DB: Query[Literal[0, 1]] = Query("check_db", Annotated[Literal[0, 1], BeforeValidator(whole)], 0)


async def _check_health(handler: interface.System, request: Request) -> Response:
    """GET /ok"""
    query = request.query_params
    return await handler.check_health(
        request,
        check_db=_CHECK_HEALTH_CHECK_DB(query),
    )


_CREATE_STATELESS_RUN_BODY: JsonBody[models.RunCreateStateless] = JsonBody(models.RunCreateStateless)


async def _create_stateless_run(handler: interface.StatelessRuns, request: Request) -> Response:
    """POST /runs"""
    return await handler.create_stateless_run(
        request,
        await _CREATE_STATELESS_RUN_BODY(request),
    )


_CREATE_STATELESS_RUN_BATCH_BODY: JsonBody[models.RunBatchCreate] = JsonBody(models.RunBatchCreate)


async def _create_stateless_run_batch(handler: interface.StatelessRuns, request: Request) -> Response:
    """POST /runs/batch"""
    return await handler.create_stateless_run_batch(
        request,
        await _CREATE_STATELESS_RUN_BATCH_BODY(request),
    )


_CANCEL_RUNS_ACTION: Query[Literal["interrupt", "rollback"]] = Query(
    "action", Literal["interrupt", "rollback"], "interrupt"
)
_CANCEL_RUNS_BODY: JsonBody[models.RunsCancel] = JsonBody(models.RunsCancel)


async def _cancel_runs(handler: interface.ThreadRuns, request: Request) -> Response:
    """POST /runs/cancel"""
    query = request.query_params
    return await handler.cancel_runs(
        request,
        await _CANCEL_RUNS_BODY(request),
        action=_CANCEL_RUNS_ACTION(query),
    )


_CREATE_CRON_BODY: JsonBody[models.CronCreate] = JsonBody(models.CronCreate)


async def _create_cron(handler: interface.Crons, request: Request) -> Response:
    """POST /runs/crons"""
    return await handler.create_cron(
        request,
        await _CREATE_CRON_BODY(request),
    )


_COUNT_CRONS_BODY: JsonBody[models.CronCountRequest] = JsonBody(models.CronCountRequest)


async def _count_crons(handler: interface.Crons, request: Request) -> Response:
    """POST /runs/crons/count"""
    return await handler.count_crons(
        request,
        await _COUNT_CRONS_BODY(request),
    )


_SEARCH_CRONS_BODY: JsonBody[models.CronSearch] = JsonBody(models.CronSearch)


async def _search_crons(handler: interface.Crons, request: Request) -> Response:
    """POST /runs/crons/search"""
    return await handler.search_crons(
        request,
        await _SEARCH_CRONS_BODY(request),
    )


_GET_CRON_CRON_ID: Path[UUID] = Path("cron_id", Uuid)


async def _get_cron(handler: interface.Crons, request: Request) -> Response:
    """GET /runs/crons/{cron_id}"""
    return await handler.get_cron(
        request,
        _GET_CRON_CRON_ID(request),
    )


_DELETE_CRON_CRON_ID: Path[UUID] = Path("cron_id", Uuid)


async def _delete_cron(handler: interface.Crons, request: Request) -> Response:
    """DELETE /runs/crons/{cron_id}"""
    return await handler.delete_cron(
        request,
        _DELETE_CRON_CRON_ID(request),
    )


_PATCH_CRON_CRON_ID: Path[UUID] = Path("cron_id", Uuid)
_PATCH_CRON_BODY: JsonBody[models.CronPatch] = JsonBody(models.CronPatch)


async def _patch_cron(handler: interface.Crons, request: Request) -> Response:
    """PATCH /runs/crons/{cron_id}"""
    return await handler.patch_cron(
        request,
        _PATCH_CRON_CRON_ID(request),
        await _PATCH_CRON_BODY(request),
    )


_STREAM_STATELESS_RUN_BODY: JsonBody[models.RunCreateStreamingStateless] = JsonBody(models.RunCreateStreamingStateless)


async def _stream_stateless_run(handler: interface.StatelessRuns, request: Request) -> Response:
    """POST /runs/stream"""
    return await handler.stream_stateless_run(
        request,
        await _STREAM_STATELESS_RUN_BODY(request),
    )


_WAIT_STATELESS_RUN_BODY: JsonBody[models.RunCreateStreamingStateless] = JsonBody(models.RunCreateStreamingStateless)


async def _wait_stateless_run(handler: interface.StatelessRuns, request: Request) -> Response:
    """POST /runs/wait"""
    return await handler.wait_stateless_run(
        request,
        await _WAIT_STATELESS_RUN_BODY(request),
    )


_GET_ITEM_KEY: Query[str] = Query("key", Annotated[str, Field(max_length=1024)], required=True)
_GET_ITEM_NAMESPACE: QueryTexts[Sequence[str]] = QueryTexts(
    "namespace",
    Annotated[list[Annotated[str, Field(min_length=1, max_length=1024)]], Field(min_length=1, max_length=64)],
    required=True,
)
_GET_ITEM_REFRESH_TTL: Query[bool | None] = Query("refresh_ttl", Flag)


async def _get_item(handler: interface.Store, request: Request) -> Response:
    """GET /store/items"""
    query = request.query_params
    return await handler.get_item(
        request,
        key=_GET_ITEM_KEY(query),
        namespace=_GET_ITEM_NAMESPACE(query),
        refresh_ttl=_GET_ITEM_REFRESH_TTL(query),
    )


_PUT_ITEM_BODY: JsonBody[models.StorePutRequest] = JsonBody(models.StorePutRequest)


async def _put_item(handler: interface.Store, request: Request) -> Response:
    """PUT /store/items"""
    return await handler.put_item(
        request,
        await _PUT_ITEM_BODY(request),
    )


_DELETE_ITEM_BODY: JsonBody[models.StoreDeleteRequest] = JsonBody(models.StoreDeleteRequest)


async def _delete_item(handler: interface.Store, request: Request) -> Response:
    """DELETE /store/items"""
    return await handler.delete_item(
        request,
        await _DELETE_ITEM_BODY(request),
    )


_SEARCH_ITEMS_BODY: JsonBody[models.StoreSearchRequest] = JsonBody(models.StoreSearchRequest)


async def _search_items(handler: interface.Store, request: Request) -> Response:
    """POST /store/items/search"""
    return await handler.search_items(
        request,
        await _SEARCH_ITEMS_BODY(request),
    )


_LIST_NAMESPACES_BODY: JsonBody[models.StoreListNamespacesRequest] = JsonBody(models.StoreListNamespacesRequest)


async def _list_namespaces(handler: interface.Store, request: Request) -> Response:
    """POST /store/namespaces"""
    return await handler.list_namespaces(
        request,
        await _LIST_NAMESPACES_BODY(request),
    )


_CREATE_THREAD_BODY: JsonBody[models.ThreadCreate] = JsonBody(models.ThreadCreate)


async def _create_thread(handler: interface.Threads, request: Request) -> Response:
    """POST /threads"""
    return await handler.create_thread(
        request,
        await _CREATE_THREAD_BODY(request),
    )


_COUNT_THREADS_BODY: JsonBody[models.ThreadCountRequest] = JsonBody(models.ThreadCountRequest)


async def _count_threads(handler: interface.Threads, request: Request) -> Response:
    """POST /threads/count"""
    return await handler.count_threads(
        request,
        await _COUNT_THREADS_BODY(request),
    )


_PRUNE_THREADS_BODY: JsonBody[models.ThreadPruneRequest] = JsonBody(models.ThreadPruneRequest)


async def _prune_threads(handler: interface.Threads, request: Request) -> Response:
    """POST /threads/prune"""
    return await handler.prune_threads(
        request,
        await _PRUNE_THREADS_BODY(request),
    )


_SEARCH_THREADS_BODY: JsonBody[models.ThreadSearchRequest] = JsonBody(models.ThreadSearchRequest)


async def _search_threads(handler: interface.Threads, request: Request) -> Response:
    """POST /threads/search"""
    return await handler.search_threads(
        request,
        await _SEARCH_THREADS_BODY(request),
    )


_GET_THREAD_THREAD_ID: Path[UUID] = Path("thread_id", Uuid)
_GET_THREAD_INCLUDE: Query[str | None] = Query("include", str)


async def _get_thread(handler: interface.Threads, request: Request) -> Response:
    """GET /threads/{thread_id}"""
    query = request.query_params
    return await handler.get_thread(
        request,
        _GET_THREAD_THREAD_ID(request),
        include=_GET_THREAD_INCLUDE(query),
    )


_DELETE_THREAD_THREAD_ID: Path[UUID] = Path("thread_id", Uuid)


async def _delete_thread(handler: interface.Threads, request: Request) -> Response:
    """DELETE /threads/{thread_id}"""
    return await handler.delete_thread(
        request,
        _DELETE_THREAD_THREAD_ID(request),
    )


_PATCH_THREAD_THREAD_ID: Path[UUID] = Path("thread_id", Uuid)
_PATCH_THREAD_BODY: JsonBody[models.ThreadPatch] = JsonBody(models.ThreadPatch)


async def _patch_thread(handler: interface.Threads, request: Request) -> Response:
    """PATCH /threads/{thread_id}"""
    return await handler.patch_thread(
        request,
        _PATCH_THREAD_THREAD_ID(request),
        await _PATCH_THREAD_BODY(request),
    )


_SEND_THREAD_COMMAND_THREAD_ID: Path[UUID] = Path("thread_id", Uuid)
_SEND_THREAD_COMMAND_BODY: JsonBody[models.ProtocolCommand] = JsonBody(models.ProtocolCommand)


async def _send_thread_command(handler: interface.Streaming, request: Request) -> Response:
    """POST /threads/{thread_id}/commands"""
    return await handler.send_thread_command(
        request,
        _SEND_THREAD_COMMAND_THREAD_ID(request),
        await _SEND_THREAD_COMMAND_BODY(request),
    )


_COPY_THREAD_THREAD_ID: Path[UUID] = Path("thread_id", Uuid)


async def _copy_thread(handler: interface.Threads, request: Request) -> Response:
    """POST /threads/{thread_id}/copy"""
    return await handler.copy_thread(
        request,
        _COPY_THREAD_THREAD_ID(request),
    )


_GET_THREAD_HISTORY_THREAD_ID: Path[UUID] = Path("thread_id", Uuid)
_GET_THREAD_HISTORY_LIMIT: Query[int] = Query("limit", Annotated[Whole, Field(ge=1, le=1000)], 10)
_GET_THREAD_HISTORY_BEFORE: Query[str | None] = Query("before", str)


async def _get_thread_history(handler: interface.Threads, request: Request) -> Response:
    """GET /threads/{thread_id}/history"""
    query = request.query_params
    return await handler.get_thread_history(
        request,
        _GET_THREAD_HISTORY_THREAD_ID(request),
        limit=_GET_THREAD_HISTORY_LIMIT(query),
        before=_GET_THREAD_HISTORY_BEFORE(query),
    )


_SEARCH_THREAD_HISTORY_THREAD_ID: Path[UUID] = Path("thread_id", Uuid)
_SEARCH_THREAD_HISTORY_BODY: JsonBody[models.ThreadStateSearch] = JsonBody(models.ThreadStateSearch)


async def _search_thread_history(handler: interface.Threads, request: Request) -> Response:
    """POST /threads/{thread_id}/history"""
    return await handler.search_thread_history(
        request,
        _SEARCH_THREAD_HISTORY_THREAD_ID(request),
        await _SEARCH_THREAD_HISTORY_BODY(request),
    )


_LIST_RUNS_THREAD_ID: Path[UUID] = Path("thread_id", Uuid)
_LIST_RUNS_LIMIT: Query[int] = Query("limit", Annotated[Whole, Field(ge=1, le=1000)], 10)
_LIST_RUNS_OFFSET: Query[int] = Query("offset", Annotated[Whole, Field(ge=0, le=2147483647)], 0)
_LIST_RUNS_STATUS: Query[Literal["pending", "running", "error", "success", "timeout", "interrupted"] | None] = Query(
    "status", Literal["pending", "running", "error", "success", "timeout", "interrupted"]
)
_LIST_RUNS_SELECT: QueryNames[
    Sequence[
        Literal[
            "run_id",
            "thread_id",
            "assistant_id",
            "created_at",
            "updated_at",
            "status",
            "metadata",
            "kwargs",
            "multitask_strategy",
            "langsmith_session_name",
        ]
    ]
    | None
] = QueryNames(
    "select",
    list[
        Literal[
            "run_id",
            "thread_id",
            "assistant_id",
            "created_at",
            "updated_at",
            "status",
            "metadata",
            "kwargs",
            "multitask_strategy",
            "langsmith_session_name",
        ]
    ],
)


async def _list_runs(handler: interface.ThreadRuns, request: Request) -> Response:
    """GET /threads/{thread_id}/runs"""
    query = request.query_params
    return await handler.list_runs(
        request,
        _LIST_RUNS_THREAD_ID(request),
        limit=_LIST_RUNS_LIMIT(query),
        offset=_LIST_RUNS_OFFSET(query),
        status=_LIST_RUNS_STATUS(query),
        select=_LIST_RUNS_SELECT(query),
    )


_CREATE_RUN_THREAD_ID: Path[UUID] = Path("thread_id", Uuid)
_CREATE_RUN_BODY: JsonBody[models.RunCreateStateful] = JsonBody(models.RunCreateStateful)


async def _create_run(handler: interface.ThreadRuns, request: Request) -> Response:
    """POST /threads/{thread_id}/runs"""
    return await handler.create_run(
        request,
        _CREATE_RUN_THREAD_ID(request),
        await _CREATE_RUN_BODY(request),
    )


_CREATE_THREAD_CRON_THREAD_ID: Path[UUID] = Path("thread_id", Uuid)
_CREATE_THREAD_CRON_BODY: JsonBody[models.ThreadCronCreate] = JsonBody(models.ThreadCronCreate)


async def _create_thread_cron(handler: interface.Crons, request: Request) -> Response:
    """POST /threads/{thread_id}/runs/crons"""
    return await handler.create_thread_cron(
        request,
        _CREATE_THREAD_CRON_THREAD_ID(request),
        await _CREATE_THREAD_CRON_BODY(request),
    )


_STREAM_RUN_THREAD_ID: Path[UUID] = Path("thread_id", Uuid)
_STREAM_RUN_BODY: JsonBody[models.RunCreateStreamingStateful] = JsonBody(models.RunCreateStreamingStateful)


async def _stream_run(handler: interface.ThreadRuns, request: Request) -> Response:
    """POST /threads/{thread_id}/runs/stream"""
    return await handler.stream_run(
        request,
        _STREAM_RUN_THREAD_ID(request),
        await _STREAM_RUN_BODY(request),
    )


_WAIT_RUN_THREAD_ID: Path[UUID] = Path("thread_id", Uuid)
_WAIT_RUN_BODY: JsonBody[models.RunCreateStreamingStateful] = JsonBody(models.RunCreateStreamingStateful)


async def _wait_run(handler: interface.ThreadRuns, request: Request) -> Response:
    """POST /threads/{thread_id}/runs/wait"""
    return await handler.wait_run(
        request,
        _WAIT_RUN_THREAD_ID(request),
        await _WAIT_RUN_BODY(request),
    )


_GET_RUN_THREAD_ID: Path[UUID] = Path("thread_id", Uuid)
_GET_RUN_RUN_ID: Path[UUID] = Path("run_id", Uuid)


async def _get_run(handler: interface.ThreadRuns, request: Request) -> Response:
    """GET /threads/{thread_id}/runs/{run_id}"""
    return await handler.get_run(
        request,
        _GET_RUN_THREAD_ID(request),
        _GET_RUN_RUN_ID(request),
    )


_DELETE_RUN_THREAD_ID: Path[UUID] = Path("thread_id", Uuid)
_DELETE_RUN_RUN_ID: Path[UUID] = Path("run_id", Uuid)


async def _delete_run(handler: interface.ThreadRuns, request: Request) -> Response:
    """DELETE /threads/{thread_id}/runs/{run_id}"""
    return await handler.delete_run(
        request,
        _DELETE_RUN_THREAD_ID(request),
        _DELETE_RUN_RUN_ID(request),
    )


_CANCEL_RUN_THREAD_ID: Path[UUID] = Path("thread_id", Uuid)
_CANCEL_RUN_RUN_ID: Path[UUID] = Path("run_id", Uuid)
_CANCEL_RUN_WAIT: Query[bool] = Query("wait", Flag, False)
_CANCEL_RUN_ACTION: Query[Literal["interrupt", "rollback"]] = Query(
    "action", Literal["interrupt", "rollback"], "interrupt"
)


async def _cancel_run(handler: interface.ThreadRuns, request: Request) -> Response:
    """POST /threads/{thread_id}/runs/{run_id}/cancel"""
    query = request.query_params
    return await handler.cancel_run(
        request,
        _CANCEL_RUN_THREAD_ID(request),
        _CANCEL_RUN_RUN_ID(request),
        wait=_CANCEL_RUN_WAIT(query),
        action=_CANCEL_RUN_ACTION(query),
    )


_JOIN_RUN_THREAD_ID: Path[UUID] = Path("thread_id", Uuid)
_JOIN_RUN_RUN_ID: Path[UUID] = Path("run_id", Uuid)
_JOIN_RUN_CANCEL_ON_DISCONNECT: Query[bool] = Query("cancel_on_disconnect", Flag, False)


async def _join_run(handler: interface.ThreadRuns, request: Request) -> Response:
    """GET /threads/{thread_id}/runs/{run_id}/join"""
    query = request.query_params
    return await handler.join_run(
        request,
        _JOIN_RUN_THREAD_ID(request),
        _JOIN_RUN_RUN_ID(request),
        cancel_on_disconnect=_JOIN_RUN_CANCEL_ON_DISCONNECT(query),
    )


_JOIN_RUN_STREAM_THREAD_ID: Path[UUID] = Path("thread_id", Uuid)
_JOIN_RUN_STREAM_RUN_ID: Path[UUID] = Path("run_id", Uuid)
_JOIN_RUN_STREAM_LAST_EVENT_ID: Header[str | None] = Header("Last-Event-ID", str)
_JOIN_RUN_STREAM_STREAM_MODE: QueryNames[
    Sequence[
        Literal["values", "messages", "messages-tuple", "tasks", "checkpoints", "updates", "events", "debug", "custom"]
    ]
    | None
] = QueryNames(
    "stream_mode",
    list[
        Literal["values", "messages", "messages-tuple", "tasks", "checkpoints", "updates", "events", "debug", "custom"]
    ],
)
_JOIN_RUN_STREAM_CANCEL_ON_DISCONNECT: Query[bool] = Query("cancel_on_disconnect", Flag, False)


async def _join_run_stream(handler: interface.ThreadRuns, request: Request) -> Response:
    """GET /threads/{thread_id}/runs/{run_id}/stream"""
    query = request.query_params
    headers = request.headers
    return await handler.join_run_stream(
        request,
        _JOIN_RUN_STREAM_THREAD_ID(request),
        _JOIN_RUN_STREAM_RUN_ID(request),
        stream_mode=_JOIN_RUN_STREAM_STREAM_MODE(query),
        cancel_on_disconnect=_JOIN_RUN_STREAM_CANCEL_ON_DISCONNECT(query),
        last_event_id=_JOIN_RUN_STREAM_LAST_EVENT_ID(headers),
    )


_GET_THREAD_STATE_THREAD_ID: Path[UUID] = Path("thread_id", Uuid)
_GET_THREAD_STATE_SUBGRAPHS: Query[bool | None] = Query("subgraphs", Flag)


async def _get_thread_state(handler: interface.Threads, request: Request) -> Response:
    """GET /threads/{thread_id}/state"""
    query = request.query_params
    return await handler.get_thread_state(
        request,
        _GET_THREAD_STATE_THREAD_ID(request),
        subgraphs=_GET_THREAD_STATE_SUBGRAPHS(query),
    )


_UPDATE_THREAD_STATE_THREAD_ID: Path[UUID] = Path("thread_id", Uuid)
_UPDATE_THREAD_STATE_BODY: JsonBody[models.ThreadStateUpdate] = JsonBody(models.ThreadStateUpdate)


async def _update_thread_state(handler: interface.Threads, request: Request) -> Response:
    """POST /threads/{thread_id}/state"""
    return await handler.update_thread_state(
        request,
        _UPDATE_THREAD_STATE_THREAD_ID(request),
        await _UPDATE_THREAD_STATE_BODY(request),
    )


_GET_THREAD_STATE_AT_CHECKPOINT_CONFIG_THREAD_ID: Path[UUID] = Path("thread_id", Uuid)
_GET_THREAD_STATE_AT_CHECKPOINT_CONFIG_BODY: JsonBody[models.ThreadStateCheckpointRequest] = JsonBody(
    models.ThreadStateCheckpointRequest
)


async def _get_thread_state_at_checkpoint_config(handler: interface.Threads, request: Request) -> Response:
    """POST /threads/{thread_id}/state/checkpoint"""
    return await handler.get_thread_state_at_checkpoint_config(
        request,
        _GET_THREAD_STATE_AT_CHECKPOINT_CONFIG_THREAD_ID(request),
        await _GET_THREAD_STATE_AT_CHECKPOINT_CONFIG_BODY(request),
    )


_GET_THREAD_STATE_AT_CHECKPOINT_THREAD_ID: Path[UUID] = Path("thread_id", Uuid)
_GET_THREAD_STATE_AT_CHECKPOINT_CHECKPOINT_ID: Path[UUID] = Path("checkpoint_id", Uuid)
_GET_THREAD_STATE_AT_CHECKPOINT_SUBGRAPHS: Query[bool | None] = Query("subgraphs", Flag)


async def _get_thread_state_at_checkpoint(handler: interface.Threads, request: Request) -> Response:
    """GET /threads/{thread_id}/state/{checkpoint_id}"""
    query = request.query_params
    return await handler.get_thread_state_at_checkpoint(
        request,
        _GET_THREAD_STATE_AT_CHECKPOINT_THREAD_ID(request),
        _GET_THREAD_STATE_AT_CHECKPOINT_CHECKPOINT_ID(request),
        subgraphs=_GET_THREAD_STATE_AT_CHECKPOINT_SUBGRAPHS(query),
    )


_GET_THREAD_STORAGE_THREAD_ID: Path[UUID] = Path("thread_id", Uuid)


async def _get_thread_storage(handler: interface.Threads, request: Request) -> Response:
    """GET /threads/{thread_id}/storage"""
    return await handler.get_thread_storage(
        request,
        _GET_THREAD_STORAGE_THREAD_ID(request),
    )


_JOIN_THREAD_STREAM_THREAD_ID: Path[UUID] = Path("thread_id", Uuid)
_JOIN_THREAD_STREAM_LAST_EVENT_ID: Header[str | None] = Header("Last-Event-ID", str)
_JOIN_THREAD_STREAM_STREAM_MODES: QueryNames[Sequence[Literal["lifecycle", "run_modes", "state_update"]]] = QueryNames(
    "stream_modes", list[Literal["lifecycle", "run_modes", "state_update"]], ("run_modes",)
)
_JOIN_THREAD_STREAM_STREAM_MODE: QueryNames[Sequence[Literal["lifecycle", "run_modes", "state_update"]] | None] = (
    QueryNames("stream_mode", list[Literal["lifecycle", "run_modes", "state_update"]])
)


async def _join_thread_stream(handler: interface.Threads, request: Request) -> Response:
    """GET /threads/{thread_id}/stream"""
    query = request.query_params
    headers = request.headers
    return await handler.join_thread_stream(
        request,
        _JOIN_THREAD_STREAM_THREAD_ID(request),
        stream_modes=_JOIN_THREAD_STREAM_STREAM_MODES(query),
        stream_mode=_JOIN_THREAD_STREAM_STREAM_MODE(query),
        last_event_id=_JOIN_THREAD_STREAM_LAST_EVENT_ID(headers),
    )


_STREAM_THREAD_EVENTS_THREAD_ID: Path[UUID] = Path("thread_id", Uuid)
_STREAM_THREAD_EVENTS_BODY: JsonBody[models.ProtocolEventStreamRequest] = JsonBody(models.ProtocolEventStreamRequest)


async def _stream_thread_events(handler: interface.Streaming, request: Request) -> Response:
    """POST /threads/{thread_id}/stream/events"""
    return await handler.stream_thread_events(
        request,
        _STREAM_THREAD_EVENTS_THREAD_ID(request),
        await _STREAM_THREAD_EVENTS_BODY(request),
    )


OPERATIONS = (
    Operation(
        operation_id="post_a2a",
        method="POST",
        path="/a2a/{assistant_id}",
        tag="A2A",
        interface=interface.A2A,
        field="a2a",
        name="post_a2a",
        summary="A2A JSON-RPC",
        statuses=(200, 400, 404, 413, 422, 500, 501, 503),
        endpoint=_post_a2a,
    ),
    Operation(
        operation_id="create_assistant_assistants_post",
        method="POST",
        path="/assistants",
        tag="Assistants",
        interface=interface.Assistants,
        field="assistants",
        name="create_assistant",
        summary="Create Assistant",
        statuses=(200, 400, 404, 409, 413, 422, 501, 503),
        endpoint=_create_assistant,
    ),
    Operation(
        operation_id="count_assistants_assistants_count_post",
        method="POST",
        path="/assistants/count",
        tag="Assistants",
        interface=interface.Assistants,
        field="assistants",
        name="count_assistants",
        summary="Count Assistants",
        statuses=(200, 404, 413, 422, 501, 503),
        endpoint=_count_assistants,
    ),
    Operation(
        operation_id="search_assistants_assistants_search_post",
        method="POST",
        path="/assistants/search",
        tag="Assistants",
        interface=interface.Assistants,
        field="assistants",
        name="search_assistants",
        summary="Search Assistants",
        statuses=(200, 404, 413, 422, 501, 503),
        endpoint=_search_assistants,
    ),
    Operation(
        operation_id="get_assistant_assistants__assistant_id__get",
        method="GET",
        path="/assistants/{assistant_id}",
        tag="Assistants",
        interface=interface.Assistants,
        field="assistants",
        name="get_assistant",
        summary="Get Assistant",
        statuses=(200, 404, 413, 422, 501, 503),
        endpoint=_get_assistant,
    ),
    Operation(
        operation_id="delete_assistant_assistants__assistant_id__delete",
        method="DELETE",
        path="/assistants/{assistant_id}",
        tag="Assistants",
        interface=interface.Assistants,
        field="assistants",
        name="delete_assistant",
        summary="Delete Assistant",
        statuses=(204, 404, 413, 422, 501, 503),
        endpoint=_delete_assistant,
    ),
    Operation(
        operation_id="patch_assistant_assistants__assistant_id__patch",
        method="PATCH",
        path="/assistants/{assistant_id}",
        tag="Assistants",
        interface=interface.Assistants,
        field="assistants",
        name="patch_assistant",
        summary="Patch Assistant",
        statuses=(200, 400, 404, 413, 422, 501, 503),
        endpoint=_patch_assistant,
    ),
    Operation(
        operation_id="get_assistant_graph_assistants__assistant_id__graph_get",
        method="GET",
        path="/assistants/{assistant_id}/graph",
        tag="Assistants",
        interface=interface.Assistants,
        field="assistants",
        name="get_assistant_graph",
        summary="Get Assistant Graph",
        statuses=(200, 404, 413, 422, 501, 503),
        endpoint=_get_assistant_graph,
    ),
    Operation(
        operation_id="set_latest_assistant_version_assistants__assistant_id__versions_post",
        method="POST",
        path="/assistants/{assistant_id}/latest",
        tag="Assistants",
        interface=interface.Assistants,
        field="assistants",
        name="set_latest_assistant_version",
        summary="Set Latest Assistant Version",
        statuses=(200, 404, 413, 422, 501, 503),
        endpoint=_set_latest_assistant_version,
    ),
    Operation(
        operation_id="get_assistant_schemas_assistants__assistant_id__schemas_get",
        method="GET",
        path="/assistants/{assistant_id}/schemas",
        tag="Assistants",
        interface=interface.Assistants,
        field="assistants",
        name="get_assistant_schemas",
        summary="Get Assistant Schemas",
        statuses=(200, 404, 413, 422, 501, 503),
        endpoint=_get_assistant_schemas,
    ),
    Operation(
        operation_id="get_assistant_subgraphs_assistants__assistant_id__subgraphs_get",
        method="GET",
        path="/assistants/{assistant_id}/subgraphs",
        tag="Assistants",
        interface=interface.Assistants,
        field="assistants",
        name="get_assistant_subgraphs",
        summary="Get Assistant Subgraphs",
        statuses=(200, 404, 413, 422, 501, 503),
        endpoint=_get_assistant_subgraphs,
    ),
    Operation(
        operation_id="get_assistant_subgraphs_assistants__assistant_id__subgraphs__namespace__get",
        method="GET",
        path="/assistants/{assistant_id}/subgraphs/{namespace}",
        tag="Assistants",
        interface=interface.Assistants,
        field="assistants",
        name="get_assistant_subgraphs_by_namespace",
        summary="Get Assistant Subgraphs by Namespace",
        statuses=(200, 404, 413, 422, 501, 503),
        endpoint=_get_assistant_subgraphs_by_namespace,
    ),
    Operation(
        operation_id="get_assistant_versions_assistants__assistant_id__versions_get",
        method="POST",
        path="/assistants/{assistant_id}/versions",
        tag="Assistants",
        interface=interface.Assistants,
        field="assistants",
        name="list_assistant_versions",
        summary="Get Assistant Versions",
        statuses=(200, 404, 413, 422, 501, 503),
        endpoint=_list_assistant_versions,
    ),
    Operation(
        operation_id="docs_get",
        method="GET",
        path="/docs",
        tag="System",
        interface=interface.System,
        field="system",
        name="get_docs",
        summary="API Documentation",
        statuses=(200, 413, 422, 501, 503),
        endpoint=_get_docs,
    ),
    Operation(
        operation_id="server_info_info_get",
        method="GET",
        path="/info",
        tag="System",
        interface=interface.System,
        field="system",
        name="get_info",
        summary="Server Information",
        statuses=(200, 413, 422, 501, 503),
        endpoint=_get_info,
    ),
    Operation(
        operation_id="get_mcp",
        method="GET",
        path="/mcp/",
        tag="MCP",
        interface=interface.MCP,
        field="mcp",
        name="get_mcp",
        summary="MCP Get",
        statuses=(405, 413, 422, 501, 503),
        endpoint=_get_mcp,
    ),
    Operation(
        operation_id="post_mcp",
        method="POST",
        path="/mcp/",
        tag="MCP",
        interface=interface.MCP,
        field="mcp",
        name="post_mcp",
        summary="MCP Post",
        statuses=(200, 202, 400, 405, 413, 422, 500, 501, 503),
        endpoint=_post_mcp,
    ),
    Operation(
        operation_id="delete_mcp",
        method="DELETE",
        path="/mcp/",
        tag="MCP",
        interface=interface.MCP,
        field="mcp",
        name="delete_mcp",
        summary="Terminate Session",
        statuses=(204, 404, 413, 422, 501, 503),
        endpoint=_delete_mcp,
    ),
    Operation(
        operation_id="system_metrics_metrics_get",
        method="GET",
        path="/metrics",
        tag="System",
        interface=interface.System,
        field="system",
        name="get_metrics",
        summary="System Metrics",
        statuses=(200, 413, 422, 501, 503),
        endpoint=_get_metrics,
    ),
    Operation(
        operation_id="health_check_ok_get",
        method="GET",
        path="/ok",
        tag="System",
        interface=interface.System,
        field="system",
        name="check_health",
        summary="Health Check",
        statuses=(200, 413, 422, 500, 501, 503),
        endpoint=_check_health,
    ),
    Operation(
        operation_id="run_stateless_runs_post",
        method="POST",
        path="/runs",
        tag="Stateless Runs",
        interface=interface.StatelessRuns,
        field="stateless_runs",
        name="create_stateless_run",
        summary="Create Background Run",
        statuses=(200, 400, 404, 409, 413, 422, 501, 503),
        endpoint=_create_stateless_run,
    ),
    Operation(
        operation_id="run_batch_stateless_runs_post",
        method="POST",
        path="/runs/batch",
        tag="Stateless Runs",
        interface=interface.StatelessRuns,
        field="stateless_runs",
        name="create_stateless_run_batch",
        summary="Create Run Batch",
        statuses=(200, 400, 404, 409, 413, 422, 501, 503),
        endpoint=_create_stateless_run_batch,
    ),
    Operation(
        operation_id="cancel_runs_post",
        method="POST",
        path="/runs/cancel",
        tag="Thread Runs",
        interface=interface.ThreadRuns,
        field="thread_runs",
        name="cancel_runs",
        summary="Cancel Runs",
        statuses=(204, 404, 413, 422, 501, 503),
        endpoint=_cancel_runs,
    ),
    Operation(
        operation_id="create_cron_runs_crons_post",
        method="POST",
        path="/runs/crons",
        tag="Crons",
        interface=interface.Crons,
        field="crons",
        name="create_cron",
        summary="Create Cron",
        statuses=(200, 400, 404, 413, 422, 501, 503),
        endpoint=_create_cron,
    ),
    Operation(
        operation_id="count_crons_runs_crons_count_post",
        method="POST",
        path="/runs/crons/count",
        tag="Crons",
        interface=interface.Crons,
        field="crons",
        name="count_crons",
        summary="Count Crons",
        statuses=(200, 404, 413, 422, 501, 503),
        endpoint=_count_crons,
    ),
    Operation(
        operation_id="search_crons_runs_crons_post",
        method="POST",
        path="/runs/crons/search",
        tag="Crons",
        interface=interface.Crons,
        field="crons",
        name="search_crons",
        summary="Search Crons",
        statuses=(200, 413, 422, 501, 503),
        endpoint=_search_crons,
    ),
    Operation(
        operation_id="get_cron_runs_crons__cron_id__get",
        method="GET",
        path="/runs/crons/{cron_id}",
        tag="Crons",
        interface=interface.Crons,
        field="crons",
        name="get_cron",
        summary="Get Cron",
        statuses=(200, 404, 413, 422, 501, 503),
        endpoint=_get_cron,
    ),
    Operation(
        operation_id="delete_cron_runs_crons__cron_id__delete",
        method="DELETE",
        path="/runs/crons/{cron_id}",
        tag="Crons",
        interface=interface.Crons,
        field="crons",
        name="delete_cron",
        summary="Delete Cron",
        statuses=(204, 404, 413, 422, 501, 503),
        endpoint=_delete_cron,
    ),
    Operation(
        operation_id="patch_cron_runs_crons__cron_id__patch",
        method="PATCH",
        path="/runs/crons/{cron_id}",
        tag="Crons",
        interface=interface.Crons,
        field="crons",
        name="patch_cron",
        summary="Update Cron",
        statuses=(200, 400, 404, 409, 413, 422, 501, 503),
        endpoint=_patch_cron,
    ),
    Operation(
        operation_id="stream_run_stateless_runs_stream_post",
        method="POST",
        path="/runs/stream",
        tag="Stateless Runs",
        interface=interface.StatelessRuns,
        field="stateless_runs",
        name="stream_stateless_run",
        summary="Create Run, Stream Output",
        statuses=(200, 400, 404, 409, 413, 422, 501, 503),
        endpoint=_stream_stateless_run,
    ),
    Operation(
        operation_id="wait_run_stateless_runs_wait_post",
        method="POST",
        path="/runs/wait",
        tag="Stateless Runs",
        interface=interface.StatelessRuns,
        field="stateless_runs",
        name="wait_stateless_run",
        summary="Create Run, Wait for Output",
        statuses=(200, 400, 404, 409, 413, 422, 501, 503),
        endpoint=_wait_stateless_run,
    ),
    Operation(
        operation_id="get_item",
        method="GET",
        path="/store/items",
        tag="Store",
        interface=interface.Store,
        field="store",
        name="get_item",
        summary="Retrieve a single item.",
        statuses=(200, 400, 413, 422, 501, 503),
        endpoint=_get_item,
    ),
    Operation(
        operation_id="put_item",
        method="PUT",
        path="/store/items",
        tag="Store",
        interface=interface.Store,
        field="store",
        name="put_item",
        summary="Store or update an item.",
        statuses=(204, 400, 413, 422, 501, 503),
        endpoint=_put_item,
    ),
    Operation(
        operation_id="delete_item",
        method="DELETE",
        path="/store/items",
        tag="Store",
        interface=interface.Store,
        field="store",
        name="delete_item",
        summary="Delete an item.",
        statuses=(204, 413, 422, 501, 503),
        endpoint=_delete_item,
    ),
    Operation(
        operation_id="search_items",
        method="POST",
        path="/store/items/search",
        tag="Store",
        interface=interface.Store,
        field="store",
        name="search_items",
        summary="Search or list items within a namespace prefix.",
        statuses=(200, 413, 422, 501, 503),
        endpoint=_search_items,
    ),
    Operation(
        operation_id="list_namespaces",
        method="POST",
        path="/store/namespaces",
        tag="Store",
        interface=interface.Store,
        field="store",
        name="list_namespaces",
        summary="List namespaces with optional match conditions.",
        statuses=(200, 413, 422, 501, 503),
        endpoint=_list_namespaces,
    ),
    Operation(
        operation_id="create_thread_threads_post",
        method="POST",
        path="/threads",
        tag="Threads",
        interface=interface.Threads,
        field="threads",
        name="create_thread",
        summary="Create Thread",
        statuses=(200, 409, 413, 422, 501, 503),
        endpoint=_create_thread,
    ),
    Operation(
        operation_id="count_threads_threads_count_post",
        method="POST",
        path="/threads/count",
        tag="Threads",
        interface=interface.Threads,
        field="threads",
        name="count_threads",
        summary="Count Threads",
        statuses=(200, 404, 413, 422, 501, 503),
        endpoint=_count_threads,
    ),
    Operation(
        operation_id="prune_threads_threads_prune_post",
        method="POST",
        path="/threads/prune",
        tag="Threads",
        interface=interface.Threads,
        field="threads",
        name="prune_threads",
        summary="Prune Threads",
        statuses=(200, 413, 422, 501, 503),
        endpoint=_prune_threads,
    ),
    Operation(
        operation_id="search_threads_threads_search_post",
        method="POST",
        path="/threads/search",
        tag="Threads",
        interface=interface.Threads,
        field="threads",
        name="search_threads",
        summary="Search Threads",
        statuses=(200, 413, 422, 501, 503),
        endpoint=_search_threads,
    ),
    Operation(
        operation_id="get_thread_threads__thread_id__get",
        method="GET",
        path="/threads/{thread_id}",
        tag="Threads",
        interface=interface.Threads,
        field="threads",
        name="get_thread",
        summary="Get Thread",
        statuses=(200, 404, 413, 422, 501, 503),
        endpoint=_get_thread,
    ),
    Operation(
        operation_id="delete_thread_threads__thread_id__delete",
        method="DELETE",
        path="/threads/{thread_id}",
        tag="Threads",
        interface=interface.Threads,
        field="threads",
        name="delete_thread",
        summary="Delete Thread",
        statuses=(204, 404, 413, 422, 501, 503),
        endpoint=_delete_thread,
    ),
    Operation(
        operation_id="patch_thread_threads__thread_id__patch",
        method="PATCH",
        path="/threads/{thread_id}",
        tag="Threads",
        interface=interface.Threads,
        field="threads",
        name="patch_thread",
        summary="Patch Thread",
        statuses=(200, 204, 404, 413, 422, 501, 503),
        endpoint=_patch_thread,
    ),
    Operation(
        operation_id="protocol_thread_command_post",
        method="POST",
        path="/threads/{thread_id}/commands",
        tag="Streaming",
        interface=interface.Streaming,
        field="streaming",
        name="send_thread_command",
        summary="Protocol v2 Command",
        statuses=(200, 400, 413, 422, 501, 503),
        endpoint=_send_thread_command,
    ),
    Operation(
        operation_id="copy_thread_post_threads__thread_id__copy_post",
        method="POST",
        path="/threads/{thread_id}/copy",
        tag="Threads",
        interface=interface.Threads,
        field="threads",
        name="copy_thread",
        summary="Copy Thread",
        statuses=(200, 404, 409, 413, 422, 501, 503),
        endpoint=_copy_thread,
    ),
    Operation(
        operation_id="get_thread_history_threads__thread_id__history_get",
        method="GET",
        path="/threads/{thread_id}/history",
        tag="Threads",
        interface=interface.Threads,
        field="threads",
        name="get_thread_history",
        summary="Get Thread History",
        statuses=(200, 404, 413, 422, 501, 503),
        endpoint=_get_thread_history,
    ),
    Operation(
        operation_id="get_thread_history_post_threads__thread_id__history_post",
        method="POST",
        path="/threads/{thread_id}/history",
        tag="Threads",
        interface=interface.Threads,
        field="threads",
        name="search_thread_history",
        summary="Get Thread History Post",
        statuses=(200, 404, 413, 422, 501, 503),
        endpoint=_search_thread_history,
    ),
    Operation(
        operation_id="list_runs_http_threads__thread_id__runs_get",
        method="GET",
        path="/threads/{thread_id}/runs",
        tag="Thread Runs",
        interface=interface.ThreadRuns,
        field="thread_runs",
        name="list_runs",
        summary="List Runs",
        statuses=(200, 404, 413, 422, 501, 503),
        endpoint=_list_runs,
    ),
    Operation(
        operation_id="create_run_threads__thread_id__runs_post",
        method="POST",
        path="/threads/{thread_id}/runs",
        tag="Thread Runs",
        interface=interface.ThreadRuns,
        field="thread_runs",
        name="create_run",
        summary="Create Background Run",
        statuses=(200, 400, 404, 409, 413, 422, 501, 503),
        endpoint=_create_run,
    ),
    Operation(
        operation_id="create_thread_cron_threads__thread_id__runs_crons_post",
        method="POST",
        path="/threads/{thread_id}/runs/crons",
        tag="Crons",
        interface=interface.Crons,
        field="crons",
        name="create_thread_cron",
        summary="Create Thread Cron",
        statuses=(200, 400, 404, 413, 422, 501, 503),
        endpoint=_create_thread_cron,
    ),
    Operation(
        operation_id="stream_run_threads__thread_id__runs_stream_post",
        method="POST",
        path="/threads/{thread_id}/runs/stream",
        tag="Thread Runs",
        interface=interface.ThreadRuns,
        field="thread_runs",
        name="stream_run",
        summary="Create Run, Stream Output",
        statuses=(200, 400, 404, 409, 413, 422, 501, 503),
        endpoint=_stream_run,
    ),
    Operation(
        operation_id="wait_run_threads__thread_id__runs_wait_post",
        method="POST",
        path="/threads/{thread_id}/runs/wait",
        tag="Thread Runs",
        interface=interface.ThreadRuns,
        field="thread_runs",
        name="wait_run",
        summary="Create Run, Wait for Output",
        statuses=(200, 400, 404, 409, 413, 422, 501, 503),
        endpoint=_wait_run,
    ),
    Operation(
        operation_id="get_run_http_threads__thread_id__runs__run_id__get",
        method="GET",
        path="/threads/{thread_id}/runs/{run_id}",
        tag="Thread Runs",
        interface=interface.ThreadRuns,
        field="thread_runs",
        name="get_run",
        summary="Get Run",
        statuses=(200, 404, 413, 422, 501, 503),
        endpoint=_get_run,
    ),
    Operation(
        operation_id="delete_run_threads__thread_id__runs__run_id__delete",
        method="DELETE",
        path="/threads/{thread_id}/runs/{run_id}",
        tag="Thread Runs",
        interface=interface.ThreadRuns,
        field="thread_runs",
        name="delete_run",
        summary="Delete Run",
        statuses=(204, 404, 413, 422, 501, 503),
        endpoint=_delete_run,
    ),
    Operation(
        operation_id="cancel_run_http_threads__thread_id__runs__run_id__cancel_post",
        method="POST",
        path="/threads/{thread_id}/runs/{run_id}/cancel",
        tag="Thread Runs",
        interface=interface.ThreadRuns,
        field="thread_runs",
        name="cancel_run",
        summary="Cancel Run",
        statuses=(200, 202, 404, 413, 422, 501, 503),
        endpoint=_cancel_run,
    ),
    Operation(
        operation_id="join_run_http_threads__thread_id__runs__run_id__join_get",
        method="GET",
        path="/threads/{thread_id}/runs/{run_id}/join",
        tag="Thread Runs",
        interface=interface.ThreadRuns,
        field="thread_runs",
        name="join_run",
        summary="Join Run",
        statuses=(200, 404, 413, 422, 501, 503),
        endpoint=_join_run,
    ),
    Operation(
        operation_id="stream_run_http_threads__thread_id__runs__run_id__join_get",
        method="GET",
        path="/threads/{thread_id}/runs/{run_id}/stream",
        tag="Thread Runs",
        interface=interface.ThreadRuns,
        field="thread_runs",
        name="join_run_stream",
        summary="Join Run Stream",
        statuses=(200, 404, 413, 422, 501, 503),
        endpoint=_join_run_stream,
    ),
    Operation(
        operation_id="get_latest_thread_state_threads__thread_id__state_get",
        method="GET",
        path="/threads/{thread_id}/state",
        tag="Threads",
        interface=interface.Threads,
        field="threads",
        name="get_thread_state",
        summary="Get Thread State",
        statuses=(200, 404, 413, 422, 501, 503),
        endpoint=_get_thread_state,
    ),
    Operation(
        operation_id="update_thread_state_threads__thread_id__state_post",
        method="POST",
        path="/threads/{thread_id}/state",
        tag="Threads",
        interface=interface.Threads,
        field="threads",
        name="update_thread_state",
        summary="Update Thread State",
        statuses=(200, 400, 404, 409, 413, 422, 501, 503),
        endpoint=_update_thread_state,
    ),
    Operation(
        operation_id="post_thread_state_at_checkpoint_threads__thread_id__state__checkpoint_id__get",
        method="POST",
        path="/threads/{thread_id}/state/checkpoint",
        tag="Threads",
        interface=interface.Threads,
        field="threads",
        name="get_thread_state_at_checkpoint_config",
        summary="Get Thread State At Checkpoint",
        statuses=(200, 404, 413, 422, 501, 503),
        endpoint=_get_thread_state_at_checkpoint_config,
    ),
    Operation(
        operation_id="get_thread_state_at_checkpoint_threads__thread_id__state__checkpoint_id__get",
        method="GET",
        path="/threads/{thread_id}/state/{checkpoint_id}",
        tag="Threads",
        interface=interface.Threads,
        field="threads",
        name="get_thread_state_at_checkpoint",
        summary="Get Thread State At Checkpoint",
        statuses=(200, 404, 413, 422, 501, 503),
        endpoint=_get_thread_state_at_checkpoint,
    ),
    Operation(
        operation_id="get_thread_storage_threads__thread_id__storage_get",
        method="GET",
        path="/threads/{thread_id}/storage",
        tag="Threads",
        interface=interface.Threads,
        field="threads",
        name="get_thread_storage",
        summary="Get Thread Storage",
        statuses=(200, 404, 413, 422, 501, 503),
        endpoint=_get_thread_storage,
    ),
    Operation(
        operation_id="join_thread_stream_threads__thread_id__stream_get",
        method="GET",
        path="/threads/{thread_id}/stream",
        tag="Threads",
        interface=interface.Threads,
        field="threads",
        name="join_thread_stream",
        summary="Join Thread Stream",
        statuses=(200, 404, 413, 422, 501, 503),
        endpoint=_join_thread_stream,
    ),
    Operation(
        operation_id="protocol_thread_events_post",
        method="POST",
        path="/threads/{thread_id}/stream/events",
        tag="Streaming",
        interface=interface.Streaming,
        field="streaming",
        name="stream_thread_events",
        summary="Protocol v2 Event Stream (SSE)",
        statuses=(200, 400, 413, 422, 501, 503),
        endpoint=_stream_thread_events,
    ),
)
"""Every operation of the contract, literal paths before templated ones."""


def register(app: FastAPI, handlers: interface.Handlers, operations: Sequence[Operation] = OPERATIONS) -> None:
    """Add operations to the app; one without a handler answers 501.

    Raises `StartupError` for a handler method whose signature does not fit.
    """
    app.router.routes.append(routes(operations, handlers))
