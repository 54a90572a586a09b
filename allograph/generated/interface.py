"""Made by `make regen` from openapi/upstream.json (langgraph-api 0.16.7) and overlays; never edited by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from allograph.generated import models
from allograph.replies import EventStream, Json, NoContent, Text


class Assistants(Protocol):
    """The operations tagged Assistants."""

    async def create_assistant(
        self,
        request: Request,
        body: models.AssistantCreate,
    ) -> Json[models.Assistant]:
        """POST /assistants: Create Assistant."""
        ...

    async def count_assistants(
        self,
        request: Request,
        body: models.AssistantCountRequest,
    ) -> Json[int]:
        """POST /assistants/count: Count Assistants."""
        ...

    async def search_assistants(
        self,
        request: Request,
        body: models.AssistantSearchRequest,
    ) -> Json[list[models.Assistant | models.SelectedAssistant]]:
        """POST /assistants/search: Search Assistants."""
        ...

    async def get_assistant(
        self,
        request: Request,
        assistant_id: UUID,
    ) -> Json[models.Assistant]:
        """GET /assistants/{assistant_id}: Get Assistant."""
        ...

    async def delete_assistant(
        self,
        request: Request,
        assistant_id: UUID,
        *,
        delete_threads: bool = False,
    ) -> NoContent:
        """DELETE /assistants/{assistant_id}: Delete Assistant."""
        ...

    async def patch_assistant(
        self,
        request: Request,
        assistant_id: UUID,
        body: models.AssistantPatch,
    ) -> Json[models.Assistant]:
        """PATCH /assistants/{assistant_id}: Patch Assistant."""
        ...

    async def get_assistant_graph(
        self,
        request: Request,
        assistant_id: str,
        *,
        xray: int | bool = False,
    ) -> Json[dict[str, list[dict[str, Any]]]]:
        """GET /assistants/{assistant_id}/graph: Get Assistant Graph."""
        ...

    async def set_latest_assistant_version(
        self,
        request: Request,
        assistant_id: UUID,
        body: models.AssistantVersionChange | None,
        *,
        version: int | None = None,
    ) -> Json[models.Assistant]:
        """POST /assistants/{assistant_id}/latest: Set Latest Assistant Version."""
        ...

    async def get_assistant_schemas(
        self,
        request: Request,
        assistant_id: UUID,
    ) -> Json[models.GraphSchema]:
        """GET /assistants/{assistant_id}/schemas: Get Assistant Schemas."""
        ...

    async def get_assistant_subgraphs(
        self,
        request: Request,
        assistant_id: UUID,
        *,
        recurse: bool = False,
    ) -> Json[models.Subgraphs]:
        """GET /assistants/{assistant_id}/subgraphs: Get Assistant Subgraphs."""
        ...

    async def get_assistant_subgraphs_by_namespace(
        self,
        request: Request,
        assistant_id: UUID,
        namespace: str,
        *,
        recurse: bool = False,
    ) -> Json[models.Subgraphs]:
        """GET /assistants/{assistant_id}/subgraphs/{namespace}: Get Assistant Subgraphs by Namespace."""
        ...

    async def list_assistant_versions(
        self,
        request: Request,
        assistant_id: UUID,
        body: models.AssistantVersionsSearchRequest | None,
    ) -> Json[list[models.Assistant]]:
        """POST /assistants/{assistant_id}/versions: Get Assistant Versions."""
        ...


class Threads(Protocol):
    """The operations tagged Threads."""

    async def create_thread(
        self,
        request: Request,
        body: models.ThreadCreate,
    ) -> Json[models.Thread]:
        """POST /threads: Create Thread."""
        ...

    async def count_threads(
        self,
        request: Request,
        body: models.ThreadCountRequest,
    ) -> Json[int]:
        """POST /threads/count: Count Threads."""
        ...

    async def prune_threads(
        self,
        request: Request,
        body: models.ThreadPruneRequest,
    ) -> Json[models.ThreadPruneResponse]:
        """POST /threads/prune: Prune Threads."""
        ...

    async def search_threads(
        self,
        request: Request,
        body: models.ThreadSearchRequest,
    ) -> Json[list[models.Thread | models.SelectedThread]]:
        """POST /threads/search: Search Threads."""
        ...

    async def get_thread(
        self,
        request: Request,
        thread_id: UUID,
        *,
        include: str | None = None,
    ) -> Json[models.Thread]:
        """GET /threads/{thread_id}: Get Thread."""
        ...

    async def delete_thread(
        self,
        request: Request,
        thread_id: UUID,
    ) -> NoContent:
        """DELETE /threads/{thread_id}: Delete Thread."""
        ...

    async def patch_thread(
        self,
        request: Request,
        thread_id: UUID,
        body: models.ThreadPatch,
    ) -> Json[models.Thread] | NoContent:
        """PATCH /threads/{thread_id}: Patch Thread."""
        ...

    async def copy_thread(
        self,
        request: Request,
        thread_id: UUID,
    ) -> Json[models.Thread]:
        """POST /threads/{thread_id}/copy: Copy Thread."""
        ...

    async def get_thread_history(
        self,
        request: Request,
        thread_id: UUID,
        *,
        limit: int = 10,
        before: str | None = None,
    ) -> Json[list[models.ThreadState]]:
        """GET /threads/{thread_id}/history: Get Thread History."""
        ...

    async def search_thread_history(
        self,
        request: Request,
        thread_id: UUID,
        body: models.ThreadStateSearch,
    ) -> Json[list[models.ThreadState]]:
        """POST /threads/{thread_id}/history: Get Thread History Post."""
        ...

    async def get_thread_state(
        self,
        request: Request,
        thread_id: UUID,
        *,
        subgraphs: bool | None = None,
    ) -> Json[models.ThreadState]:
        """GET /threads/{thread_id}/state: Get Thread State."""
        ...

    async def update_thread_state(
        self,
        request: Request,
        thread_id: UUID,
        body: models.ThreadStateUpdate,
    ) -> Json[models.ThreadStateUpdateResponse]:
        """POST /threads/{thread_id}/state: Update Thread State."""
        ...

    async def get_thread_state_at_checkpoint_config(
        self,
        request: Request,
        thread_id: UUID,
        body: models.ThreadStateCheckpointRequest,
    ) -> Json[models.ThreadState]:
        """POST /threads/{thread_id}/state/checkpoint: Get Thread State At Checkpoint."""
        ...

    async def get_thread_state_at_checkpoint(
        self,
        request: Request,
        thread_id: UUID,
        checkpoint_id: UUID,
        *,
        subgraphs: bool | None = None,
    ) -> Json[models.ThreadState]:
        """GET /threads/{thread_id}/state/{checkpoint_id}: Get Thread State At Checkpoint."""
        ...

    async def get_thread_storage(
        self,
        request: Request,
        thread_id: UUID,
    ) -> Json[models.ThreadStorage]:
        """GET /threads/{thread_id}/storage: Get Thread Storage."""
        ...

    async def join_thread_stream(
        self,
        request: Request,
        thread_id: UUID,
        *,
        stream_modes: Sequence[Literal["lifecycle", "run_modes", "state_update"]] = ("run_modes",),
        stream_mode: Sequence[Literal["lifecycle", "run_modes", "state_update"]] | None = None,
        last_event_id: str | None = None,
    ) -> EventStream[models.StreamEvent]:
        """GET /threads/{thread_id}/stream: Join Thread Stream."""
        ...


class ThreadRuns(Protocol):
    """The operations tagged Thread Runs."""

    async def cancel_runs(
        self,
        request: Request,
        body: models.RunsCancel,
        *,
        action: Literal["interrupt", "rollback"] = "interrupt",
    ) -> NoContent:
        """POST /runs/cancel: Cancel Runs."""
        ...

    async def list_runs(
        self,
        request: Request,
        thread_id: UUID,
        *,
        limit: int = 10,
        offset: int = 0,
        status: Literal["pending", "running", "error", "success", "timeout", "interrupted"] | None = None,
        select: Sequence[
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
        | None = None,
    ) -> Json[list[models.Run | models.SelectedRun]]:
        """GET /threads/{thread_id}/runs: List Runs."""
        ...

    async def create_run(
        self,
        request: Request,
        thread_id: UUID,
        body: models.RunCreateStateful,
    ) -> Json[models.Run]:
        """POST /threads/{thread_id}/runs: Create Background Run."""
        ...

    async def stream_run(
        self,
        request: Request,
        thread_id: UUID,
        body: models.RunCreateStreamingStateful,
    ) -> EventStream[models.StreamEvent]:
        """POST /threads/{thread_id}/runs/stream: Create Run, Stream Output."""
        ...

    async def wait_run(
        self,
        request: Request,
        thread_id: UUID,
        body: models.RunCreateStreamingStateful,
    ) -> Json[Any]:
        """POST /threads/{thread_id}/runs/wait: Create Run, Wait for Output."""
        ...

    async def get_run(
        self,
        request: Request,
        thread_id: UUID,
        run_id: UUID,
    ) -> Json[models.Run]:
        """GET /threads/{thread_id}/runs/{run_id}: Get Run."""
        ...

    async def delete_run(
        self,
        request: Request,
        thread_id: UUID,
        run_id: UUID,
    ) -> NoContent:
        """DELETE /threads/{thread_id}/runs/{run_id}: Delete Run."""
        ...

    async def cancel_run(
        self,
        request: Request,
        thread_id: UUID,
        run_id: UUID,
        *,
        wait: bool = False,
        action: Literal["interrupt", "rollback"] = "interrupt",
    ) -> Response:
        """POST /threads/{thread_id}/runs/{run_id}/cancel: Cancel Run."""
        ...

    async def join_run(
        self,
        request: Request,
        thread_id: UUID,
        run_id: UUID,
        *,
        cancel_on_disconnect: bool = False,
    ) -> Json[Any]:
        """GET /threads/{thread_id}/runs/{run_id}/join: Join Run."""
        ...

    async def join_run_stream(
        self,
        request: Request,
        thread_id: UUID,
        run_id: UUID,
        *,
        stream_mode: Sequence[
            Literal[
                "values", "messages", "messages-tuple", "tasks", "checkpoints", "updates", "events", "debug", "custom"
            ]
        ]
        | None = None,
        cancel_on_disconnect: bool = False,
        last_event_id: str | None = None,
    ) -> EventStream[models.StreamEvent]:
        """GET /threads/{thread_id}/runs/{run_id}/stream: Join Run Stream."""
        ...


class StatelessRuns(Protocol):
    """The operations tagged Stateless Runs."""

    async def create_stateless_run(
        self,
        request: Request,
        body: models.RunCreateStateless,
    ) -> Json[models.Run]:
        """POST /runs: Create Background Run."""
        ...

    async def create_stateless_run_batch(
        self,
        request: Request,
        body: models.RunBatchCreate,
    ) -> Json[list[models.Run]]:
        """POST /runs/batch: Create Run Batch."""
        ...

    async def stream_stateless_run(
        self,
        request: Request,
        body: models.RunCreateStreamingStateless,
    ) -> EventStream[models.StreamEvent]:
        """POST /runs/stream: Create Run, Stream Output."""
        ...

    async def wait_stateless_run(
        self,
        request: Request,
        body: models.RunCreateStreamingStateless,
    ) -> Json[Any]:
        """POST /runs/wait: Create Run, Wait for Output."""
        ...


class Crons(Protocol):
    """The operations tagged Crons."""

    async def create_cron(
        self,
        request: Request,
        body: models.CronCreate,
    ) -> Json[models.Cron]:
        """POST /runs/crons: Create Cron."""
        ...

    async def count_crons(
        self,
        request: Request,
        body: models.CronCountRequest,
    ) -> Json[int]:
        """POST /runs/crons/count: Count Crons."""
        ...

    async def search_crons(
        self,
        request: Request,
        body: models.CronSearch,
    ) -> Json[list[models.Cron | models.SelectedCron]]:
        """POST /runs/crons/search: Search Crons."""
        ...

    async def get_cron(
        self,
        request: Request,
        cron_id: UUID,
    ) -> Json[models.Cron]:
        """GET /runs/crons/{cron_id}: Get Cron."""
        ...

    async def delete_cron(
        self,
        request: Request,
        cron_id: UUID,
    ) -> NoContent:
        """DELETE /runs/crons/{cron_id}: Delete Cron."""
        ...

    async def patch_cron(
        self,
        request: Request,
        cron_id: UUID,
        body: models.CronPatch,
    ) -> Json[models.Cron]:
        """PATCH /runs/crons/{cron_id}: Update Cron."""
        ...

    async def create_thread_cron(
        self,
        request: Request,
        thread_id: UUID,
        body: models.ThreadCronCreate,
    ) -> Json[models.Cron]:
        """POST /threads/{thread_id}/runs/crons: Create Thread Cron."""
        ...


class Store(Protocol):
    """The operations tagged Store."""

    async def get_item(
        self,
        request: Request,
        *,
        key: str,
        namespace: Sequence[str],
        refresh_ttl: bool | None = None,
    ) -> Json[models.Item | Any]:
        """GET /store/items: Retrieve a single item.."""
        ...

    async def put_item(
        self,
        request: Request,
        body: models.StorePutRequest,
    ) -> NoContent:
        """PUT /store/items: Store or update an item.."""
        ...

    async def delete_item(
        self,
        request: Request,
        body: models.StoreDeleteRequest,
    ) -> NoContent:
        """DELETE /store/items: Delete an item.."""
        ...

    async def search_items(
        self,
        request: Request,
        body: models.StoreSearchRequest,
    ) -> Json[models.SearchItemsResponse]:
        """POST /store/items/search: Search or list items within a namespace prefix.."""
        ...

    async def list_namespaces(
        self,
        request: Request,
        body: models.StoreListNamespacesRequest,
    ) -> Json[models.ListNamespaceResponse]:
        """POST /store/namespaces: List namespaces with optional match conditions.."""
        ...


class A2A(Protocol):
    """The operations tagged A2A."""

    async def post_a2a(
        self,
        request: Request,
        assistant_id: UUID,
        body: bytes,
    ) -> Json[models.A2aReply] | EventStream[models.StreamEvent]:
        """POST /a2a/{assistant_id}: A2A JSON-RPC."""
        ...


class MCP(Protocol):
    """The operations tagged MCP."""

    async def get_mcp(
        self,
        request: Request,
    ) -> Response:
        """GET /mcp/: MCP Get."""
        ...

    async def post_mcp(
        self,
        request: Request,
        body: bytes,
    ) -> Response:
        """POST /mcp/: MCP Post."""
        ...

    async def delete_mcp(
        self,
        request: Request,
    ) -> NoContent:
        """DELETE /mcp/: Terminate Session."""
        ...


class System(Protocol):
    """The operations tagged System."""

    async def get_docs(
        self,
        request: Request,
    ) -> Text:
        """GET /docs: API Documentation."""
        ...

    async def get_info(
        self,
        request: Request,
    ) -> Json[models.ServerInfo]:
        """GET /info: Server Information."""
        ...

    async def get_metrics(
        self,
        request: Request,
        *,
        format: Literal["prometheus", "json"] = "prometheus",
    ) -> Text | Json[dict[str, Any]]:
        """GET /metrics: System Metrics."""
        ...

    async def check_health(
        self,
        request: Request,
        *,
        check_db: Literal[0, 1] = 0,
    ) -> Json[models.Health]:
        """GET /ok: Health Check."""
        ...


class Streaming(Protocol):
    """The operations tagged Streaming."""

    async def send_thread_command(
        self,
        request: Request,
        thread_id: UUID,
        body: models.ProtocolCommand,
    ) -> Json[models.ProtocolSuccess | models.ProtocolError]:
        """POST /threads/{thread_id}/commands: Protocol v2 Command."""
        ...

    async def stream_thread_events(
        self,
        request: Request,
        thread_id: UUID,
        body: models.ProtocolEventStreamRequest,
    ) -> EventStream[models.ProtocolStreamEvent]:
        """POST /threads/{thread_id}/stream/events: Protocol v2 Event Stream (SSE)."""
        ...


@dataclass(frozen=True)
class Handlers:
    """One handler per tag. None: no operation of the tag is implemented, each answers 501."""

    assistants: Assistants | None = None
    threads: Threads | None = None
    thread_runs: ThreadRuns | None = None
    stateless_runs: StatelessRuns | None = None
    crons: Crons | None = None
    store: Store | None = None
    a2a: A2A | None = None
    mcp: MCP | None = None
    system: System | None = None
    streaming: Streaming | None = None
