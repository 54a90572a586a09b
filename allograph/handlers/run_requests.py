"""From the bodies that create runs to what the runner is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import MISSING

from allograph.errors import Invalid
from allograph.generated import models
from allograph.handlers.fields import address, given, plain, refuse_both
from allograph.runner.requests import RunRequest
from allograph.validation import JsonBody

def run_request(body: models.RunCreateStateful | models.RunCreateStateless) -> RunRequest:
    """Raises `Invalid` for a value that asks for something which this version does not do: nothing is accepted and ignored."""
    extra: dict[str, Any] = body.model_extra or {}
    config = plain(body.config, {})
    context = given(body.context, None)
    refuse_both(config, context)
    # The contract's default for this deprecated field is false, which nobody means who does not send it.
    exits = "checkpoint_during" in body.model_fields_set and not body.checkpoint_during
    modes = body.stream_mode if isinstance(body.stream_mode, list) else [body.stream_mode]
    strategy = getattr(body, "multitask_strategy", "enqueue")
    return RunRequest(
        assistant_id=str(body.assistant_id),
        input=given(body.input, None),
        command=plain(body.command, None),
        metadata=given(body.metadata, {}),
        config=config,
        context=context,
        checkpoint=address(getattr(body, "checkpoint", MISSING), extra.get("checkpoint_id")),
        stream_mode=list(dict.fromkeys(modes)) or ["values"],
        stream_subgraphs=body.stream_subgraphs,
        after_seconds=given(body.after_seconds, 0),
        stream_resumable=body.stream_resumable,
        interrupt_before=_nodes(getattr(body, "interrupt_before", extra.get("interrupt_before", MISSING)), "interrupt_before"),
        interrupt_after=_nodes(getattr(body, "interrupt_after", extra.get("interrupt_after", MISSING)), "interrupt_after"),
        feedback_keys=given(body.feedback_keys, None),
        multitask_strategy=strategy,
        create_thread=getattr(body, "if_not_exists", "reject") == "create",
        webhook=given(body.webhook, None),
        keep_thread=getattr(body, "on_completion", "delete") == "keep",
        strict_resume=bool(extra.get("strict_resume")),
        durability="exit" if exits else body.durability,
        checkpoint_during=not exits,
    )


NOT_OF_RUNS = frozenset({"schedule", "timezone", "end_time", "enabled", "on_run_completed", "checkpoint_id"})
"""What the payload of a cron says beside what its runs are made from. To a cron `checkpoint_id` is a name like any other that its
contract does not know: it goes on from where its thread is."""


def cron_request(payload: Mapping[str, Any], on_thread: bool) -> RunRequest:
    """The run that a tick of a cron asks for: its payload, read as the body of the request that creates such a run.

    Raises `ApiError` for what that request would be refused for.
    """
    fields = {name: value for name, value in payload.items() if name not in NOT_OF_RUNS}
    configurable = {**fields.get("config", {}).get("configurable", {})}
    cron_id = configurable.pop("cron_id", None)
    if "config" in fields:
        fields["config"] = {**fields["config"], "configurable": configurable}
    if on_thread:
        return replace(run_request(_STATEFUL.check(fields)), cron_id=cron_id)
    fields["on_completion"] = payload.get("on_run_completed", "delete")
    return replace(run_request(_STATELESS.check(fields)), cron_id=cron_id)


_STATEFUL = JsonBody[models.RunCreateStateful](models.RunCreateStateful)
_STATELESS = JsonBody[models.RunCreateStateless](models.RunCreateStateless)


def _nodes(value: Any, field: str) -> Any:
    """Node names, or "*" for all; stateless runs carry them beyond the contract, unchecked until here."""
    if value is MISSING or value is None:
        return None
    if value == "*" or (isinstance(value, list) and all(isinstance(name, str) for name in value)):
        return value
    raise Invalid(f'{field} is {str(value)[:100]!r}; expected "*" or a list of node names')
