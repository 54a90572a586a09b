"""langgraph.json: what is read, what is refused and in which words, and what a project finds when it is imported."""

from __future__ import annotations

import inspect
import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from allograph.config import IMAGE_ONLY, UNSUPPORTED, Config, ConfigError, find_config, load_config
from allograph.project import activate

GRAPHS = {"graphs": {"agent": "./agent.py:graph"}}

DOCUMENTATION = Path(__file__).parents[1] / "docs" / "langgraph-json.md"

Write = Callable[[Any], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(content: Any) -> Path:
        path = tmp_path / "langgraph.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return write


@pytest.fixture
def _own_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


def refusal(path: Path) -> str:
    with pytest.raises(ConfigError) as refused:
        load_config(path)
    return str(refused.value).replace(str(path), "FILE")


def test_graphs_by_path_by_module_and_with_a_description(write: Write) -> None:
    config = load_config(
        write({"graphs": {"a": "./a.py:one", "b": "pkg.mod:two", "c": {"path": "c.py:three", "description": "Third"}}})
    )
    assert [(g.place, g.variable, g.description) for g in config.graphs.values()] == [
        ("./a.py", "one", None),
        ("pkg.mod", "two", None),
        ("c.py", "three", "Third"),
    ]
    assert config.directory == config.path.parent


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{", "FILE is not JSON: EOF while parsing an object at line 1 column 1."),
        ([], "FILE: the file: input should be an object, not []."),
        ({}, 'FILE: `graphs` names no graph; it needs at least one, like {"agent": "./agent.py:graph"}.'),
        ({"graphs": {}}, 'FILE: `graphs` names no graph; it needs at least one, like {"agent": "./agent.py:graph"}.'),
        (
            {**GRAPHS, "dependancies": []},
            "FILE: `dependancies` is not a key of langgraph.json; did you mean `dependencies`?",
        ),
        (
            {**GRAPHS, "http": {"cors": {"allow_origin": []}}},
            "FILE: `http.cors.allow_origin` is not a key of langgraph.json; did you mean `http.cors.allow_origins`?",
        ),
        (
            {"graphs": {"a": {"path": "a:b", "descripton": "x"}}},
            "FILE: `graphs.a.descripton` is not a key of langgraph.json; did you mean `graphs.a.description`?",
        ),
        (
            {**GRAPHS, "store": {"zzz": 1}},
            "FILE: `store.zzz` is not a key of langgraph.json; known here are index, ttl.",
        ),
        ({"graphs": {"a": {}}}, "FILE: `graphs.a.path` is missing."),
        ({"graphs": {"a": 3}}, "FILE: `graphs.a`: input should be an object, not 3."),
        (
            {"graphs": {"a": "./a.py"}},
            "FILE: `graphs.a.path` must look like `./path/to/file.py:variable` or `package.module:variable`.",
        ),
        ({"graphs": {"a": "./a.ts:graph"}}, "FILE: `graphs.a.path` points to JavaScript, and only Python is served."),
        (
            {"graphs": {"a": "./a.py:1st"}},
            "FILE: `graphs.a.path` names `1st` after the colon, which cannot be a Python variable.",
        ),
        (
            {"graphs": {"a/b": "./a.py:g"}},
            "FILE: `graphs.a/b` must not be empty, nor contain slashes, control characters or spaces at its ends.",
        ),
        ({**GRAPHS, "env": 3}, "FILE: `env` must be the name of a file or an object of strings."),
        ({**GRAPHS, "env": {"PORT": 1}}, "FILE: `env` must be the name of a file or an object of strings."),
        (
            {**GRAPHS, "http": {"cors": {"max_age": "1"}}},
            "FILE: `http.cors.max_age`: input should be a valid integer, not '1'.",
        ),
        (
            {**GRAPHS, "http": {"cors": {"allow_origin_regex": "("}}},
            "FILE: `http.cors.allow_origin_regex` is not a regular expression: missing ), unterminated subpattern at position 0.",
        ),
        (
            {**GRAPHS, "image_distro": "bullseye"},
            "FILE: `image_distro`: input should be 'debian', 'wolfi' or 'bookworm', not 'bullseye'.",
        ),
        (
            {**GRAPHS, "source": {"kind": "uv"}, "dependencies": ["."]},
            "FILE: `dependencies` and `source` exclude each other: a uv source has them in pyproject.toml.",
        ),
        (
            {**GRAPHS, "checkpointer": {"path": "./saver.py:saver"}},
            "FILE: `checkpointer.path` is refused: checkpoints are always kept in the server's Postgres. Remove it from the file.",
        ),
        (
            {**GRAPHS, "store": {"index": {"dims": 3, "embed": "openai"}}},
            "FILE: `store.index.embed` must look like `openai:text-embedding-3-small` or `./path/to/file.py:variable`.",
        ),
        (
            {**GRAPHS, "store": {"ttl": {"default_ttl": 0}}},
            "FILE: `store.ttl.default_ttl`: input should be greater than 0, not 0.",
        ),
    ],
)
def test_what_is_wrong_is_said_with_file_and_key(write: Write, content: Any, sentence: str) -> None:
    assert refusal(write(content)) == sentence


