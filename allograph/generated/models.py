"""Made by `make regen` from openapi/upstream.json (langgraph-api 0.16.7) and overlays; never edited by hand."""
from __future__ import annotations

# mypy: ignore-errors

from typing import Annotated, Any, Literal
from uuid import UUID

from allograph.validation import Integer, Number
from pydantic import (
    MISSING,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    RootModel,
    StrictBool,
)
from typing_extensions import TypeAliasType


class AssistantVersionChange(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
        arbitrary_types_allowed=True,
    )
    version: Annotated[
        Integer, Field(description="The assistant version.", title="Version")
    ]


class Config(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
        arbitrary_types_allowed=True,
    )
    tags: Annotated[list[str] | MISSING, Field(title="Tags")] = MISSING
    recursion_limit: Annotated[
        Integer | MISSING, Field(ge=1, le=1000000, title="Recursion Limit")
    ] = MISSING
    configurable: Annotated[dict[str, Any] | MISSING, Field(title="Configurable")] = (
        MISSING
    )
    metadata: Annotated[
        dict[str, Any] | None | MISSING,
        Field(
            description="Metadata of the run and of its checkpoints.", title="Metadata"
        ),
    ] = MISSING


class Cron(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
    )
    cron_id: Annotated[UUID, Field(description="The ID of the cron.", title="Cron Id")]
    assistant_id: Annotated[
        UUID | None | MISSING,
        Field(description="The ID of the assistant.", title="Assistant Id"),
    ] = MISSING
    thread_id: Annotated[
        UUID | None, Field(description="The ID of the thread.", title="Thread Id")
    ]
    end_time: Annotated[
        AwareDatetime | None,
        Field(description="The end date to stop running the cron.", title="End Time"),
    ]
    schedule: Annotated[
        str, Field(description="The schedule to run, cron format.", title="Schedule")
    ]
    created_at: Annotated[
        AwareDatetime,
        Field(description="The time the cron was created.", title="Created At"),
    ]
    updated_at: Annotated[
        AwareDatetime,
        Field(description="The last time the cron was updated.", title="Updated At"),
    ]
    user_id: Annotated[
        str | None | MISSING, Field(description="The ID of the user.", title="User Id")
    ] = MISSING
    payload: Annotated[
        dict[str, Any],
        Field(
            description="The run payload to use for creating new run.", title="Payload"
        ),
    ]
    next_run_date: Annotated[
        AwareDatetime | None | MISSING,
        Field(description="The next run date of the cron.", title="Next Run Date"),
    ] = MISSING
    metadata: Annotated[
        dict[str, Any] | MISSING,
        Field(description="The cron metadata.", title="Metadata"),
    ] = MISSING
    enabled: Annotated[
        StrictBool,
        Field(
            description="Whether the cron job should be enabled. Disabled crons are not executed.",
            title="Enabled",
        ),
    ]
    timezone: Annotated[
        str | None | MISSING,
        Field(
            description="The time zone of the schedule; UTC without.", title="Timezone"
        ),
    ] = MISSING
    on_run_completed: Annotated[
        str | None | MISSING,
        Field(
            description="What happens to the thread of each run; null when the cron has one.",
            title="On Run Completed",
        ),
    ] = MISSING


class CronCreate(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
    )
    schedule: Annotated[
        str,
        Field(
            description="The cron schedule to execute this job on.",
            examples=["*/5 * * * *", "0 9 * * MON-FRI", "@daily"],
            max_length=1000,
            min_length=1,
            title="Schedule",
        ),
    ]
    timezone: Annotated[
        str | MISSING,
        Field(
            description="IANA timezone for the cron schedule (e.g. 'America/New_York'). Defaults to null, which is treated as UTC.",
            examples=["America/New_York", "Europe/Berlin", "UTC"],
            title="Timezone",
        ),
    ] = MISSING
    end_time: Annotated[
        AwareDatetime | MISSING,
        Field(description="The end date to stop running the cron.", title="End Time"),
    ] = MISSING
    assistant_id: Annotated[
        UUID | str,
        Field(
            description="The assistant ID or graph name to run. If using graph name, will default to the assistant automatically created from that graph by the server."
        ),
    ]
    input: Annotated[
        list[dict[str, Any]] | dict[str, Any] | MISSING,
        Field(description="The input to the graph.", title="Input"),
    ] = MISSING
    metadata: Annotated[
        dict[str, Any] | MISSING,
        Field(description="Metadata to assign to the cron job runs.", title="Metadata"),
    ] = MISSING
    config: Config | MISSING = MISSING
    context: Annotated[
        dict[str, Any] | MISSING,
        Field(description="Static context added to the assistant.", title="Context"),
    ] = MISSING
    webhook: Annotated[
        str | MISSING,
        Field(
            description="Webhook to call after LangGraph API call is done.",
            max_length=65536,
            min_length=1,
            title="Webhook",
        ),
    ] = MISSING
    interrupt_before: Annotated[
        Literal["*"] | list[str] | MISSING,
        Field(
            description="Nodes to interrupt immediately before they get executed.",
            title="Interrupt Before",
        ),
    ] = MISSING
    interrupt_after: Annotated[
        Literal["*"] | list[str] | MISSING,
        Field(
            description="Nodes to interrupt immediately after they get executed.",
            title="Interrupt After",
        ),
    ] = MISSING
    on_run_completed: Annotated[
        Literal["delete", "keep"],
        Field(
            description="What to do with the thread after the run completes. 'delete' removes the thread after execution. 'keep' creates a new thread for each execution but does not clean them up.",
            title="On Run Completed",
        ),
    ] = "delete"
    enabled: Annotated[
        StrictBool,
        Field(
            description="Whether the cron job should be enabled. Disabled crons are not executed.",
            title="Enabled",
        ),
    ] = True
    stream_mode: Annotated[
        list[
            Literal[
                "values",
                "messages",
                "messages-tuple",
                "tasks",
                "checkpoints",
                "updates",
                "events",
                "debug",
                "custom",
            ]
        ]
        | Literal[
            "values",
            "messages",
            "messages-tuple",
            "tasks",
            "checkpoints",
            "updates",
            "events",
            "debug",
            "custom",
        ],
        Field(description="The stream mode(s) to use.", title="Stream Mode"),
    ] = ["values"]
    stream_subgraphs: Annotated[
        StrictBool,
        Field(
            description="Whether to stream output from subgraphs.",
            title="Stream Subgraphs",
        ),
    ] = False
    stream_resumable: Annotated[
        StrictBool,
        Field(
            description="Whether to persist the stream chunks in order to resume the stream later.",
            title="Stream Resumable",
        ),
    ] = False
    durability: Annotated[
        Literal["sync", "async", "exit"],
        Field(
            description="Durability level for the run. Must be one of `sync`, `async`, or `exit`. See [durability modes](https://docs.langchain.com/oss/python/langgraph/durable-execution#durability-modes) for more details.",
            title="Durability",
        ),
    ] = "async"
    multitask_strategy: Annotated[
        Literal["reject", "rollback", "interrupt", "enqueue"],
        Field(
            description="What happens when a run of the thread is active.",
            title="Multitask Strategy",
        ),
    ] = "enqueue"
    checkpoint_during: Annotated[
        StrictBool | MISSING,
        Field(
            deprecated=True,
            description="The older form of `durability`.",
            title="Checkpoint During",
        ),
    ] = MISSING


