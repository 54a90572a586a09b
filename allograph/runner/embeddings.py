"""The embeddings that `store.index` of langgraph.json names."""

from __future__ import annotations

from typing import Any

from langchain_core.embeddings import Embeddings
from langgraph.store.base import ensure_embeddings

from allograph.config import Config, is_place
from allograph.errors import StartupError
from allograph.runner.modules import NoSuchFileError, import_place


def load_embeddings(config: Config) -> Embeddings | None:
    """The embeddings, or None without `store.index`. The project is importable by now.

    Raises `StartupError` when they cannot be made.
    """
    index = config.store.index if config.store else None
    if index is None:
        return None
    named = f"{config.path}: `store.index.embed` ({index.embed})"
    try:
        return ensure_embeddings(_variable(config, index.embed) if is_place(index.embed) else _provided(index.embed))
    except NoSuchFileError as error:
        raise StartupError(f"{named}: {error}.") from None
    except (Exception, SystemExit) as error:
        raise StartupError(f"{named} cannot be used: {type(error).__name__}: {str(error).rstrip('.')}.") from error


def _variable(config: Config, path: str) -> Any:
    """An `Embeddings` object, or a function, sync or async, from texts to vectors."""
    place, _, name = path.rpartition(":")
    value = getattr(import_place(place, config.directory), name)
    if not isinstance(value, Embeddings) and not callable(value):
        raise TypeError(f"{name} is of type {type(value).__name__}, neither a function nor Embeddings")
    return value


def _provided(name: str) -> Embeddings:
    try:
        from langchain.embeddings import init_embeddings
    except ImportError:
        raise ImportError("a provider's embeddings need the package langchain; install it, or name a function of yours") from None
    made: Embeddings = init_embeddings(name)
    return made