def test_all_that_is_wrong_is_said_at_once(write: Write) -> None:
    said = refusal(write({"grahps": {}, "python": "3.11"}))
    assert [line.split(" ")[1] for line in said.splitlines()] == ["`graphs`", "`grahps`", "`python`"]


ASKING = {
    "auth": {"path": "./auth.py:auth"},
    "encryption": {"path": "./encryption.py:e"},
    "priority": {"path": "./priority.py:p"},
    "checkpointer.path": "./saver.py:saver",
    "checkpointer.serde": {"allowed_msgpack_modules": None},
    "http.middleware_order": "auth_first",
    "ui": {"agent": "./ui.tsx"},
    "ui_config": {"shared": ["react"]},
    "project_root": ".",
    "package": "x",
}


@pytest.mark.parametrize("key", UNSUPPORTED)
def test_each_key_that_does_not_work_is_refused_by_name(write: Write, key: str) -> None:
    content: Any = ASKING.get(key, True)
    for name in reversed(key.split(".")):
        content = {name: content}
    assert f"`{key}` is refused: {UNSUPPORTED[key]}." in refusal(write({**GRAPHS, **content}))


@pytest.mark.parametrize(
    "content",
    [
        {"auth": None, "webhooks": {}, "ui": {}, "encryption": None},
        {"store": {}, "checkpointer": {}, "http": {}},
        {"store": {"index": None, "ttl": None}, "checkpointer": {"ttl": None, "serde": {}}},
        {"http": {"disable_mcp": False, "disable_ui": True, "enable_custom_route_auth": False}},
        {"http": {"middleware_order": "middleware_first"}},
    ],
)
def test_what_asks_for_nothing_passes(write: Write, content: dict[str, Any]) -> None:
    load_config(write({**GRAPHS, **content}))


def test_cors_is_read(write: Write) -> None:
    cors = {
        "allow_origins": ["https://a.example"], "allow_methods": ["GET"], "allow_headers": ["x-a"],
        "allow_credentials": True, "allow_origin_regex": "https://.*", "expose_headers": ["x-b"], "max_age": 5,
    }  # fmt: skip
    config = load_config(write({**GRAPHS, "http": {"cors": cors}}))
    assert config.http is not None
    assert config.http.cors is not None
    assert config.http.cors.model_dump() == cors


def test_keys_about_images_are_accepted(write: Write) -> None:
    load_config(write({
        **GRAPHS, "python_version": "3.11", "node_version": "20", "api_version": "0.8", "base_image": "x",
        "image_distro": "wolfi", "pip_config_file": "pip.conf", "pip_installer": "uv", "dockerfile_lines": ["RUN true"],
        "keep_pkg_tools": ["pip"], "_INTERNAL_docker_tag": "x",
    }))  # fmt: skip


def test_the_tables_name_keys_that_exist() -> None:
    top = {field.alias or name for name, field in Config.model_fields.items()}
    assert top >= IMAGE_ONLY
    assert {key.split(".")[0] for key in UNSUPPORTED} <= top


def test_the_documentation_lists_every_key() -> None:
    listed = set(re.findall(r"^\| `([^`]+)`", DOCUMENTATION.read_text(), re.MULTILINE))
    top = {field.alias or name for name, field in Config.model_fields.items()}
    assert listed >= top | set(UNSUPPORTED)
    assert {each.split(".")[0] for each in listed} <= top


# ---- where the file is


def test_find_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LANGGRAPH_JSON", raising=False)
    with pytest.raises(ConfigError, match=r"No langgraph.json here: looked for .*agent/langgraph.json\. Start in"):
        find_config()
    places = [tmp_path / name for name in ("agent/langgraph.json", "langgraph.json", "env.json", "given.json")]
    places[0].parent.mkdir()
    for place in places[:3]:
        place.touch()
        if place.name == "env.json":
            monkeypatch.setenv("LANGGRAPH_JSON", "env.json")
        assert find_config() == place
    with pytest.raises(ConfigError, match=r"--config names given.json, and there is no such file\."):
        find_config(Path("given.json"))
    places[3].touch()
    assert find_config(Path("given.json")) == places[3]
    assert find_config(Path("agent")) == places[0]
    monkeypatch.setenv("LANGGRAPH_JSON", "gone.json")
    with pytest.raises(ConfigError, match=r"LANGGRAPH_JSON names gone\.json"):
        find_config()