class CronPatch(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
    )
    schedule: Annotated[
        str | MISSING,
        Field(
            description="The cron schedule to execute this job on.",
            examples=["*/5 * * * *", "0 9 * * MON-FRI", "@daily"],
            max_length=1000,
            min_length=1,
            title="Schedule",
        ),
    ] = MISSING
    timezone: Annotated[
        str | MISSING,
        Field(
            description="IANA timezone for the cron schedule (e.g. 'America/New_York'). Defaults to null, which is treated as UTC.",
            examples=["America/New_York", "Europe/Berlin", "UTC"],
            title="Timezone",
        ),
    ] = MISSING
    end_time: Annotated[
        AwareDatetime | None | MISSING,
        Field(
            description="The end date to stop running the cron. Send null to clear a previously set end time; omit this field to leave the existing value unchanged.",
            title="End Time",
        ),
    ] = MISSING
    input: Annotated[
        list[dict[str, Any]] | dict[str, Any] | MISSING,
        Field(description="The input to the graph.", title="Input"),
    ] = MISSING
    metadata: Annotated[
        dict[str, Any] | MISSING,
        Field(
            description="Metadata to merge with existing cron job metadata.",
            title="Metadata",
        ),
    ] = MISSING
    config: Annotated[
        Config | MISSING,
        Field(description="The configuration for the assistant.", title="Config"),
    ] = MISSING
    context: Annotated[
        dict[str, Any] | MISSING,
        Field(description="Static context added to the assistant.", title="Context"),
    ] = MISSING
    webhook: Annotated[
        str | MISSING,
        Field(
            description="Webhook to call after LangGraph API call is done.",
            max_length=65536,
            min_length=1,
            title="Webhook",
        ),
    ] = MISSING
    interrupt_before: Annotated[
        Literal["*"] | list[str] | MISSING,
        Field(
            description="Nodes to interrupt immediately before they get executed.",
            title="Interrupt Before",
        ),
    ] = MISSING
    interrupt_after: Annotated[
        Literal["*"] | list[str] | MISSING,
        Field(
            description="Nodes to interrupt immediately after they get executed.",
            title="Interrupt After",
        ),
    ] = MISSING
    on_run_completed: Annotated[
        Literal["delete", "keep"] | MISSING,
        Field(
            description="What to do with the thread after the run completes. 'delete' removes the thread after execution. 'keep' creates a new thread for each execution but does not clean them up.",
            title="On Run Completed",
        ),
    ] = MISSING
    enabled: Annotated[
        StrictBool | MISSING,
        Field(description="Enable or disable the cron job.", title="Enabled"),
    ] = MISSING
    stream_mode: Annotated[
        list[
            Literal[
                "values",
                "messages",
                "messages-tuple",
                "tasks",
                "checkpoints",
                "updates",
                "events",
                "debug",
                "custom",
            ]
        ]
        | Literal[
            "values",
            "messages",
            "messages-tuple",
            "tasks",
            "checkpoints",
            "updates",
            "events",
            "debug",
            "custom",
        ],
        Field(description="The stream mode(s) to use.", title="Stream Mode"),
    ] = ["values"]
    stream_subgraphs: Annotated[
        StrictBool,
        Field(
            description="Whether to stream output from subgraphs.",
            title="Stream Subgraphs",
        ),
    ] = False
    stream_resumable: Annotated[
        StrictBool,
        Field(
            description="Whether to persist the stream chunks in order to resume the stream later.",
            title="Stream Resumable",
        ),
    ] = False
    durability: Annotated[
        Literal["sync", "async", "exit"],
        Field(
            description="Durability level for the run. Must be one of `sync`, `async`, or `exit`. See [durability modes](https://docs.langchain.com/oss/python/langgraph/durable-execution#durability-modes) for more details.",
            title="Durability",
        ),
    ] = "async"
    multitask_strategy: Annotated[
        Literal["reject", "rollback", "interrupt", "enqueue"],
        Field(
            description="What happens when a run of the thread is active.",
            title="Multitask Strategy",
        ),
    ] = "enqueue"
    checkpoint_during: Annotated[
        StrictBool | MISSING,
        Field(
            deprecated=True,
            description="The older form of `durability`.",
            title="Checkpoint During",
        ),
    ] = MISSING


class CronSearch(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
        arbitrary_types_allowed=True,
    )
    assistant_id: Annotated[
        UUID | MISSING,
        Field(
            description="The assistant ID or graph name to filter by using exact match.",
            title="Assistant Id",
        ),
    ] = MISSING
    thread_id: Annotated[
        UUID | MISSING,
        Field(description="The thread ID to search for.", title="Thread Id"),
    ] = MISSING
    enabled: Annotated[
        StrictBool | MISSING,
        Field(
            description="Filter by enabled status. If not provided, returns both enabled and disabled crons.",
            title="Enabled",
        ),
    ] = MISSING
    metadata: Annotated[
        dict[str, Any] | MISSING,
        Field(
            description="Metadata to filter by. Exact match filter for each KV pair.",
            title="Metadata",
        ),
    ] = MISSING
    limit: Annotated[
        Integer,
        Field(
            description="The maximum number of results to return.",
            ge=1,
            le=1000,
            title="Limit",
        ),
    ] = 10
    offset: Annotated[
        Integer,
        Field(
            description="The number of results to skip.",
            ge=0,
            le=2147483647,
            title="Offset",
        ),
    ] = 0
    sort_by: Annotated[
        Literal[
            "cron_id",
            "assistant_id",
            "thread_id",
            "next_run_date",
            "end_time",
            "created_at",
            "updated_at",
        ],
        Field(description="The field to sort by.", title="Sort By"),
    ] = "created_at"
    sort_order: Annotated[
        Literal["asc", "desc"],
        Field(description="The order to sort by.", title="Sort Order"),
    ] = "desc"
    select: Annotated[
        list[
            Literal[
                "cron_id",
                "assistant_id",
                "thread_id",
                "on_run_completed",
                "end_time",
                "schedule",
                "timezone",
                "created_at",
                "updated_at",
                "user_id",
                "payload",
                "next_run_date",
                "metadata",
                "enabled",
            ]
        ]
        | MISSING,
        Field(
            description="Specify which fields to return. If not provided, all fields are returned.",
            title="Select",
        ),
    ] = MISSING


class CronCountRequest(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
    )
    assistant_id: Annotated[
        UUID | MISSING,
        Field(
            description="The assistant ID or graph name to search for.",
            title="Assistant Id",
        ),
    ] = MISSING
    thread_id: Annotated[
        UUID | MISSING,
        Field(description="The thread ID to search for.", title="Thread Id"),
    ] = MISSING
    metadata: Annotated[
        dict[str, Any] | MISSING,
        Field(
            description="Metadata to filter by. Exact match filter for each KV pair.",
            title="Metadata",
        ),
    ] = MISSING


class GraphSchema(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
    )
    graph_id: Annotated[
        str, Field(description="The ID of the graph.", title="Graph Id")
    ]
    input_schema: Annotated[
        dict[str, Any] | MISSING,
        Field(
            description="The schema for the graph input. Missing if unable to generate JSON schema from graph.",
            title="Input Schema",
        ),
    ] = MISSING
    output_schema: Annotated[
        dict[str, Any] | MISSING,
        Field(
            description="The schema for the graph output. Missing if unable to generate JSON schema from graph.",
            title="Output Schema",
        ),
    ] = MISSING
    state_schema: Annotated[
        dict[str, Any],
        Field(
            description="The schema for the graph state. Missing if unable to generate JSON schema from graph.",
            title="State Schema",
        ),
    ]
    config_schema: Annotated[
        dict[str, Any] | MISSING,
        Field(
            description="The schema for the graph config. Missing if unable to generate JSON schema from graph.",
            title="Config Schema",
        ),
    ] = MISSING
    context_schema: Annotated[
        dict[str, Any] | MISSING,
        Field(
            description="The schema for the graph context. Missing if unable to generate JSON schema from graph.",
            title="Context Schema",
        ),
    ] = MISSING


class GraphSchemaNoId(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
    )
    input_schema: Annotated[
        dict[str, Any],
        Field(
            description="The schema for the graph input. Missing if unable to generate JSON schema from graph.",
            title="Input Schema",
        ),
    ]
    output_schema: Annotated[
        dict[str, Any],
        Field(
            description="The schema for the graph output. Missing if unable to generate JSON schema from graph.",
            title="Output Schema",
        ),
    ]
    state_schema: Annotated[
        dict[str, Any],
        Field(
            description="The schema for the graph state. Missing if unable to generate JSON schema from graph.",
            title="State Schema",
        ),
    ]
    config_schema: Annotated[
        dict[str, Any] | MISSING,
        Field(
            description="The schema for the graph config. Missing if unable to generate JSON schema from graph.",
            title="Config Schema",
        ),
    ] = MISSING
    context_schema: Annotated[
        dict[str, Any] | MISSING,
        Field(
            description="The schema for the graph context. Missing if unable to generate JSON schema from graph.",
            title="Context Schema",
        ),
    ] = MISSING


class Subgraphs(RootModel[dict[str, GraphSchemaNoId]]):
    root: dict[str, GraphSchemaNoId]


class Run(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
    )
    run_id: Annotated[UUID, Field(description="The ID of the run.", title="Run Id")]
    thread_id: Annotated[
        UUID, Field(description="The ID of the thread.", title="Thread Id")
    ]
    assistant_id: Annotated[
        UUID,
        Field(
            description="The assistant that was used for this run.",
            title="Assistant Id",
        ),
    ]
    created_at: Annotated[
        AwareDatetime,
        Field(description="The time the run was created.", title="Created At"),
    ]
    updated_at: Annotated[
        AwareDatetime,
        Field(description="The last time the run was updated.", title="Updated At"),
    ]
    status: Annotated[
        Literal["pending", "running", "error", "success", "timeout", "interrupted"],
        Field(
            description="The status of the run. One of 'pending', 'running', 'error', 'success', 'timeout', 'interrupted'.",
            title="Status",
        ),
    ]
    metadata: Annotated[
        dict[str, Any], Field(description="The run metadata.", title="Metadata")
    ]
    kwargs: Annotated[dict[str, Any], Field(title="Kwargs")]
    multitask_strategy: Annotated[
        Literal["reject", "rollback", "interrupt", "enqueue"],
        Field(
            description="Strategy to handle concurrent runs on the same thread.",
            title="Multitask Strategy",
        ),
    ]
    langsmith_session_name: Annotated[
        str | None | MISSING,
        Field(
            description="LangSmith tracing session (project) name for this run, when tracing is enabled at creation time.",
            title="Langsmith Session Name",
        ),
    ] = MISSING


