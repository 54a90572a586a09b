"""`langgraph.json`: what is served and how, as the public JSON schema of `langgraph-cli` defines the file.

Each key works, or is refused by name when the server starts: `UNSUPPORTED` is the one list of what is not there yet.
Keys that only describe a container image (`IMAGE_ONLY`) are checked and have nothing to say while serving. The same
as a table is in `docs/langgraph-json.md`.

    config = load_config(find_config(option))
    activate(config)       # allograph.project; before Settings(): they may come from the file's `env`
"""

from __future__ import annotations

import difflib
import os
import re
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, ValidationError
from pydantic_core import ErrorDetails

from allograph.errors import StartupError

PLACES = (Path("langgraph.json"), Path("agent/langgraph.json"))
"""Where the file is looked for, relative to the working directory, when nobody named it."""

UNSUPPORTED: dict[str, str] = {
    "encryption": "encryption at rest by your own code is not supported",
    "priority": "run priorities are not supported",
    "checkpointer.path": "checkpoints are always kept in the server's Postgres",
    "checkpointer.serde": "checkpoints are always read and written by LangGraph's default serializer",
    "ui": "UI components are JavaScript, which this server neither bundles nor runs",
    "ui_config": "UI components are JavaScript, which this server neither bundles nor runs",
    "project_root": "it was replaced by `source.root`",
    "package": "it was replaced by `source.package`",
}
"""Dotted key → why a value there stops the start. `null`, `false` and empty values ask for nothing and pass."""

IMAGE_ONLY = frozenset({
    "python_version", "node_version", "api_version", "base_image", "image_distro", "pip_config_file", "pip_installer",
    "dockerfile_lines", "keep_pkg_tools", "_INTERNAL_docker_tag",
})  # fmt: skip
"""Keys about building a container image: accepted, and without effect on a server that is already installed."""

JAVASCRIPT = frozenset({".ts", ".mts", ".cts", ".tsx", ".js", ".mjs", ".cjs", ".jsx"})


class ConfigError(StartupError):
    """Something in langgraph.json is wrong; the message names the file, the key and what to do."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


def _object_path(value: str) -> str:
    """`path/to/file.py:name` or `package.module:name`."""
    place, _, name = value.rpartition(":")
    if not place or not name:
        raise ValueError("must look like `./path/to/file.py:variable` or `package.module:variable`")
    if Path(place).suffix in JAVASCRIPT:
        raise ValueError("points to JavaScript, and only Python is served")
    if not name.isidentifier():
        raise ValueError(f"names `{name}` after the colon, which cannot be a Python variable")
    return value


ObjectPath = Annotated[str, AfterValidator(_object_path)]


def _embeddings(value: str) -> str:
    place, _, name = value.partition(":")
    if not place or not name:
        raise ValueError("must look like `openai:text-embedding-3-small` or `./path/to/file.py:variable`")
    return _object_path(value) if is_place(value) else value


def is_place(embed: str) -> bool:
    """Whether `store.index.embed` names something in a file or module, rather than a provider and its model."""
    place = embed.rpartition(":")[0]
    return "/" in place or "\\" in place or "." in place


def _regex(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"is not a regular expression: {error}") from None
    return value


class GraphDef(_Section):
    """One graph of the project."""

    path: ObjectPath
    """`path/to/file.py:variable` relative to the config file, or `package.module:variable`."""
    description: str | None = None
    """What the graph is for; the default assistant carries it."""

    @property
    def place(self) -> str:
        """The file or module, without the variable."""
        return self.path.rpartition(":")[0]

    @property
    def variable(self) -> str:
        return self.path.rpartition(":")[2]


def _graph(value: object) -> object:
    return {"path": value} if isinstance(value, str) else value


def _graph_id(value: str) -> str:
    if not value or value != value.strip() or "/" in value or any(not c.isprintable() for c in value):
        raise ValueError("must not be empty, nor contain slashes, control characters or spaces at its ends")
    return value


class StoreIndex(_Section):
    """Search by meaning in the store."""

    dims: int = Field(gt=0, le=16000)
    """Numbers of a vector; 16,000 is the most that pgvector stores."""
    embed: Annotated[str, AfterValidator(_embeddings)]
    """`provider:model`, as LangChain's `init_embeddings` reads it, or `path/to/file.py:variable`."""
    fields: list[str] | None = None
    """What is embedded of an item, as paths; everything without it."""


class StoreTTL(_Section):
    refresh_on_read: bool = True
    """Reading an item starts its time to live anew."""
    default_ttl: float | None = Field(None, gt=0)
    """Minutes that an item lives unless it says otherwise."""
    sweep_interval_minutes: int | None = Field(None, gt=0)


class StoreConfig(_Section):
    index: StoreIndex | None = None
    ttl: StoreTTL | None = None


class ThreadTTL(_Section):
    strategy: Literal["delete", "keep_latest"] = "delete"
    default_ttl: float | None = Field(None, gt=0)
    """Minutes."""
    sweep_interval_minutes: int | None = Field(None, gt=0)
    sweep_limit: int | None = Field(None, gt=0)