# ---- environment and import path


@pytest.mark.usefixtures("_own_process")
def test_env_as_an_object_sets_what_is_not_set(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALREADY_SET", "outside")
    activate(load_config(write({**GRAPHS, "env": {"ALREADY_SET": "file", "NOT_YET_SET": "file"}})))
    assert (os.environ["ALREADY_SET"], os.environ["NOT_YET_SET"]) == ("outside", "file")


@pytest.mark.usefixtures("_own_process")
def test_env_as_a_file(write: Write, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text('# comment\nexport PLAIN=one\nQUOTED="two words"\nWITH=${PLAIN}-x\nEMPTY\n')
    activate(load_config(write({**GRAPHS, "env": ".env"})))
    assert (os.environ["PLAIN"], os.environ["QUOTED"], os.environ["WITH"]) == ("one", "two words", "one-x")
    assert "EMPTY" not in os.environ


@pytest.mark.usefixtures("_own_process")
def test_a_missing_env_file_is_said(write: Write, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        activate(load_config(write({**GRAPHS, "env": ".env"})))
    assert "langgraph.json names" in caplog.text
    assert ".env, which does not exist" in caplog.text


@pytest.mark.usefixtures("_own_process")
def test_folders_become_importable(write: Write, tmp_path: Path) -> None:
    for name in ("plain", "project/src/inner", "package", "pkgs/flat"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "project/pyproject.toml").touch()
    (tmp_path / "pkgs/flat/__init__.py").touch()
    before = [*sys.path]
    config = load_config(write({**GRAPHS, "dependencies": [".", "./plain", "project", "./pkgs/flat"]}))
    activate(config)
    activate(config)
    added = [entry for entry in sys.path if entry not in before]
    root = tmp_path.resolve()
    assert added == [
        str(root / name) if name else str(root) for name in ("", "plain", "project", "project/src", "pkgs", "pkgs/flat")
    ]
    assert [entry for entry in sys.path if entry in before] == before
    # Neither the standard library nor what is installed can be shadowed by a project.
    first = sys.path.index(added[0])
    assert all(sys.path.index(entry) < first for entry in before if entry.endswith(("lib-dynload", "site-packages")))


@pytest.mark.usefixtures("_own_process")
def test_a_uv_source_becomes_importable(tmp_path: Path, write: Write) -> None:
    (tmp_path / "repo/src").mkdir(parents=True)
    (tmp_path / "repo/pyproject.toml").touch()
    activate(load_config(write({**GRAPHS, "source": {"kind": "uv", "root": "repo"}})))
    assert str((tmp_path / "repo/src").resolve()) in sys.path


@pytest.mark.usefixtures("_own_process")
@pytest.mark.parametrize(
    ("dependencies", "said"),
    [
        (["./gone"], "names .*gone, which is not a folder"),
        (["some/where"], "names .*some/where, which is not a folder"),
        (["no-such-distribution"], "does not have: no-such-distribution is not installed"),
        (["langgraph>=99"], r"langgraph is installed as [\d.]+, not >=99"),
        (["no-such-one", "langgraph>=99"], "no-such-one is not installed; langgraph is installed as"),
        (["git+https://host.example/x.git#egg=no-such-distribution"], "no-such-distribution is not installed"),
        (["no-such-distribution @ https://host.example/x.whl"], "no-such-distribution is not installed"),
        (["??"], r"\?\? is neither a folder nor a requirement"),
    ],
)
def test_dependencies_that_are_not_there(write: Write, dependencies: list[str], said: str) -> None:
    config = load_config(write({**GRAPHS, "dependencies": dependencies}))
    with pytest.raises(ConfigError, match=said):
        activate(config)


@pytest.mark.usefixtures("_own_process")
def test_requirements_that_are_met(write: Write, caplog: pytest.LogCaptureFixture) -> None:
    dependencies = [
        "langgraph", "langchain_core", "langgraph-sdk>=0.1,<99", "uvicorn[standard]", "nothing; python_version < '3'",
        "git+https://host.example/x.git@main",
    ]  # fmt: skip
    activate(load_config(write({**GRAPHS, "dependencies": dependencies})))
    assert "cannot tell whether git+https://host.example/x.git@main is installed" in caplog.text


def test_every_section_refuses_unknown_keys() -> None:
    module = sys.modules["allograph.config"]
    sections = [each for _, each in inspect.getmembers(module, inspect.isclass) if issubclass(each, BaseModel)]
    assert [each.__name__ for each in sections if each is not BaseModel and each.model_config.get("extra") != "forbid"] == []
