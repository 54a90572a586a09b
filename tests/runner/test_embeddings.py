"""The embeddings of langgraph.json: a function, an object, or a provider's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from langchain_core.embeddings import Embeddings

from allograph.config import load_config
from allograph.errors import StartupError
from allograph.runner.embeddings import load_embeddings
from tests.indexed import words
from tests.server_process import ROOT

WORDS = (ROOT / "tests" / "indexed" / "words.py").read_text()


def load(folder: Path, embed: str) -> Embeddings | None:
    (folder / "words.py").write_text(WORDS)
    file = folder / "langgraph.json"
    file.write_text(json.dumps({"graphs": {"a": "./a.py:a"}, "store": {"index": {"dims": 64, "embed": embed}}}))
    return load_embeddings(load_config(file))


@pytest.mark.parametrize("name", ["embed", "embed_now", "words"])
async def test_a_function_or_an_object_of_the_project(tmp_path: Path, name: str) -> None:
    made = load(tmp_path, f"./words.py:{name}")
    assert made is not None
    assert await made.aembed_documents(["a text", "another"]) == [words.vector("a text"), words.vector("another")]


def test_a_provider_and_its_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    made = load(tmp_path, "openai:text-embedding-3-small")
    assert type(made).__name__ == "OpenAIEmbeddings"
    assert made.model == "text-embedding-3-small"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("embed", "said"),
    [
        ("./nowhere.py:embed", "there is no file"),
        ("./words.py:nobody", "has no attribute 'nobody'"),
        ("./words.py:number", "number is of type int, neither a function nor Embeddings"),
        ("nobody:model", "cannot be used: ValueError"),
    ],
)
def test_what_cannot_be_used_is_said(tmp_path: Path, embed: str, said: str) -> None:
    with pytest.raises(StartupError) as refused:
        load(tmp_path, embed)
    assert str(refused.value).startswith(f"{tmp_path / 'langgraph.json'}: `store.index.embed` ({embed})")
    assert said in str(refused.value)


def test_without_an_index_there_are_none(tmp_path: Path) -> None:
    file = tmp_path / "langgraph.json"
    file.write_text(json.dumps({"graphs": {"a": "./a.py:a"}, "store": {"ttl": {"default_ttl": 5}}}))
    assert load_embeddings(load_config(file)) is None