class Send(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
        arbitrary_types_allowed=True,
    )
    node: Annotated[
        str, Field(description="The node to send the message to.", title="Node")
    ]
    input: Annotated[
        dict[str, Any] | list[Any] | Number | str | StrictBool | None,
        Field(description="The message to send.", title="Message"),
    ]


class Command(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
        arbitrary_types_allowed=True,
    )
    update: Annotated[
        dict[str, Any] | list[Any] | None | MISSING,
        Field(description="An update to the state.", title="Update"),
    ] = MISSING
    resume: Annotated[
        dict[str, Any] | list[Any] | Number | str | StrictBool | None | MISSING,
        Field(description="A value to pass to an interrupted node.", title="Resume"),
    ] = MISSING
    goto: Annotated[
        Send | list[Send] | str | list[str] | None | MISSING,
        Field(
            description="Name of the node(s) to navigate to next or node(s) to be executed with a provided input.",
            title="Goto",
        ),
    ] = MISSING


class AssistantSearchRequest(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
        arbitrary_types_allowed=True,
    )
    metadata: Annotated[
        dict[str, Any] | MISSING,
        Field(
            description="Metadata to filter by. Exact match filter for each KV pair.",
            title="Metadata",
        ),
    ] = MISSING
    graph_id: Annotated[
        str | MISSING,
        Field(
            description="The ID of the graph to filter by. The graph ID is normally set in your langgraph.json configuration.",
            title="Graph Id",
        ),
    ] = MISSING
    name: Annotated[
        str | MISSING,
        Field(
            description="Name of the assistant to filter by. The filtering logic will match (case insensitive) assistants where 'name' is a substring of the assistant name.",
            title="Name",
        ),
    ] = MISSING
    limit: Annotated[
        Integer,
        Field(
            description="The maximum number of results to return.",
            ge=1,
            le=1000,
            title="Limit",
        ),
    ] = 10
    offset: Annotated[
        Integer,
        Field(
            description="The number of results to skip.",
            ge=0,
            le=2147483647,
            title="Offset",
        ),
    ] = 0
    sort_by: Annotated[
        Literal["assistant_id", "created_at", "updated_at", "name", "graph_id"]
        | MISSING,
        Field(description="The field to sort by.", title="Sort By"),
    ] = MISSING
    sort_order: Annotated[
        Literal["asc", "desc"] | MISSING,
        Field(description="The order to sort by.", title="Sort Order"),
    ] = MISSING
    select: Annotated[
        list[
            Literal[
                "assistant_id",
                "graph_id",
                "name",
                "description",
                "config",
                "context",
                "created_at",
                "updated_at",
                "metadata",
                "version",
            ]
        ]
        | MISSING,
        Field(
            description="Specify which fields to return. If not provided, all fields are returned.",
            title="Select",
        ),
    ] = MISSING


class AssistantCountRequest(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
    )
    metadata: Annotated[
        dict[str, Any] | MISSING,
        Field(
            description="Metadata to filter by. Exact match filter for each KV pair.",
            title="Metadata",
        ),
    ] = MISSING
    graph_id: Annotated[
        str | MISSING,
        Field(
            description="The ID of the graph to filter by. The graph ID is normally set in your langgraph.json configuration.",
            title="Graph Id",
        ),
    ] = MISSING
    name: Annotated[
        str | MISSING,
        Field(
            description="Name of the assistant to filter by. The filtering logic will match (case insensitive) assistants where 'name' is a substring of the assistant name.",
            title="Name",
        ),
    ] = MISSING


class AssistantVersionsSearchRequest(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
        arbitrary_types_allowed=True,
    )
    metadata: Annotated[
        dict[str, Any] | MISSING,
        Field(
            description="Metadata to filter versions by. Exact match filter for each KV pair.",
            title="Metadata",
        ),
    ] = MISSING
    limit: Annotated[
        Integer,
        Field(
            description="The maximum number of versions to return.",
            ge=1,
            le=1000,
            title="Limit",
        ),
    ] = 10
    offset: Annotated[
        Integer,
        Field(
            description="The number of versions to skip.",
            ge=0,
            le=2147483647,
            title="Offset",
        ),
    ] = 0


ExtractAdditionalProperty = TypeAliasType(
    "ExtractAdditionalProperty",
    Annotated[
        str,
        Field(
            pattern="^(config|interrupts|metadata|values)(\\.[^.\\[\\]]+|\\.?\\[-?[0-9]{1,9}\\])*$"
        ),
    ],
)


class ThreadSearchRequest(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
        arbitrary_types_allowed=True,
    )
    ids: Annotated[
        list[UUID] | MISSING,
        Field(
            description="List of thread IDs to include. Others are excluded.",
            title="Ids",
        ),
    ] = MISSING
    metadata: Annotated[
        dict[str, Any] | MISSING,
        Field(description="Thread metadata to filter on.", title="Metadata"),
    ] = MISSING
    values: Annotated[
        dict[str, Any] | MISSING,
        Field(description="State values to filter on.", title="Values"),
    ] = MISSING
    status: Annotated[
        Literal["idle", "busy", "interrupted", "error"] | MISSING,
        Field(description="Thread status to filter on.", title="Status"),
    ] = MISSING
    limit: Annotated[
        Integer,
        Field(description="Maximum number to return.", ge=1, le=1000, title="Limit"),
    ] = 10
    offset: Annotated[
        Integer,
        Field(description="Offset to start from.", ge=0, le=2147483647, title="Offset"),
    ] = 0
    sort_by: Annotated[
        Literal["thread_id", "status", "created_at", "updated_at", "state_updated_at"]
        | MISSING,
        Field(description="Sort by field.", title="Sort By"),
    ] = MISSING
    sort_order: Annotated[
        Literal["asc", "desc"] | MISSING,
        Field(description="Sort order.", title="Sort Order"),
    ] = MISSING
    select: Annotated[
        list[
            Literal[
                "thread_id",
                "created_at",
                "updated_at",
                "state_updated_at",
                "metadata",
                "config",
                "status",
                "values",
                "interrupts",
            ]
        ]
        | MISSING,
        Field(
            description="Specify which fields to return. If not provided, all fields are returned.",
            title="Select",
        ),
    ] = MISSING
    extract: Annotated[
        dict[str, ExtractAdditionalProperty] | MISSING,
        Field(
            description='Map of alias to JSONB path for extracting specific values. Paths must start with values, metadata, config, or interrupts. Example: {"last_msg": "values.messages[-1]"}.',
            max_length=10,
            title="Extract",
        ),
    ] = MISSING


class ThreadCountRequest(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
    )
    metadata: Annotated[
        dict[str, Any] | MISSING,
        Field(description="Thread metadata to filter on.", title="Metadata"),
    ] = MISSING
    values: Annotated[
        dict[str, Any] | MISSING,
        Field(description="State values to filter on.", title="Values"),
    ] = MISSING
    status: Annotated[
        Literal["idle", "busy", "interrupted", "error"] | MISSING,
        Field(description="Thread status to filter on.", title="Status"),
    ] = MISSING


class ThreadPruneRequest(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
    )
    thread_ids: Annotated[
        list[UUID],
        Field(description="List of thread IDs to prune.", title="Thread IDs"),
    ]
    strategy: Annotated[
        Literal["delete", "keep_latest"],
        Field(
            description="The prune strategy. 'delete' removes threads entirely. 'keep_latest' prunes old checkpoints but keeps threads and their latest state.",
            title="Strategy",
        ),
    ] = "delete"


class ThreadPruneResponse(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
        arbitrary_types_allowed=True,
    )
    pruned_count: Annotated[
        Integer,
        Field(
            description="Number of threads successfully pruned.", title="Pruned Count"
        ),
    ]


class Checkpoints(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
        arbitrary_types_allowed=True,
    )
    count: Annotated[Integer, Field(title="Count")]
    bytes: Annotated[Integer, Field(title="Bytes")]


class ByChannel(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
        arbitrary_types_allowed=True,
    )
    versions: Annotated[Integer, Field(title="Versions")]
    bytes: Annotated[Integer, Field(title="Bytes")]


class ChannelValues(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
        arbitrary_types_allowed=True,
    )
    count: Annotated[Integer, Field(title="Count")]
    bytes: Annotated[Integer, Field(title="Bytes")]
    by_channel: Annotated[dict[str, ByChannel], Field(title="By Channel")]