class SerdeConfig(_Section):
    allowed_json_modules: list[list[str]] | bool | None = None
    allowed_msgpack_modules: list[list[str]] | bool | None = True
    pickle_fallback: bool = True


class CheckpointerConfig(_Section):
    path: ObjectPath | None = None
    ttl: ThreadTTL | None = None
    serde: SerdeConfig | None = None


class SecurityConfig(_Section):
    securitySchemes: dict[str, dict[str, Any]] = {}  # noqa: N815 - the name that OpenAPI gives it
    security: list[dict[str, list[str]]] = []
    paths: dict[str, dict[str, list[dict[str, list[str]]]]] = {}


class AuthCache(_Section):
    cache_keys: list[str] = []
    ttl_seconds: int | None = Field(None, gt=0)
    max_size: int | None = Field(None, gt=0)


class AuthConfig(_Section):
    path: ObjectPath | None = None
    disable_studio_auth: bool = False
    openapi: SecurityConfig | None = None
    cache: AuthCache | None = None


class PathSection(_Section):
    path: ObjectPath | None = None


class CorsConfig(_Section):
    """`None` means that the key is absent and the server's own default applies."""

    allow_origins: list[str] | None = None
    allow_methods: list[str] | None = None
    allow_headers: list[str] | None = None
    allow_credentials: bool | None = None
    allow_origin_regex: Annotated[str, AfterValidator(_regex)] | None = None
    expose_headers: list[str] | None = None
    max_age: int | None = Field(None, ge=0)
    """Seconds."""


class HeaderPatterns(_Section):
    includes: list[str] | None = None
    excludes: list[str] | None = None


def _prefix(value: str) -> str:
    if value and (not value.startswith("/") or value.endswith("/")):
        raise ValueError("must start with a slash and not end with one, like `/api`")
    return value


class HttpConfig(_Section):
    app: ObjectPath | None = None
    disable_assistants: bool = False
    disable_threads: bool = False
    disable_runs: bool = False
    disable_store: bool = False
    disable_mcp: bool = False
    disable_a2a: bool = False
    disable_meta: bool = False
    disable_ui: bool = False
    """There is no UI server here, so both values are met."""
    disable_webhooks: bool = False
    cors: CorsConfig | None = None
    configurable_headers: HeaderPatterns | None = None
    logging_headers: HeaderPatterns | None = None
    middleware_order: Literal["auth_first", "middleware_first"] | None = None
    enable_custom_route_auth: bool = False
    mount_prefix: Annotated[str, AfterValidator(_prefix)] | None = None


class WebhookUrlPolicy(_Section):
    require_https: bool = True
    allowed_domains: list[str] = []
    allowed_ports: list[Annotated[int, Field(ge=1, le=65535)]] | None = None
    max_url_length: int | None = Field(None, gt=0)
    disable_loopback: bool = True
    """Also whether this machine itself may be called by its address; relative URLs are refused in any case."""


class WebhooksConfig(_Section):
    env_prefix: str = "LG_WEBHOOK_"
    url: WebhookUrlPolicy | None = None
    headers: dict[str, str] = {}


class UvSource(_Section):
    kind: Literal["uv"]
    root: str = "."
    package: str | None = None


class Config(_Section):
    """A langgraph.json that was read and found to be servable."""

    graphs: dict[
        Annotated[str, AfterValidator(_graph_id)], Annotated[GraphDef, BeforeValidator(_graph)]
    ] = Field(min_length=1)  # fmt: skip
    """Graph id → where it is."""
    dependencies: list[str] = []
    """Folders relative to the file, which become importable, and requirements that must be installed."""
    env: dict[str, str] | str = {}
    """Variables, or the path of a file of `NAME=value` lines. What the process already has stays."""
    source: UvSource | None = None
    """A uv project whose root becomes importable, in place of `dependencies`."""
    store: StoreConfig | None = None
    checkpointer: CheckpointerConfig | None = None
    http: HttpConfig | None = None
    auth: AuthConfig | None = None
    webhooks: WebhooksConfig | None = None
    encryption: PathSection | None = None
    priority: PathSection | None = None
    ui: dict[str, str] | None = None
    ui_config: dict[str, Any] | None = None
    project_root: str | None = None
    package: str | None = None

    python_version: str | None = None
    node_version: str | int | None = None
    api_version: str | None = None
    base_image: str | None = None
    image_distro: Literal["debian", "wolfi", "bookworm"] | None = None
    pip_config_file: str | None = None
    pip_installer: Literal["auto", "pip", "uv"] | None = None
    dockerfile_lines: list[str] = []
    keep_pkg_tools: bool | list[Literal["pip", "setuptools", "wheel"]] | None = None
    internal_docker_tag: str | None = Field(None, alias="_INTERNAL_docker_tag")

    _path: Path = PrivateAttr(default=Path("langgraph.json"))

    @property
    def path(self) -> Path:
        """The file, absolute."""
        return self._path

    @property
    def directory(self) -> Path:
        """The folder that relative paths in the file start from."""
        return self._path.parent


