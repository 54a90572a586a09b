"""What changed between two contracts: operations, parameters, fields and statuses, and the handler methods that follow.

A change is breaking when a client or a handler that fits the old contract does not fit the new one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from scripts.contract.operations import METHODS, class_name, derived_name, json_schema, resolve

ANYTHING = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})
DESCRIPTIVE = {"title", "summary", "description"}
LIMITS = ("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "maxProperties", "pattern")


@dataclass(frozen=True)
class Change:
    """One difference within an operation."""

    text: str
    breaking: bool = False
    concerns_handler: bool = True
    """Whether the handler may have to change; a newly declared error does not ask for that."""


@dataclass(frozen=True)
class Value:
    """What a parameter or field may be."""

    types: frozenset[str]
    required: bool
    choices: frozenset[str] | None
    limits: tuple[tuple[str, Any], ...]
    default: str | None = None
    """What stands for it when it is left out, as JSON."""


@dataclass
class OperationReport:
    """What happened to one operation."""

    title: str
    handler: str
    """The handler method: `Threads.create_thread`."""
    fate: str
    """added, removed or changed"""
    changes: list[Change] = field(default_factory=list)

    @property
    def breaking(self) -> bool:
        return self.fate == "removed" or any(change.breaking for change in self.changes)


@dataclass
class Report:
    """All differences between two contracts."""

    operations: list[OperationReport]

    @property
    def breaking(self) -> bool:
        return any(operation.breaking for operation in self.operations)

    def with_fate(self, fate: str) -> list[OperationReport]:
        return [operation for operation in self.operations if operation.fate == fate]

    def handlers(self) -> Iterator[tuple[str, str]]:
        """What to do with which handler method: `("write", "Threads.archive_thread")`."""
        for operation in self.operations:
            if operation.fate == "added":
                yield "write", operation.handler
            elif operation.fate == "removed":
                yield "remove", operation.handler
            elif any(change.concerns_handler for change in operation.changes):
                yield "change", operation.handler

    def __str__(self) -> str:
        if not self.operations:
            return "the contract is unchanged"
        counts = ", ".join(f"{len(self.with_fate(fate))} {fate}" for fate in ("added", "removed", "changed"))
        lines = [f"operations: {counts}; {'BREAKING' if self.breaking else 'not breaking'}"]
        for operation in self.operations:
            lines.append(f"  {operation.fate:8}{operation.title}")
            lines += (f"    {'! ' if change.breaking else '  '}{change.text}" for change in operation.changes)
        if todo := list(self.handlers()):
            lines.append("handler methods:")
            lines += (f"  {verb:8}{handler}" for verb, handler in todo)
        return "\n".join(lines)


def compare(old: dict[str, Any], new: dict[str, Any], names: Mapping[str, str]) -> Report:
    """The differences between two contracts. `names` are the methods of operations, as in openapi/operations.yaml."""
    before, after = _operations(old), _operations(new)
    reports = []
    for key in dict.fromkeys((*before, *after)):
        method, path = key
        source = after.get(key) or before[key]
        operation_id = source.get("operationId", "")
        name = names.get(operation_id) or derived_name(operation_id, path, method)
        tag = (source.get("tags") or ["Default"])[0]
        fate = "removed" if key not in after else "added" if key not in before else "changed"
        changes = list(_changes(old, before[key], new, after[key])) if fate == "changed" else []
        if changes or fate != "changed":
            title = f"{method.upper()} {path}"
            reports.append(OperationReport(title, f"{class_name(tag)}.{name}", fate, changes))
    return Report(reports)


def _operations(contract: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method, path): {
            **item[method],
            "parameters": [*item.get("parameters", ()), *item[method].get("parameters", ())],
        }
        for path, item in contract["paths"].items()
        for method in METHODS
        if method in item
    }


def _changes(old: dict[str, Any], before: dict[str, Any], new: dict[str, Any], after: dict[str, Any]) -> Iterator[Change]:
    found = [*_identity(before, after), *_spelled_out(old, before, new, after)]
    if not found and _shape(old, before) != _shape(new, after):
        found.append(Change("differs in something that this report does not spell out: compare the two contracts"))
    yield from found


def _identity(before: dict[str, Any], after: dict[str, Any]) -> Iterator[Change]:
    """What the operation is called, which decides on the class and name of its handler method."""
    for key in ("operationId", "tags"):
        if before.get(key) != after.get(key):
            yield Change(f"{key} {before.get(key)} became {after.get(key)}")
    if after.get("deprecated") and not before.get("deprecated"):
        yield Change("became deprecated", concerns_handler=False)


def _shape(contract: dict[str, Any], operation: dict[str, Any]) -> dict[str, Any]:
    """An operation and every component it reaches, without what only describes."""
    reached: dict[str, Any] = {}

    def bare(node: Any) -> Any:
        if isinstance(node, list):
            return [bare(item) for item in node]
        if not isinstance(node, dict):
            return node
        if isinstance(ref := node.get("$ref"), str) and ref not in reached:
            reached[ref] = None
            reached[ref] = bare(resolve(contract, {"$ref": ref}))
        return {key: bare(value) for key, value in node.items() if not (key in DESCRIPTIVE and isinstance(value, str))}

    return {"": bare(operation), **reached}


def _spelled_out(old: dict[str, Any], before: dict[str, Any], new: dict[str, Any], after: dict[str, Any]) -> Iterator[Change]:
    yield from _values(_parameters(old, before), _parameters(new, after), sent_by_client=True)
    had, has = before.get("requestBody"), after.get("requestBody")
    body_before, body_after = _body(old, had), _body(new, has)
    if had is None and has is not None:
        yield Change("body added", breaking=bool(has.get("required")))
    elif had is not None and has is None:
        yield Change("body removed", breaking=True)
    else:
        yield from _values(body_before, body_after, sent_by_client=True)
        if had and has and bool(had.get("required")) != bool(has.get("required")):
            required = bool(has.get("required"))
            yield Change(f"body became {'required' if required else 'optional'}", breaking=required)
    replies_before, replies_after = _replies(old, before), _replies(new, after)
    for status in sorted({*replies_before, *replies_after}):
        success = status.startswith("2")
        if status not in replies_before:
            yield Change(f"status {status} added", concerns_handler=success)
        elif status not in replies_after:
            yield Change(f"status {status} removed", breaking=success, concerns_handler=success)
        else:
            yield from _values(replies_before[status], replies_after[status], sent_by_client=False)
    # Where a reply leads is for clients to read: the handler answers what it answered.
    links_before, links_after = _links(before), _links(after)
    for link in dict.fromkeys((*links_before, *links_after)):
        if (was := links_before.get(link)) != (now := links_after.get(link)):
            fate = "added" if was is None else "removed" if now is None else "changed"
            yield Change(f"{link} {fate}", breaking=now is None, concerns_handler=False)


def _links(operation: dict[str, Any]) -> dict[str, Any]:
    return {
        f"status {status}: link {name}": link
        for status, reply in operation["responses"].items()
        for name, link in reply.get("links", {}).items()
    }


def _values(before: dict[str, Value], after: dict[str, Value], *, sent_by_client: bool) -> Iterator[Change]:
    """The differences between two sets of parameters or fields.

    What a client sends breaks when more is asked of it; what it reads breaks when less is promised to it.
    """
    for name in dict.fromkeys((*before, *after)):
        if name not in before:
            yield Change(f"{name}: added", breaking=sent_by_client and after[name].required)
            continue
        if name not in after:
            yield Change(f"{name}: removed", breaking=True)
            continue
        was, now = before[name], after[name]
        if was.types != now.types:
            # A client may go on sending what is still taken, and reading what it already reads.
            fits = _covers(now.types, was.types) if sent_by_client else _covers(was.types, now.types)
            yield Change(f"{name}: type {_join(was.types)} became {_join(now.types)}", breaking=not fits)
        if was.required != now.required:
            yield Change(f"{name}: became {'required' if now.required else 'optional'}", breaking=now.required == sent_by_client)
        yield from _choices(name, was.choices, now.choices, sent_by_client=sent_by_client)
        if was.limits != now.limits:
            tighter = _tighter(was, now) if sent_by_client else _tighter(now, was)
            yield Change(f"{name}: limits {_limits(was)} became {_limits(now)}", breaking=tighter)
        if was.default != now.default:
            # A client that leaves it out gets something else than before.
            yield Change(f"{name}: default {was.default or 'none'} became {now.default or 'none'}", breaking=sent_by_client)


def _choices(name: str, was: frozenset[str] | None, now: frozenset[str] | None, *, sent_by_client: bool) -> Iterator[Change]:
    if was == now:
        return
    if now is None:
        yield Change(f"{name}: no longer a choice of {_join(was or frozenset())}", breaking=not sent_by_client)
        return
    if was is None:
        yield Change(f"{name}: became a choice of {_join(now)}", breaking=sent_by_client)
        return
    if added := now - was:
        yield Change(f"{name}: value added: {_join(added)}", breaking=not sent_by_client)
    if removed := was - now:
        yield Change(f"{name}: value removed: {_join(removed)}", breaking=sent_by_client)


def _covers(wide: frozenset[str], narrow: frozenset[str]) -> bool:
    """Whether every value of the types in `narrow` is one of those in `wide`: `string` covers `string (uuid)`."""
    return all(kind in wide or kind.partition(" (")[0] in wide or (kind == "integer" and "number" in wide) for kind in narrow)


def _join(values: frozenset[str]) -> str:
    return "anything" if values == ANYTHING else " | ".join(sorted(values))


def _tighter(was: Value, now: Value) -> bool:
    """Whether limits refuse a value that they took before."""
    before, after = dict(was.limits), dict(now.limits)
    if len(before) < len(was.limits) or len(after) < len(now.limits):
        return True  # Two arms have the same kind of limit: which holds depends on the value.

    def refuses(name: str, limit: Any) -> bool:
        known = before.get(name)
        return limit != known and (known is None or name == "pattern" or (limit > known) == name.startswith("min"))

    return any(refuses(name, limit) for name, limit in after.items())


def _limits(value: Value) -> str:
    return ", ".join(f"{name} {limit}" for name, limit in value.limits) or "none"


def _parameters(contract: dict[str, Any], operation: dict[str, Any]) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for parameter in (resolve(contract, p) for p in operation["parameters"]):
        name = f"{parameter['in']} {parameter['name']}"
        found |= flatten(contract, parameter.get("schema", {}), name, required=bool(parameter.get("required")))
    return found


def _body(contract: dict[str, Any], body: dict[str, Any] | None) -> dict[str, Value]:
    return flatten(contract, json_schema(resolve(contract, body)), "body") if body else {}


def _replies(contract: dict[str, Any], operation: dict[str, Any]) -> dict[str, dict[str, Value]]:
    replies: dict[str, dict[str, Value]] = {}
    for status, reply in operation["responses"].items():
        fields = replies.setdefault(status, {})
        for media_type, media in (resolve(contract, reply).get("content") or {}).items():
            fields |= flatten(contract, media.get("schema", {}), f"{status} {media_type}")
    return replies


def flatten(
    contract: dict[str, Any], schema: dict[str, Any], name: str, *, required: bool = True, seen: tuple[str, ...] = ()
) -> dict[str, Value]:
    """Every field of a schema by its dotted name; items of arrays end in `[]`, the members of a map in `.*`."""
    if "$ref" in schema:
        if schema["$ref"] in seen:
            return {name: Value(frozenset({schema["$ref"].rsplit("/", 1)[1]}), required, None, ())}
        seen = (*seen, schema["$ref"])
        schema = {**resolve(contract, schema), **{key: value for key, value in schema.items() if key != "$ref"}}
    types = schema.get("type", [])
    kinds = {f"{kind} ({schema['format']})" if kind == "string" and "format" in schema else kind
             for kind in ([types] if isinstance(types, str) else types)}  # fmt: skip
    if not kinds and not any(arms in schema for arms in ("allOf", "anyOf", "oneOf")):
        kinds = {"object"} if "properties" in schema else set(ANYTHING)
    choices = schema["enum"] if "enum" in schema else [schema["const"]] if "const" in schema else None
    found = {
        name: Value(
            frozenset(kinds), required,
            frozenset(map(str, choices)) if choices is not None else None,
            tuple((limit, schema[limit]) for limit in LIMITS if limit in schema),
            json.dumps(schema["default"]) if "default" in schema else None,
        )
    }  # fmt: skip
    for member, value in schema.get("properties", {}).items():
        inner = member in schema.get("required", ())
        found |= flatten(contract, value, f"{name}.{member}", required=inner, seen=seen)
    for suffix, keyword in (("[]", "items"), (".*", "additionalProperties")):
        if isinstance(schema.get(keyword), dict):
            found |= flatten(contract, schema[keyword], f"{name}{suffix}", required=False, seen=seen)
    for keyword in ("allOf", "anyOf", "oneOf"):
        for arm in schema.get(keyword, ()):
            for place, value in flatten(contract, arm, name, required=required, seen=seen).items():
                # One arm of several promises nothing by itself, except that the whole is there.
                sure = value.required and (keyword == "allOf" or place == name)
                found[place] = _either(found.get(place), replace(value, required=sure))
    return found


def _either(one: Value | None, other: Value) -> Value:
    """A value that is described twice: by two arms, or by a schema and its arm."""
    if one is None:
        return other
    choices = other.choices if one.choices is None else one.choices if other.choices is None else one.choices | other.choices
    default = other.default if one.default is None else one.default
    return Value(one.types | other.types, one.required or other.required, choices, one.limits + other.limits, default)