class ThreadStorage(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
        arbitrary_types_allowed=True,
    )
    thread_id: Annotated[UUID, Field(title="Thread Id")]
    total_bytes: Annotated[
        Integer,
        Field(description="Sum of the three sections below.", title="Total Bytes"),
    ]
    checkpoints: Annotated[
        Checkpoints,
        Field(
            description="Checkpoint rows: serialized checkpoint plus metadata.",
            title="Checkpoints",
        ),
    ]
    channel_values: Annotated[
        ChannelValues,
        Field(
            description="Stored channel values, one row per channel version.",
            title="Channel Values",
        ),
    ]
    pending_writes: Annotated[
        Checkpoints,
        Field(
            description="Task writes not yet folded into a checkpoint.",
            title="Pending Writes",
        ),
    ]


class ThreadSuperstepUpdate(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
    )
    values: list[dict[str, Any]] | dict[str, Any] | None | MISSING = MISSING
    command: Annotated[
        Command | None | MISSING,
        Field(description="The command associated with the update."),
    ] = MISSING
    as_node: Annotated[
        str, Field(description="Update the state as if this node had just executed.")
    ]


class ThreadStateUpdateResponse(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
    )
    checkpoint: Annotated[dict[str, Any] | MISSING, Field(title="Checkpoint")] = MISSING


class CheckpointConfig(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
    )
    thread_id: Annotated[
        str | MISSING,
        Field(
            description="Unique identifier for the thread associated with this checkpoint."
        ),
    ] = MISSING
    checkpoint_ns: Annotated[
        str | MISSING,
        Field(
            description="Namespace for the checkpoint, used for organization and retrieval."
        ),
    ] = MISSING
    checkpoint_id: Annotated[
        UUID | MISSING,
        Field(description="Optional unique identifier for the checkpoint itself."),
    ] = MISSING
    checkpoint_map: Annotated[
        dict[str, Any] | MISSING,
        Field(description="Optional dictionary containing checkpoint-specific data."),
    ] = MISSING


class NamespaceItem(RootModel[str]):
    root: Annotated[str, Field(max_length=1024, min_length=1, pattern="^[^.]+$")]


class Ttl(RootModel[Number]):
    root: Annotated[
        Number,
        Field(
            description="Optional time-to-live in minutes for the item, or null for no expiration.",
            ge=0.01,
            le=52560000,
            title="TTL",
        ),
    ]


class StorePutRequest(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
    )
    namespace: Annotated[
        list[NamespaceItem],
        Field(
            description="A list of strings representing the namespace path.",
            max_length=64,
            min_length=1,
            title="Namespace",
        ),
    ]
    key: Annotated[
        str,
        Field(
            description="The unique identifier for the item within the namespace.",
            max_length=1024,
            title="Key",
        ),
    ]
    value: Annotated[
        dict[str, Any],
        Field(description="A dictionary containing the item's data.", title="Value"),
    ]
    index: Annotated[
        Literal[False] | list[str] | None,
        Field(
            description="Controls search indexing - null (use defaults), false (disable), or list of field paths to index.",
            title="Index",
        ),
    ] = None
    ttl: Annotated[
        Ttl | None,
        Field(
            description="Optional time-to-live in minutes for the item, or null for no expiration.",
            title="TTL",
        ),
    ] = None


class StoreDeleteRequest(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
    )
    namespace: Annotated[
        list[NamespaceItem],
        Field(
            description="A list of strings representing the namespace path.",
            max_length=64,
            min_length=1,
            title="Namespace",
        ),
    ]
    key: Annotated[
        str,
        Field(
            description="The unique identifier for the item.",
            max_length=1024,
            title="Key",
        ),
    ]


class NamespacePrefixItem(RootModel[str]):
    root: Annotated[str, Field(max_length=1024, min_length=1, pattern="^[^.]+$")]


class StoreSearchRequest(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
        arbitrary_types_allowed=True,
    )
    namespace_prefix: Annotated[
        list[NamespacePrefixItem] | None | MISSING,
        Field(
            description="List of strings representing the namespace prefix.",
            max_length=64,
            title="Namespace Prefix",
        ),
    ] = MISSING
    filter: Annotated[
        dict[str, Any] | None | MISSING,
        Field(
            description="Optional dictionary of key-value pairs to filter results.",
            title="Filter",
        ),
    ] = MISSING
    limit: Annotated[
        Integer,
        Field(
            description="Maximum number of items to return (default is 10).",
            ge=1,
            le=10000,
            title="Limit",
        ),
    ] = 10
    offset: Annotated[
        Integer,
        Field(
            description="Number of items to skip before returning results (default is 0).",
            ge=0,
            le=2147483647,
            title="Offset",
        ),
    ] = 0
    query: Annotated[
        str | None | MISSING,
        Field(
            description="Optional natural language search query. If not provided, items are returned ordered by last updated time (listing mode). If provided, performs a natural language search over item contents.",
            title="Query",
        ),
    ] = MISSING
    refresh_ttl: Annotated[
        StrictBool | None,
        Field(
            description="Whether to refresh the TTL on items returned by this search. If null, uses the store's default behavior.",
            title="Refresh TTL",
        ),
    ] = None


class PrefixItem(RootModel[str]):
    root: Annotated[str, Field(max_length=1024, min_length=1, pattern="^[^.]+$")]


class SuffixItem(RootModel[str]):
    root: Annotated[str, Field(max_length=1024, min_length=1, pattern="^[^.]+$")]


class StoreListNamespacesRequest(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
        arbitrary_types_allowed=True,
    )
    prefix: Annotated[
        list[PrefixItem] | MISSING,
        Field(
            description="Optional list of strings representing the prefix to filter namespaces.",
            max_length=64,
            title="Prefix",
        ),
    ] = MISSING
    suffix: Annotated[
        list[SuffixItem] | MISSING,
        Field(
            description="Optional list of strings representing the suffix to filter namespaces.",
            max_length=64,
            title="Suffix",
        ),
    ] = MISSING
    max_depth: Annotated[
        Integer | MISSING,
        Field(
            description="Optional integer specifying the maximum depth of namespaces to return.",
            ge=1,
            le=2147483647,
            title="Max Depth",
        ),
    ] = MISSING
    limit: Annotated[
        Integer,
        Field(
            description="Maximum number of namespaces to return (default is 100).",
            ge=1,
            le=10000,
            title="Limit",
        ),
    ] = 100
    offset: Annotated[
        Integer,
        Field(
            description="Number of namespaces to skip before returning results (default is 0).",
            ge=0,
            le=2147483647,
            title="Offset",
        ),
    ] = 0


class Item(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
    )
    namespace: Annotated[
        list[str],
        Field(
            description="The namespace of the item. A namespace is analogous to a document's directory."
        ),
    ]
    key: Annotated[
        str,
        Field(
            description="The unique identifier of the item within its namespace. In general, keys needn't be globally unique."
        ),
    ]
    value: Annotated[
        dict[str, Any],
        Field(description="The value stored in the item. This is the document itself."),
    ]
    created_at: Annotated[
        AwareDatetime, Field(description="The timestamp when the item was created.")
    ]
    updated_at: Annotated[
        AwareDatetime,
        Field(description="The timestamp when the item was last updated."),
    ]


class RunsCancel1(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
    )
    status: Annotated[
        Literal["pending", "running", "all"],
        Field(
            description="Filter runs by status to cancel. Must be one of 'pending', 'running', or 'all'.",
            title="Status",
        ),
    ]
    thread_id: Annotated[
        UUID | MISSING,
        Field(
            description="The ID of the thread containing runs to cancel.",
            title="Thread Id",
        ),
    ] = MISSING
    run_ids: Annotated[
        list[UUID] | MISSING,
        Field(description="List of run IDs to cancel.", title="Run Ids"),
    ] = MISSING


class RunsCancel2(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
    )
    status: Annotated[
        Literal["pending", "running", "all"] | MISSING,
        Field(
            description="Filter runs by status to cancel. Must be one of 'pending', 'running', or 'all'.",
            title="Status",
        ),
    ] = MISSING
    thread_id: Annotated[
        UUID,
        Field(
            description="The ID of the thread containing runs to cancel.",
            title="Thread Id",
        ),
    ]
    run_ids: Annotated[
        list[UUID], Field(description="List of run IDs to cancel.", title="Run Ids")
    ]


class RunsCancel(RootModel[RunsCancel1 | RunsCancel2]):
    root: Annotated[
        RunsCancel1 | RunsCancel2,
        Field(description="Payload for cancelling runs.", title="RunsCancel"),
    ]


class SearchItemsResponse(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
    )
    items: list[Item]


class ListNamespaceResponse(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
    )
    namespaces: list[list[str]]


class ErrorResponse(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
    )
    detail: Annotated[str, Field(description="Human-readable error message")]


