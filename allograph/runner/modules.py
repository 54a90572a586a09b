"""Importing the files of a served project.

A graph's file is imported under the dotted name by which the project itself imports it, when it has one: then
relative imports work, and it is one module with what `from my_agent.state import State` gives elsewhere. Otherwise it
is loaded by path under a name made from its place in the project: the same on every machine, since checkpoints name
the modules of what they hold. Either way a file is executed once, however many graphs it defines.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType


class NoSuchFileError(Exception):
    """A path of langgraph.json names no file."""


def import_place(place: str, directory: Path) -> ModuleType:
    """The module at `place`: `path/to/file.py` relative to `directory`, or `package.module`.

    Raises `NoSuchFileError` when the path names no file; what the module itself raises comes through.
    """
    if not (place.endswith(".py") or "/" in place or "\\" in place):
        return importlib.import_module(place)
    file = (directory / place).resolve()
    if not file.is_file():
        raise NoSuchFileError(f"there is no file {file}")
    name = _dotted_name(file)
    return importlib.import_module(name) if name else _load(file, directory)


def _dotted_name(file: Path) -> str | None:
    """The name that imports `file`, if there is one that no other module takes."""
    parts = [*file.parent.parts, *([] if file.stem == "__init__" else [file.stem])]
    outermost = _outside_packages(file.parent)
    # Never from inside a package, where relative imports would fail; else the shortest name.
    places = [place for place in _import_path() if outermost.is_relative_to(place)]
    for place in sorted(places, key=lambda place: len(place.parts), reverse=True):
        name = ".".join(parts[len(place.parts) :])
        if _imports(name, file):
            return name
    if outermost == file.parent:
        return None
    # A package that nothing on the import path holds. At the end of the path its folder can shadow nothing.
    sys.path.append(str(outermost))
    name = ".".join(parts[len(outermost.parts) :])
    return name if _imports(name, file) else None


def _imports(name: str, file: Path) -> bool:
    """Whether `import name` would execute `file`."""
    if not all(part.isidentifier() for part in name.split(".")):
        return False
    try:
        spec = importlib.util.find_spec(name)
    except Exception:  # noqa: BLE001 - the parent is another package, or cannot be imported
        return False
    return spec is not None and spec.origin is not None and Path(spec.origin).resolve() == file


def _outside_packages(folder: Path) -> Path:
    """The nearest folder at or above `folder` that is not a package."""
    while (folder / "__init__.py").exists() and folder != folder.parent:
        folder = folder.parent
    return folder


def _import_path() -> Iterator[Path]:
    for entry in sys.path:
        place = Path(entry or ".").resolve()
        if place.is_dir():
            yield place


def _load(file: Path, directory: Path) -> ModuleType:
    try:
        relative = file.relative_to(directory.resolve())
    except ValueError:
        relative = Path(*file.parts[1:])
    name = "_served_" + re.sub(r"\W", "_", str(relative.with_suffix("")))
    known = sys.modules.get(name)
    if known is not None and known.__file__ == str(file):
        return known
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is not Python source")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # before it runs: dataclasses and pickle look their module up
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
