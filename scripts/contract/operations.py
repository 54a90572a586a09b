"""The operations of a contract as the templates need them: names, Python types of parameters, bodies and replies."""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass
from typing import Any

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
EVENT_STREAM = "text/event-stream"
NOT_PARAMETERS = ("accept", "content-type", "authorization")
"""Headers that OpenAPI has described by media types and security, and ignored as parameters."""


class ContractError(Exception):
    """A contract that the generator cannot turn into code; the message says what to change."""


@dataclass(frozen=True)
class Parameter:
    """A path, query or header parameter."""

    name: str
    place: str
    identifier: str
    annotation: str
    """Its type in the handler's signature."""
    check: str
    """The type that the text on the wire is validated against."""
    kind: str
    """The class of `allograph.validation` that reads it."""
    required: bool
    default: str | None
    """Python source of the contract's default."""


@dataclass(frozen=True)
class Operation:
    """One method of one path."""

    operation_id: str
    method: str
    path: str
    tag: str
    name: str
    summary: str
    parameters: tuple[Parameter, ...]
    body: str | None
    """The Python type of the JSON body; `bytes` for one that the handler reads itself (`x-raw-body`)."""
    body_required: bool
    reply: str
    statuses: tuple[int, ...]

    @property
    def class_name(self) -> str:
        return class_name(self.tag)

    @property
    def field(self) -> str:
        """The field of `Handlers`: the tag in lower case (`A2A` is `a2a`)."""
        return re.sub(r"[^0-9a-z]+", "_", self.tag.lower())

    def placed(self, place: str) -> list[Parameter]:
        return [parameter for parameter in self.parameters if parameter.place == place]


def snake(text: str) -> str:
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text)
    return re.sub(r"[^0-9a-zA-Z]+", "_", words).strip("_").lower()


def literal(value: Any) -> str:
    """A value as Python source."""
    return repr(value).replace("'", '"')


def class_name(tag: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in re.split(r"[^0-9a-zA-Z]+", tag))


def operations(contract: dict[str, Any], names: dict[str, str]) -> list[Operation]:
    """Every operation, literal paths before templated ones. `names` maps operationIds to method names."""
    found = []
    for path, item in contract["paths"].items():
        for method in METHODS:
            if method in item:
                found.append(_operation(contract, path, method, item, names))
    _check_names(found)
    return sorted(found, key=lambda operation: (_literal_first(operation.path), METHODS.index(operation.method.lower())))


def unused_names(contract: dict[str, Any], names: dict[str, str]) -> list[str]:
    """The operationIds in `names` that the contract does not have."""
    present = {item[method].get("operationId") for item in contract["paths"].values() for method in item.keys() & set(METHODS)}
    return sorted(names.keys() - present)


def _literal_first(path: str) -> list[tuple[bool, str]]:
    return [(segment.startswith("{"), segment) for segment in path.split("/")]


def _check_names(found: list[Operation]) -> None:
    seen: dict[str, Operation] = {}
    for operation in found:
        if other := seen.get(operation.name):
            raise ContractError(
                f"{operation.operation_id} and {other.operation_id} are both called {operation.name}: "
                "name one of them in openapi/operations.yaml"
            )
        seen[operation.name] = operation


def derived_name(operation_id: str, path: str, method: str) -> str:
    """A method name for an operation that nobody has named: its id without the path and method at its end."""
    name, tail = snake(operation_id), f"{snake(path)}_{method}"
    return name.removesuffix(f"_{tail}").removesuffix(f"_{method}") or name


def _operation(contract: dict[str, Any], path: str, method: str, item: dict[str, Any], names: dict[str, str]) -> Operation:
    source = item[method]
    operation_id = source.get("operationId") or snake(f"{method} {path}")
    parameters = [resolve(contract, p) for p in (*item.get("parameters", ()), *source.get("parameters", ()))]
    body = resolve(contract, source["requestBody"]) if "requestBody" in source else None
    replies = {status: resolve(contract, reply) for status, reply in source["responses"].items()}
    in_path = re.findall(r"{([^}]+)}", path)
    # In the order of the path, then as the contract lists them.
    parameters = sorted(
        (p for p in parameters if not (p["in"] == "header" and p["name"].lower() in NOT_PARAMETERS)),
        key=lambda p: in_path.index(p["name"]) if p["in"] == "path" else len(in_path),
    )
    return Operation(
        operation_id=operation_id,
        method=method.upper(),
        path=path,
        tag=source.get("tags", ["Default"])[0],
        name=names.get(operation_id) or derived_name(operation_id, path, method),
        summary=source.get("summary", ""),
        parameters=tuple(_parameter(contract, p, path) for p in parameters),
        body=("bytes" if body.get("x-raw-body") else python_type(json_schema(body))) if body else None,
        body_required=bool(body and body.get("required")),
        reply=_reply(contract, replies),
        statuses=tuple(sorted(int(status) for status in replies if status.isdigit())),
    )


def resolve(contract: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    """The node itself, or what its `$ref` points to."""
    while "$ref" in node:
        target: Any = contract
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step.replace("~1", "/").replace("~0", "~")]
        node = target
    return node