class ThreadCronCreate(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
    )
    schedule: Annotated[
        str,
        Field(
            description="The cron schedule to execute this job on.",
            examples=["*/5 * * * *", "0 9 * * MON-FRI", "@daily"],
            max_length=1000,
            min_length=1,
            title="Schedule",
        ),
    ]
    timezone: Annotated[
        str | MISSING,
        Field(
            description="IANA timezone for the cron schedule (e.g. 'America/New_York'). Defaults to null, which is treated as UTC.",
            examples=["America/New_York", "Europe/Berlin", "UTC"],
            title="Timezone",
        ),
    ] = MISSING
    end_time: Annotated[
        AwareDatetime | MISSING,
        Field(description="The end date to stop running the cron.", title="End Time"),
    ] = MISSING
    assistant_id: Annotated[
        UUID | str,
        Field(
            description="The assistant ID or graph name to run. If using graph name, will default to the assistant automatically created from that graph by the server."
        ),
    ]
    input: Annotated[
        list[dict[str, Any]] | dict[str, Any] | MISSING,
        Field(description="The input to the graph.", title="Input"),
    ] = MISSING
    metadata: Annotated[
        dict[str, Any] | MISSING,
        Field(description="Metadata to assign to the cron job runs.", title="Metadata"),
    ] = MISSING
    config: Config | MISSING = MISSING
    context: Annotated[
        dict[str, Any] | MISSING,
        Field(description="Static context added to the assistant.", title="Context"),
    ] = MISSING
    webhook: Annotated[
        str | MISSING,
        Field(
            description="Webhook to call after LangGraph API call is done.",
            max_length=65536,
            min_length=1,
            title="Webhook",
        ),
    ] = MISSING
    interrupt_before: Annotated[
        Literal["*"] | list[str] | MISSING,
        Field(
            description="Nodes to interrupt immediately before they get executed.",
            title="Interrupt Before",
        ),
    ] = MISSING
    interrupt_after: Annotated[
        Literal["*"] | list[str] | MISSING,
        Field(
            description="Nodes to interrupt immediately after they get executed.",
            title="Interrupt After",
        ),
    ] = MISSING
    multitask_strategy: Annotated[
        Literal["reject", "rollback", "interrupt", "enqueue"],
        Field(
            description="Multitask strategy to use. Must be one of 'reject', 'interrupt', 'rollback', or 'enqueue'.",
            title="Multitask Strategy",
        ),
    ] = "enqueue"
    enabled: Annotated[
        StrictBool,
        Field(
            description="Whether the cron job should be enabled. Disabled crons are not executed.",
            title="Enabled",
        ),
    ] = True
    stream_mode: Annotated[
        list[
            Literal[
                "values",
                "messages",
                "messages-tuple",
                "tasks",
                "checkpoints",
                "updates",
                "events",
                "debug",
                "custom",
            ]
        ]
        | Literal[
            "values",
            "messages",
            "messages-tuple",
            "tasks",
            "checkpoints",
            "updates",
            "events",
            "debug",
            "custom",
        ],
        Field(description="The stream mode(s) to use.", title="Stream Mode"),
    ] = ["values"]
    stream_subgraphs: Annotated[
        StrictBool,
        Field(
            description="Whether to stream output from subgraphs.",
            title="Stream Subgraphs",
        ),
    ] = False
    stream_resumable: Annotated[
        StrictBool,
        Field(
            description="Whether to persist the stream chunks in order to resume the stream later.",
            title="Stream Resumable",
        ),
    ] = False
    durability: Annotated[
        Literal["sync", "async", "exit"],
        Field(
            description="Durability level for the run. Must be one of `sync`, `async`, or `exit`. See [durability modes](https://docs.langchain.com/oss/python/langgraph/durable-execution#durability-modes) for more details.",
            title="Durability",
        ),
    ] = "async"
    checkpoint_during: Annotated[
        StrictBool | MISSING,
        Field(
            deprecated=True,
            description="The older form of `durability`.",
            title="Checkpoint During",
        ),
    ] = MISSING


class Interrupt(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
    )
    id: str | None | MISSING = MISSING
    value: Any
    response_schema: Annotated[
        dict[str, Any] | None | MISSING,
        Field(
            description="JSON Schema for the value expected when resuming the interrupt, if the graph provided one."
        ),
    ] = MISSING


class ProtocolChannel1(RootModel[str]):
    root: Annotated[
        str,
        Field(
            description="User-defined namespaced custom channel.",
            pattern="^custom:.+$",
            title="Protocol Channel",
        ),
    ]


class ProtocolEventStreamRequest(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
        arbitrary_types_allowed=True,
    )
    channels: Annotated[
        list[
            Literal[
                "values",
                "updates",
                "messages",
                "tools",
                "lifecycle",
                "input",
                "tasks",
                "custom",
                "checkpoints",
            ]
            | ProtocolChannel1
        ],
        Field(
            description="Channels to subscribe to for the lifetime of this connection.",
            min_length=1,
        ),
    ]
    namespaces: Annotated[
        list[list[str]] | MISSING,
        Field(
            description="Prefix-match filter. An event matches if its namespace starts with any of these prefixes. Omit for all namespaces."
        ),
    ] = MISSING
    depth: Annotated[
        Integer | MISSING,
        Field(
            description="Max depth below the namespace prefix. Omit for unbounded depth.",
            ge=0,
        ),
    ] = MISSING
    since: Annotated[
        Integer | MISSING,
        Field(
            description="Replay events with `seq` greater than this value before streaming live events.",
            ge=0,
        ),
    ] = MISSING


class ProtocolCommand(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
        arbitrary_types_allowed=True,
    )
    id: Annotated[
        Integer,
        Field(description="Client-assigned command id; echoed in the response.", ge=0),
    ]
    method: Annotated[str, Field(description="Command method name (e.g. `run.start`).")]
    params: Annotated[
        dict[str, Any] | MISSING,
        Field(
            description="Method-specific parameters. See the CDDL spec for per-method shapes."
        ),
    ] = MISSING


class ProtocolResponseMeta(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
        arbitrary_types_allowed=True,
    )
    applied_through_seq: Annotated[
        Integer | MISSING,
        Field(
            description="Highest event `seq` observed on the session when this response was generated.",
            ge=0,
        ),
    ] = MISSING


class ProtocolSuccess(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
        arbitrary_types_allowed=True,
    )
    type: Literal["success"]
    id: Annotated[Integer, Field(ge=0)]
    result: Annotated[
        dict[str, Any], Field(description="Method-specific result payload.")
    ]
    meta: ProtocolResponseMeta | MISSING = MISSING


class Id(RootModel[Integer]):
    root: Annotated[
        Integer,
        Field(
            description="The `id` of the offending command, or null if the envelope was unparseable.",
            ge=0,
        ),
    ]


class ProtocolError(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
    )
    type: Literal["error"]
    id: Annotated[
        Id | None,
        Field(
            description="The `id` of the offending command, or null if the envelope was unparseable."
        ),
    ]
    error: Literal[
        "invalid_argument",
        "unknown_command",
        "unknown_error",
        "no_such_run",
        "no_such_subscription",
        "no_such_namespace",
        "no_such_interrupt",
        "no_such_checkpoint",
        "permission_denied",
        "not_supported",
    ]
    message: str
    stacktrace: str | MISSING = MISSING
    meta: ProtocolResponseMeta | MISSING = MISSING


class Params(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
        arbitrary_types_allowed=True,
    )
    namespace: Annotated[
        list[str],
        Field(
            description="Hierarchical path identifying a position in the agent tree. Empty array denotes the root agent; each segment names a nested subgraph.",
            title="Protocol Namespace",
        ),
    ]
    timestamp: Annotated[
        Integer,
        Field(
            description="Wall-clock milliseconds since Unix epoch. Use `seq` for ordering."
        ),
    ]
    data: Annotated[
        Any,
        Field(
            description="Channel-specific payload. See the CDDL spec for per-channel shapes."
        ),
    ]
    node: Annotated[
        str | MISSING,
        Field(description="Graph node that produced this event (messages, tools)."),
    ] = MISSING


class ProtocolEvent(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
        arbitrary_types_allowed=True,
    )
    type: Literal["event"]
    event_id: Annotated[
        str | MISSING,
        Field(description="Unique ID for reconnection (mirrored to SSE `id:`)."),
    ] = MISSING
    seq: Annotated[
        Integer | MISSING,
        Field(
            description="Monotonic per-session sequence number for ordering and replay.",
            ge=0,
        ),
    ] = MISSING
    method: Annotated[
        str,
        Field(
            description="Channel method name (e.g. `messages`, `tools`, `lifecycle`, `custom:my_channel`)."
        ),
    ]
    params: Params


class StreamEvent(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
    )
    event: Annotated[
        str,
        Field(
            description="What the frame carries: a stream mode, `metadata` or `error`. The namespace of a subgraph may follow after `|`."
        ),
    ]
    data: Annotated[
        Any | MISSING, Field(description="The JSON value of the frame.")
    ] = MISSING
    id: Annotated[
        str | MISSING,
        Field(
            description="Where in the stream the frame stands, for `Last-Event-ID`. Sent by resumable streams."
        ),
    ] = MISSING