def find_config(explicit: Path | None = None) -> Path:
    """The file to serve: `explicit`, else `LANGGRAPH_JSON`, else ./langgraph.json, else ./agent/langgraph.json.

    Raises `ConfigError` when the one that was named, or all of these, do not exist.
    """
    named, by = explicit, "--config"
    if named is None and (variable := os.environ.get("LANGGRAPH_JSON")):
        named, by = Path(variable), "LANGGRAPH_JSON"
    if named is not None:
        if named.is_dir():
            named = named / "langgraph.json"
        if not named.is_file():
            raise ConfigError(f"{by} names {named}, and there is no such file.")
        return named.absolute()
    for place in PLACES:
        if place.is_file():
            return place.absolute()
    raise ConfigError(
        f"No langgraph.json here: looked for {' and '.join(str(place.absolute()) for place in PLACES)}. "
        "Start in the project's folder, or name the file with --config or LANGGRAPH_JSON."
    )


def load_config(path: Path) -> Config:
    """Read and check the file at `path`; nothing is imported and nothing outside is changed.

    Raises `ConfigError` when it is not valid or asks for something in `UNSUPPORTED`.
    """
    path = path.absolute()
    try:
        config = Config.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from None
    except ValidationError as error:
        sentences = dict.fromkeys(_sentence(path, each) for each in error.errors(include_url=False))
        raise ConfigError("\n".join(sentences)) from None
    config._path = path
    refused = [
        f"{path}: `{key}` is refused: {reason}. Remove it from the file."
        for key, reason in UNSUPPORTED.items()
        if not _asks_nothing(_value(config, key))
    ]
    if config.source is not None and config.dependencies:
        refused.append(f"{path}: `dependencies` and `source` exclude each other: a uv source has them in pyproject.toml.")
    if refused:
        raise ConfigError("\n".join(refused))
    return config


# ---- sentences


def _value(config: Config, dotted: str) -> Any:
    value: Any = config
    for name in dotted.split("."):
        value = getattr(value, name, None)
    return value


def _asks_nothing(value: Any) -> bool:
    return value is None or value is False or (isinstance(value, str | list | dict) and not value) or (
        isinstance(value, BaseModel) and not value.model_fields_set
    )  # fmt: skip


def _sentence(path: Path, error: ErrorDetails) -> str:
    """One pydantic error as a sentence with the file and the key."""
    if error["type"] == "json_invalid":
        return f"{path} is not JSON: {error['ctx']['error']}."
    section, keys = _place(error["loc"])
    key = ".".join(keys)
    match error["type"]:
        case "extra_forbidden":
            return f"{path}: `{key}` is not a key of langgraph.json; {_nearest(section, keys)}"
        case "missing" if key != "graphs":
            return f"{path}: `{key}` is missing."
        case "missing" | "too_short":
            return f'{path}: `{key}` names no graph; it needs at least one, like {{"agent": "./agent.py:graph"}}.'
        case "value_error":
            return f"{path}: `{key}` {error['ctx']['error']}."
    if keys[:1] == ["env"]:
        return f"{path}: `env` must be the name of a file or an object of strings."
    message = error["msg"][:1].lower() + error["msg"][1:]
    return f"{path}: {f'`{key}`' if key else 'the file'}: {message}, not {_short(error['input'])}."


def _place(location: tuple[int | str, ...]) -> tuple[type[BaseModel], list[str]]:
    """The section that a pydantic location ends in, and the location as keys of the file."""
    section: type[BaseModel] = Config
    annotation: Any = Config
    keys: list[str] = []
    for part in location:
        if get_origin(annotation) in (Union, UnionType) and _below(annotation) is None:
            break  # what follows is pydantic's name for a branch
        if part == "[key]":
            break
        keys.append(str(part))
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            section = annotation
            field = annotation.model_fields.get(str(part))
            annotation = field.annotation if field else None
        elif get_origin(annotation) is dict:
            annotation = get_args(annotation)[1]
        annotation = _below(annotation) or annotation
    return section, keys


def _below(annotation: Any) -> Any:
    """The section or the object in an annotation such as `X | None` or `Annotated[X, ...]`."""
    if get_origin(annotation) is dict or (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        return annotation
    if get_origin(annotation) in (Union, UnionType, Annotated):
        return next((found for part in get_args(annotation) if (found := _below(part)) is not None), None)
    return None


def _nearest(section: type[BaseModel], keys: list[str]) -> str:
    """What may have been meant by the last key."""
    names = [field.alias or name for name, field in section.model_fields.items()]
    close = difflib.get_close_matches(keys[-1], names, n=1, cutoff=0.5)
    if close:
        return f"did you mean `{'.'.join([*keys[:-1], close[0]])}`?"
    return f"known here are {', '.join(sorted(name for name in names if not name.startswith('_')))}."


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