def json_schema(body: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = body["content"]["application/json"].get("schema", {})
    return schema


def _parameter(contract: dict[str, Any], source: dict[str, Any], path: str) -> Parameter:
    schema = _without_scalar_or_list(resolve(contract, source.get("schema", {})))
    items = schema["items"] if schema.get("type") == "array" else None
    annotation, check = _text_type(contract, items or schema, f"{source['name']} of {path}")
    if items is not None:
        annotation = f"Sequence[{annotation}]"
        check = _bounded(f"list[{check}]", min_length=schema.get("minItems"), max_length=schema.get("maxItems"))
    default = schema.get("default")
    required = bool(source.get("required")) and source["in"] != "path"
    if default is None and not source.get("required"):
        annotation += " | None"
    identifier = snake(source["name"])
    if keyword.iskeyword(identifier) or identifier in ("request", "body", "self"):
        identifier += "_"
    return Parameter(
        name=source["name"],
        place=source["in"],
        identifier=identifier,
        annotation=annotation,
        check=check,
        kind=_kind(source["in"], items),
        required=required,
        default=None if default is None else literal(tuple(default) if isinstance(default, list) else default),
    )


def _kind(place: str, items: dict[str, Any] | None) -> str:
    if place != "query" or items is None:
        return {"path": "Path", "query": "Query", "header": "Header"}[place]
    # Free text may contain commas, a name from a fixed list never does.
    return "QueryNames" if "enum" in items else "QueryTexts"


def _without_scalar_or_list(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter that may be one value or several is several: both look the same in a query."""
    arms = schema.get("anyOf") or schema.get("oneOf") or []
    lists = [arm for arm in arms if arm.get("type") == "array"]
    return {**lists[0], "default": schema.get("default")} if lists and len(arms) == 2 else schema


def _text_type(contract: dict[str, Any], schema: dict[str, Any], where: str) -> tuple[str, str]:
    """The Python type of a parameter's value and the type that its text is validated against."""
    schema = resolve(contract, schema)
    arms = schema.get("anyOf") or schema.get("oneOf")
    if arms:
        # Integers first: `1` is a number wherever a number may stand, and only else a flag.
        arms = sorted(arms, key=lambda arm: bool(arm.get("type") != "integer"))
        pairs = dict.fromkeys(_text_type(contract, arm, where) for arm in arms)
        if any(check == "str" for _, check in pairs):
            return "str", "str"
        union = " | ".join(check for _, check in pairs)
        check = f'Annotated[{union}, Field(union_mode="left_to_right")]'
        return " | ".join(annotation for annotation, _ in pairs), check
    if "enum" in schema:
        choice = f"Literal[{', '.join(map(literal, schema['enum']))}]"
        numbers = all(isinstance(value, int) for value in schema["enum"])
        return choice, f"Annotated[{choice}, BeforeValidator(whole)]" if numbers else choice
    match schema.get("type"), schema.get("format"):
        case "string", "uuid":
            return "UUID", "Uuid"
        case "string", "date-time":
            return "datetime", "datetime"
        case "integer", _:
            return "int", _bounded("Whole", ge=schema.get("minimum"), le=schema.get("maximum"))
        case "boolean", _:
            return "bool", "Flag"
        case "string", _:
            return "str", _bounded("str", min_length=schema.get("minLength"), max_length=schema.get("maxLength"))
    raise ContractError(f"the parameter {where} has a type that the generator does not know: {schema}")


def _bounded(check: str, **bounds: int | None) -> str:
    given = ", ".join(f"{name}={bound}" for name, bound in bounds.items() if bound is not None)
    return f"Annotated[{check}, Field({given})]" if given else check


def python_type(schema: dict[str, Any]) -> str:
    """The Python type of a JSON value: models by name, everything else by its JSON type."""
    if "$ref" in schema:
        return f"models.{schema['$ref'].rsplit('/', 1)[1]}"
    arms = schema.get("anyOf") or schema.get("oneOf")
    if arms:
        return " | ".join(dict.fromkeys(python_type(arm) for arm in arms))
    match schema.get("type"):
        case "array":
            return f"list[{python_type(schema.get('items', {}))}]"
        case "integer":
            return "int"
        case "number":
            return "float"
        case "boolean":
            return "bool"
        case "string":
            return "str"
        case "object":
            values = schema.get("additionalProperties")
            return f"dict[str, {python_type(values) if isinstance(values, dict) else 'Any'}]"
    return "Any"


def _reply(contract: dict[str, Any], replies: dict[str, dict[str, Any]]) -> str:
    """The type of a successful reply; a bare `Response` where the contract declares none."""
    types: dict[str, None] = {}
    for status, reply in replies.items():
        if not status.startswith("2"):
            continue
        content = reply.get("content") or {}
        if not content:
            types["NoContent" if status == "204" else "Response"] = None
        for media_type, media in content.items():
            schema = media.get("schema", {})
            if media_type == EVENT_STREAM:
                types[f"EventStream[{python_type(media.get('itemSchema', schema))}]"] = None
            elif media_type == "application/json":
                types[f"Json[{python_type(schema)}]"] = None
            else:
                types["Text"] = None
    # Every reply is a Response: a union with it says nothing more.
    return "Response" if not types or "Response" in types else " | ".join(types)