class ProtocolStreamEvent(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
    )
    event: Annotated[str, Field(description="The `method` of the event.")]
    data: Annotated[
        str,
        Field(
            json_schema_extra={
                "contentMediaType": "application/json",
                "contentSchema": {"$ref": "#/components/schemas/ProtocolEvent"},
            }
        ),
    ]
    id: Annotated[str | MISSING, Field(description="The `seq` of the event.")] = MISSING


class Error(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
        arbitrary_types_allowed=True,
    )
    code: Integer | MISSING = MISSING
    message: str | MISSING = MISSING


class A2aReply(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
        arbitrary_types_allowed=True,
    )
    jsonrpc: Literal["2.0"]
    id: str | Number | None
    result: Annotated[
        dict[str, Any] | MISSING,
        Field(description="Success result containing task information or task details"),
    ] = MISSING
    error: Annotated[
        Error | MISSING, Field(description="Error information if request failed")
    ] = MISSING


class ServerInfo(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
    )
    version: Annotated[str, Field(description="LangGraph API version", title="Version")]
    langgraph_py_version: Annotated[
        str,
        Field(
            description="LangGraph Python library version",
            title="LangGraph Python Version",
        ),
    ]
    flags: Annotated[
        dict[str, Any],
        Field(description="Enabled features and capabilities", title="Feature Flags"),
    ]
    metadata: Annotated[
        dict[str, Any],
        Field(description="Server deployment metadata", title="Metadata"),
    ]
    host: Annotated[
        dict[str, Any] | MISSING,
        Field(description="Where the server runs.", title="Host"),
    ] = MISSING


class Health(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
    )
    ok: Annotated[
        Literal[True], Field(description="Indicates the server is healthy", title="OK")
    ]


class ThreadExpiry(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
        arbitrary_types_allowed=True,
    )
    strategy: Annotated[
        Literal["delete", "keep_latest"] | MISSING,
        Field(description="The TTL strategy."),
    ] = MISSING
    ttl_minutes: Annotated[
        Number | MISSING, Field(description="The TTL in minutes.")
    ] = MISSING
    expires_at: Annotated[
        AwareDatetime | MISSING, Field(description="When the thread will expire.")
    ] = MISSING


class ThreadTtl(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
        arbitrary_types_allowed=True,
    )
    strategy: Annotated[
        Literal["delete", "keep_latest"],
        Field(
            description="The TTL strategy. 'delete' removes the entire thread. 'keep_latest' prunes old checkpoints but keeps the thread and its latest state."
        ),
    ] = "delete"
    ttl: Annotated[
        Number,
        Field(
            description="The time-to-live in minutes from now until thread should be swept.",
            gt=0,
            le=52560000,
        ),
    ]


class ThreadSuperstep(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
    )
    updates: Annotated[list[ThreadSuperstepUpdate], Field(min_length=1)]


class Context(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
    )


class Assistant(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
        arbitrary_types_allowed=True,
    )
    assistant_id: Annotated[
        UUID, Field(description="The ID of the assistant.", title="Assistant Id")
    ]
    graph_id: Annotated[
        str, Field(description="The ID of the graph.", title="Graph Id")
    ]
    config: Config
    context: Annotated[
        dict[str, Any] | MISSING,
        Field(description="Static context added to the assistant.", title="Context"),
    ] = MISSING
    created_at: Annotated[
        AwareDatetime,
        Field(description="The time the assistant was created.", title="Created At"),
    ]
    updated_at: Annotated[
        AwareDatetime,
        Field(
            description="The last time the assistant was updated.", title="Updated At"
        ),
    ]
    metadata: Annotated[
        dict[str, Any], Field(description="The assistant metadata.", title="Metadata")
    ]
    version: Annotated[
        Integer | MISSING,
        Field(description="The version of the assistant", title="Version"),
    ] = MISSING
    name: Annotated[
        str | MISSING,
        Field(description="The name of the assistant", title="Assistant Name"),
    ] = MISSING
    description: Annotated[
        str | None | MISSING,
        Field(
            description="The description of the assistant",
            title="Assistant Description",
        ),
    ] = MISSING


class AssistantCreate(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
    )
    assistant_id: Annotated[
        UUID | MISSING,
        Field(
            description="The ID of the assistant. If not provided, a random UUID will be generated.",
            title="Assistant Id",
        ),
    ] = MISSING
    graph_id: Annotated[
        str,
        Field(
            description="The ID of the graph the assistant should use. The graph ID is normally set in your langgraph.json configuration.",
            title="Graph Id",
        ),
    ]
    config: Config | MISSING = MISSING
    context: Annotated[
        dict[str, Any] | MISSING,
        Field(description="Static context added to the assistant.", title="Context"),
    ] = MISSING
    metadata: Annotated[
        dict[str, Any] | MISSING,
        Field(description="Metadata to add to assistant.", title="Metadata"),
    ] = MISSING
    if_exists: Annotated[
        Literal["raise", "do_nothing"],
        Field(
            description="How to handle duplicate creation. Must be either 'raise' (raise error if duplicate), or 'do_nothing' (return existing assistant).",
            title="If Exists",
        ),
    ] = "raise"
    name: Annotated[
        str | MISSING,
        Field(
            description="The name of the assistant. Defaults to 'Untitled'.",
            title="Name",
        ),
    ] = MISSING
    description: Annotated[
        str | None | MISSING,
        Field(
            description="The description of the assistant. Defaults to null.",
            title="Description",
        ),
    ] = MISSING


class AssistantPatch(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
    )
    graph_id: Annotated[
        str | MISSING,
        Field(
            description="The ID of the graph the assistant should use. The graph ID is normally set in your langgraph.json configuration. If not provided, assistant will keep pointing to same graph.",
            title="Graph Id",
        ),
    ] = MISSING
    config: Config | MISSING = MISSING
    context: Annotated[
        dict[str, Any] | MISSING,
        Field(description="Static context added to the assistant.", title="Context"),
    ] = MISSING
    metadata: Annotated[
        dict[str, Any] | MISSING,
        Field(
            description="Metadata to merge with existing assistant metadata.",
            title="Metadata",
        ),
    ] = MISSING
    name: Annotated[
        str | MISSING,
        Field(
            description="The new name for the assistant. If not provided, assistant will keep its current name.",
            title="Name",
        ),
    ] = MISSING
    description: Annotated[
        str | MISSING,
        Field(
            description="The new description for the assistant. If not provided, assistant will keep its current description.",
            title="Description",
        ),
    ] = MISSING


class RunCreateStateful(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
        arbitrary_types_allowed=True,
    )
    assistant_id: Annotated[
        UUID | str,
        Field(
            description="The assistant ID or graph name to run. If using graph name, will default to first assistant created from that graph."
        ),
    ]
    checkpoint: CheckpointConfig | MISSING = MISSING
    input: Annotated[
        dict[str, Any] | list[Any] | str | Number | StrictBool | None | MISSING,
        Field(description="The input to the graph.", title="Input"),
    ] = MISSING
    command: Annotated[
        Command | None | MISSING,
        Field(description="The input to the graph.", title="Input"),
    ] = MISSING
    metadata: Annotated[
        dict[str, Any] | MISSING,
        Field(description="Metadata to assign to the run.", title="Metadata"),
    ] = MISSING
    config: Config | MISSING = MISSING
    context: Annotated[
        dict[str, Any] | MISSING,
        Field(description="Static context added to the assistant.", title="Context"),
    ] = MISSING
    webhook: Annotated[
        str | MISSING,
        Field(
            description="Webhook to call after LangGraph API call is done.",
            max_length=65536,
            min_length=1,
            title="Webhook",
        ),
    ] = MISSING
    interrupt_before: Annotated[
        Literal["*"] | list[str] | MISSING,
        Field(
            description="Nodes to interrupt immediately before they get executed.",
            title="Interrupt Before",
        ),
    ] = MISSING
    interrupt_after: Annotated[
        Literal["*"] | list[str] | MISSING,
        Field(
            description="Nodes to interrupt immediately after they get executed.",
            title="Interrupt After",
        ),
    ] = MISSING
    stream_mode: Annotated[
        list[
            Literal[
                "values",
                "messages",
                "messages-tuple",
                "tasks",
                "checkpoints",
                "updates",
                "events",
                "debug",
                "custom",
            ]
        ]
        | Literal[
            "values",
            "messages",
            "messages-tuple",
            "tasks",
            "checkpoints",
            "updates",
            "events",
            "debug",
            "custom",
        ],
        Field(description="The stream mode(s) to use.", title="Stream Mode"),
    ] = ["values"]
    stream_subgraphs: Annotated[
        StrictBool,
        Field(
            description="Whether to stream output from subgraphs.",
            title="Stream Subgraphs",
        ),
    ] = False
    stream_resumable: Annotated[
        StrictBool,
        Field(
            description="Whether to persist the stream chunks in order to resume the stream later.",
            title="Stream Resumable",
        ),
    ] = False
    feedback_keys: Annotated[
        list[str] | MISSING,
        Field(
            description="Generate pre-signed URLs for assigning feedback keys to the run.\n\nFor each key specified, a unique URL will be generated that can be called to assign the feedback key to the run. See [LangSmith Feedback](https://docs.langchain.com/langsmith/observability-concepts#feedback) for more details.",
            title="Feedback Keys",
        ),
    ] = MISSING
    multitask_strategy: Annotated[
        Literal["reject", "rollback", "interrupt", "enqueue"],
        Field(
            description="Multitask strategy to use. Must be one of 'reject', 'interrupt', 'rollback', or 'enqueue'.",
            title="Multitask Strategy",
        ),
    ] = "enqueue"
    if_not_exists: Annotated[
        Literal["create", "reject"],
        Field(
            description="How to handle missing thread. Must be either 'reject' (raise error if missing), or 'create' (create new thread).",
            title="If Not Exists",
        ),
    ] = "reject"
    after_seconds: Annotated[
        Number | MISSING,
        Field(
            description="The number of seconds to wait before starting the run. Use to schedule future runs.",
            ge=0,
            le=31536000,
            title="After Seconds",
        ),
    ] = MISSING
    checkpoint_during: Annotated[
        StrictBool,
        Field(
            deprecated=True,
            description="Whether to checkpoint during the run.\n\nDeprecated. Use `durability` instead to control checkpoint persistence behavior during the run.",
            title="Checkpoint During",
        ),
    ] = False
    durability: Annotated[
        Literal["sync", "async", "exit"],
        Field(
            description="Durability level for the run. Must be one of `sync`, `async`, or `exit`. See [durability modes](https://docs.langchain.com/oss/python/langgraph/durable-execution#durability-modes) for more details.",
            title="Durability",
        ),
    ] = "async"


class RunCreateStateless(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
        arbitrary_types_allowed=True,
    )
    assistant_id: Annotated[
        UUID | str,
        Field(
            description="The assistant ID or graph name to run. If using graph name, will default to first assistant created from that graph."
        ),
    ]
    input: Annotated[
        dict[str, Any] | list[Any] | str | Number | StrictBool | None | MISSING,
        Field(description="The input to the graph.", title="Input"),
    ] = MISSING
    command: Annotated[
        Command | None | MISSING,
        Field(description="The input to the graph.", title="Input"),
    ] = MISSING
    metadata: Annotated[
        dict[str, Any] | MISSING,
        Field(description="Metadata to assign to the run.", title="Metadata"),
    ] = MISSING
    config: Config | MISSING = MISSING
    context: Annotated[
        dict[str, Any] | MISSING,
        Field(description="Static context added to the assistant.", title="Context"),
    ] = MISSING
    webhook: Annotated[
        str | MISSING,
        Field(
            description="Webhook to call after LangGraph API call is done.",
            max_length=65536,
            min_length=1,
            title="Webhook",
        ),
    ] = MISSING
    stream_mode: Annotated[
        list[
            Literal[
                "values",
                "messages",
                "messages-tuple",
                "tasks",
                "checkpoints",
                "updates",
                "events",
                "debug",
                "custom",
            ]
        ]
        | Literal[
            "values",
            "messages",
            "messages-tuple",
            "tasks",
            "checkpoints",
            "updates",
            "events",
            "debug",
            "custom",
        ],
        Field(description="The stream mode(s) to use.", title="Stream Mode"),
    ] = ["values"]
    feedback_keys: Annotated[
        list[str] | MISSING,
        Field(
            description="Generate pre-signed URLs for assigning feedback keys to the run.\n\nFor each key specified, a unique URL will be generated that can be called to assign the feedback key to the run. See [LangSmith Feedback](https://docs.langchain.com/langsmith/observability-concepts#feedback) for more details.",
            title="Feedback Keys",
        ),
    ] = MISSING
    stream_subgraphs: Annotated[
        StrictBool,
        Field(
            description="Whether to stream output from subgraphs.",
            title="Stream Subgraphs",
        ),
    ] = False
    stream_resumable: Annotated[
        StrictBool,
        Field(
            description="Whether to persist the stream chunks in order to resume the stream later.",
            title="Stream Resumable",
        ),
    ] = False
    on_completion: Annotated[
        Literal["delete", "keep"],
        Field(
            description="Whether to delete or keep the thread created for a stateless run. Must be one of 'delete' or 'keep'.",
            title="On Completion",
        ),
    ] = "delete"
    after_seconds: Annotated[
        Number | MISSING,
        Field(
            description="The number of seconds to wait before starting the run. Use to schedule future runs.",
            ge=0,
            le=31536000,
            title="After Seconds",
        ),
    ] = MISSING
    checkpoint_during: Annotated[
        StrictBool,
        Field(
            deprecated=True,
            description="Whether to checkpoint during the run.\n\nDeprecated. Use `durability` instead to control checkpoint persistence behavior during the run.",
            title="Checkpoint During",
        ),
    ] = False
    durability: Annotated[
        Literal["sync", "async", "exit"],
        Field(
            description="Durability level for the run. Must be one of `sync`, `async`, or `exit`. See [durability modes](https://docs.langchain.com/oss/python/langgraph/durable-execution#durability-modes) for more details.",
            title="Durability",
        ),
    ] = "async"
    interrupt_before: Annotated[
        Literal["*"] | list[str] | MISSING,
        Field(
            description="Nodes to interrupt immediately before they get executed.",
            title="Interrupt Before",
        ),
    ] = MISSING
    interrupt_after: Annotated[
        Literal["*"] | list[str] | MISSING,
        Field(
            description="Nodes to interrupt immediately after they get executed.",
            title="Interrupt After",
        ),
    ] = MISSING


class Thread(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
    )
    thread_id: Annotated[
        UUID, Field(description="The ID of the thread.", title="Thread Id")
    ]
    created_at: Annotated[
        AwareDatetime,
        Field(description="The time the thread was created.", title="Created At"),
    ]
    updated_at: Annotated[
        AwareDatetime,
        Field(description="The last time the thread was updated.", title="Updated At"),
    ]
    state_updated_at: Annotated[
        AwareDatetime | MISSING,
        Field(
            description="The last time the thread state was updated.",
            title="State Updated At",
        ),
    ] = MISSING
    metadata: Annotated[
        dict[str, Any], Field(description="The thread metadata.", title="Metadata")
    ]
    config: Annotated[
        dict[str, Any] | MISSING,
        Field(description="The thread config.", title="Config"),
    ] = MISSING
    status: Annotated[
        Literal["idle", "busy", "interrupted", "error"],
        Field(description="The status of the thread.", title="Status"),
    ]
    values: Annotated[
        Any | MISSING,
        Field(description="The current state of the thread.", title="Values"),
    ] = MISSING
    interrupts: Annotated[
        dict[str, Any] | MISSING,
        Field(description="The current interrupts of the thread.", title="Interrupts"),
    ] = MISSING
    ttl: ThreadExpiry | MISSING = MISSING
    extracted: Annotated[
        dict[str, Any] | MISSING,
        Field(
            description="Extracted values from thread JSONB columns, populated when extract is specified in search request.",
            title="Extracted",
        ),
    ] = MISSING
    error: Annotated[
        dict[str, Any] | str | None | MISSING,
        Field(
            description="What the last run failed with: its class and message. Null when it did not fail.",
            title="Error",
        ),
    ] = MISSING


class ThreadCreate(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
    )
    thread_id: Annotated[
        UUID | MISSING,
        Field(
            description="The ID of the thread. If not provided, a random UUID will be generated.",
            title="Thread Id",
        ),
    ] = MISSING
    metadata: Annotated[
        dict[str, Any] | MISSING,
        Field(description="Metadata to add to thread.", title="Metadata"),
    ] = MISSING
    if_exists: Annotated[
        Literal["raise", "do_nothing"],
        Field(
            description="How to handle duplicate creation. Must be either 'raise' (raise error if duplicate), or 'do_nothing' (return existing thread).",
            title="If Exists",
        ),
    ] = "raise"
    ttl: ThreadTtl | MISSING = MISSING
    supersteps: list[ThreadSuperstep] | MISSING = MISSING


class ThreadPatch(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
    )
    metadata: Annotated[
        dict[str, Any] | MISSING,
        Field(
            description="Metadata to merge with existing thread metadata.",
            title="Metadata",
        ),
    ] = MISSING
    ttl: ThreadTtl | MISSING = MISSING


class ThreadStateCheckpointRequest(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
    )
    checkpoint: CheckpointConfig
    subgraphs: Annotated[
        StrictBool | MISSING,
        Field(description="Include subgraph states.", title="Subgraphs"),
    ] = MISSING


class ThreadStateSearch(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
        arbitrary_types_allowed=True,
    )
    limit: Annotated[
        Integer,
        Field(
            description="The maximum number of states to return.",
            ge=1,
            le=1000,
            title="Limit",
        ),
    ] = 1
    before: CheckpointConfig | MISSING = MISSING
    metadata: Annotated[
        dict[str, Any] | MISSING,
        Field(
            description="Filter states by metadata key-value pairs.", title="Metadata"
        ),
    ] = MISSING
    checkpoint: CheckpointConfig | MISSING = MISSING


class ThreadStateUpdate(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
    )
    values: Annotated[
        list[Any] | dict[str, Any] | None | MISSING,
        Field(description="The values to update the state with.", title="Values"),
    ] = MISSING
    checkpoint: CheckpointConfig | MISSING = MISSING
    as_node: Annotated[
        str | MISSING,
        Field(
            description="Update the state as if this node had just executed.",
            title="As Node",
        ),
    ] = MISSING


class RunCreateStreamingStateful(RunCreateStateful):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
    )
    on_disconnect: Annotated[
        Literal["cancel", "continue"],
        Field(
            description="The disconnect mode to use. Must be one of 'cancel' or 'continue'.",
            title="On Disconnect",
        ),
    ] = "continue"


class RunCreateStreamingStateless(RunCreateStateless):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
    )
    on_disconnect: Annotated[
        Literal["cancel", "continue"],
        Field(
            description="The disconnect mode to use. Must be one of 'cancel' or 'continue'.",
            title="On Disconnect",
        ),
    ] = "continue"


class SelectedAssistant(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
    )
    assistant_id: Annotated[
        UUID | MISSING,
        Field(description="The ID of the assistant.", title="Assistant Id"),
    ] = MISSING
    graph_id: Annotated[
        str | MISSING, Field(description="The ID of the graph.", title="Graph Id")
    ] = MISSING
    name: Annotated[
        str | MISSING,
        Field(description="The name of the assistant", title="Assistant Name"),
    ] = MISSING
    description: Annotated[
        str | None | MISSING,
        Field(
            description="The description of the assistant",
            title="Assistant Description",
        ),
    ] = MISSING
    config: Config | MISSING = MISSING
    context: Context | MISSING = MISSING
    created_at: Annotated[
        AwareDatetime | MISSING,
        Field(description="The time the assistant was created.", title="Created At"),
    ] = MISSING
    updated_at: Annotated[
        AwareDatetime | MISSING,
        Field(
            description="The last time the assistant was updated.", title="Updated At"
        ),
    ] = MISSING
    metadata: Context | MISSING = MISSING
    version: Annotated[
        Integer | MISSING,
        Field(description="The version of the assistant", title="Version"),
    ] = MISSING


class SelectedThread(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
    )
    thread_id: Annotated[
        UUID | MISSING, Field(description="The ID of the thread.", title="Thread Id")
    ] = MISSING
    created_at: Annotated[
        AwareDatetime | MISSING,
        Field(description="The time the thread was created.", title="Created At"),
    ] = MISSING
    updated_at: Annotated[
        AwareDatetime | MISSING,
        Field(description="The last time the thread was updated.", title="Updated At"),
    ] = MISSING
    state_updated_at: Annotated[
        AwareDatetime | MISSING,
        Field(
            description="The last time the thread state was updated.",
            title="State Updated At",
        ),
    ] = MISSING
    metadata: Context | MISSING = MISSING
    config: Context | MISSING = MISSING
    status: Annotated[
        Literal["idle", "busy", "interrupted", "error"] | MISSING,
        Field(description="The status of the thread.", title="Status"),
    ] = MISSING
    values: Annotated[
        Any | MISSING,
        Field(description="The current state of the thread.", title="Values"),
    ] = MISSING
    interrupts: Context | MISSING = MISSING


class SelectedCron(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
    )
    cron_id: Annotated[
        UUID | MISSING, Field(description="The ID of the cron.", title="Cron Id")
    ] = MISSING
    assistant_id: Annotated[
        UUID | None | MISSING,
        Field(description="The ID of the assistant.", title="Assistant Id"),
    ] = MISSING
    thread_id: Annotated[
        UUID | None | MISSING,
        Field(description="The ID of the thread.", title="Thread Id"),
    ] = MISSING
    end_time: Annotated[
        AwareDatetime | None | MISSING,
        Field(description="The end date to stop running the cron.", title="End Time"),
    ] = MISSING
    schedule: Annotated[
        str | MISSING,
        Field(description="The schedule to run, cron format.", title="Schedule"),
    ] = MISSING
    created_at: Annotated[
        AwareDatetime | MISSING,
        Field(description="The time the cron was created.", title="Created At"),
    ] = MISSING
    updated_at: Annotated[
        AwareDatetime | MISSING,
        Field(description="The last time the cron was updated.", title="Updated At"),
    ] = MISSING
    user_id: Annotated[
        str | None | MISSING, Field(description="The ID of the user.", title="User Id")
    ] = MISSING
    payload: Context | MISSING = MISSING
    next_run_date: Annotated[
        AwareDatetime | None | MISSING,
        Field(description="The next run date of the cron.", title="Next Run Date"),
    ] = MISSING
    metadata: Context | MISSING = MISSING
    enabled: Annotated[
        StrictBool | None,
        Field(
            description="Whether the cron job should be enabled. Disabled crons are not executed.",
            title="Enabled",
        ),
    ] = True


class SelectedRun(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
    )
    run_id: Annotated[
        UUID | MISSING, Field(description="The ID of the run.", title="Run Id")
    ] = MISSING
    thread_id: Annotated[
        UUID | MISSING, Field(description="The ID of the thread.", title="Thread Id")
    ] = MISSING
    assistant_id: Annotated[
        UUID | MISSING,
        Field(
            description="The assistant that was used for this run.",
            title="Assistant Id",
        ),
    ] = MISSING
    created_at: Annotated[
        AwareDatetime | MISSING,
        Field(description="The time the run was created.", title="Created At"),
    ] = MISSING
    updated_at: Annotated[
        AwareDatetime | MISSING,
        Field(description="The last time the run was updated.", title="Updated At"),
    ] = MISSING
    status: Annotated[
        Literal["pending", "running", "error", "success", "timeout", "interrupted"]
        | MISSING,
        Field(
            description="The status of the run. One of 'pending', 'running', 'error', 'success', 'timeout', 'interrupted'.",
            title="Status",
        ),
    ] = MISSING
    metadata: Context | MISSING = MISSING
    kwargs: Context | MISSING = MISSING
    multitask_strategy: Annotated[
        Literal["reject", "rollback", "interrupt", "enqueue"] | MISSING,
        Field(
            description="Strategy to handle concurrent runs on the same thread.",
            title="Multitask Strategy",
        ),
    ] = MISSING
    langsmith_session_name: Annotated[
        str | None | MISSING,
        Field(
            description="LangSmith tracing session (project) name for this run, when tracing is enabled at creation time.",
            title="Langsmith Session Name",
        ),
    ] = MISSING


class RunBatchCreate(RootModel[list[RunCreateStateless]]):
    root: Annotated[
        list[RunCreateStateless],
        Field(
            description="Payload for creating a batch of runs.",
            min_length=1,
            title="RunBatchCreate",
        ),
    ]


class ThreadState(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
    )
    values: Annotated[Any, Field(title="Values")]
    next: Annotated[list[str], Field(title="Next")]
    tasks: Annotated[list[ThreadTask] | MISSING, Field(title="Tasks")] = MISSING
    metadata: Annotated[dict[str, Any] | None, Field(title="Metadata")]
    created_at: Annotated[str | None, Field(title="Created At")]
    parent_checkpoint: Annotated[
        dict[str, Any] | None | MISSING, Field(title="Parent Checkpoint")
    ] = MISSING
    interrupts: list[Interrupt] | MISSING = MISSING
    checkpoint: Annotated[
        CheckpointConfig | None,
        Field(
            description="The ID of the checkpoint. Null while the thread has none.",
            title="Checkpoint",
        ),
    ]
    checkpoint_id: Annotated[
        str | None | MISSING,
        Field(
            description="The same as `checkpoint.checkpoint_id`.", title="Checkpoint Id"
        ),
    ] = MISSING
    parent_checkpoint_id: Annotated[
        str | None | MISSING,
        Field(
            description="The same as `parent_checkpoint.checkpoint_id`.",
            title="Parent Checkpoint Id",
        ),
    ] = MISSING


class ThreadTask(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        validate_by_name=True,
    )
    id: Annotated[str, Field(title="Task Id")]
    name: Annotated[str, Field(title="Node Name")]
    interrupts: list[Interrupt] | MISSING = MISSING
    path: Annotated[
        list[Any] | MISSING, Field(description="Where in the graph the task stands.")
    ] = MISSING
    error: Annotated[str | None | MISSING, Field(title="Error")] = MISSING
    checkpoint: Annotated[
        CheckpointConfig | None | MISSING, Field(title="Checkpoint")
    ] = MISSING
    state: Annotated[
        ThreadState | None | MISSING,
        Field(description="The state of the task's subgraph, when it was asked for."),
    ] = MISSING
    result: Annotated[
        Any | MISSING,
        Field(description="What the task returned. Null until it has ended."),
    ] = MISSING


ThreadState.model_rebuild()
