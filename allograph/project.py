"""Making a process ready to import the project that a langgraph.json describes: its environment and its import path."""

from __future__ import annotations

import importlib
import importlib.metadata
import logging
import os
import re
import site
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

import dotenv
from packaging.requirements import InvalidRequirement, Requirement

from allograph.config import Config, ConfigError

log = logging.getLogger("allograph.project")


def activate(config: Config) -> None:
    """Set the variables of `env`, then make `dependencies` importable. Doing it twice is harmless.

    Raises `ConfigError` when a folder does not exist or a requirement is not installed.
    """
    _set_environment(config)
    _add_to_path(config)


def _set_environment(config: Config) -> None:
    values: Mapping[str, str | None]
    if isinstance(config.env, str):
        file = config.directory / config.env
        if not file.is_file():
            # Projects keep their .env out of version control, so a fresh clone has none; the reference starts
            # as well.
            log.info("%s names %s, which does not exist: no variables are set from it", config.path.name, file)
            return
        values = dotenv.dotenv_values(file)
    else:
        values = config.env
    for name, value in values.items():
        if value is not None:
            os.environ.setdefault(name, value)


def _add_to_path(config: Config) -> None:
    folders, requirements = [config.directory], []
    for entry in [config.source.root] if config.source else config.dependencies:
        folder = config.directory / entry
        if folder.is_dir():
            folders.append(folder)
        elif config.source or entry.startswith((".", "/")) or "/" in re.split("[@+]", entry)[0]:
            key = "source.root" if config.source else "dependencies"
            raise ConfigError(f"{config.path}: `{key}` names {folder}, which is not a folder.")
        else:
            requirements.append(entry)
    missing = [problem for entry in requirements if (problem := _missing(config, entry))]
    if missing:
        raise ConfigError(
            f"{config.path}: `dependencies` asks for what this environment does not have: {'; '.join(missing)}. "
            f"Install it into {sys.prefix} (`{sys.executable} -m pip install ...`) or remove it from the file."
        )
    wanted: list[Path] = []
    for folder in folders:
        folder = folder.resolve()
        if (folder / "__init__.py").exists():  # the folder is a package itself: `import folder` needs its parent
            wanted.append(folder.parent)
        wanted.append(folder)
        if any((folder / name).exists() for name in ("pyproject.toml", "setup.py", "setup.cfg")):
            source = folder / "src"
            if source.is_dir() and not (source / "__init__.py").exists():
                wanted.append(source)
    # After the standard library and installed distributions, as in the reference, so that a project's `mcp/` or
    # `secrets.py` breaks neither; before what .pth files add, so that its `agent/` wins over that of an editable
    # install.
    position = _after_distributions()
    present = {_resolved(entry) for entry in sys.path}
    for place in dict.fromkeys(wanted):
        if place not in present:
            sys.path.insert(position, str(place))
            position += 1
    importlib.invalidate_caches()


def _after_distributions() -> int:
    homes = {Path(path).resolve() for path in (*site.getsitepackages(), site.getusersitepackages())}
    homes |= {Path(path).resolve() for path in sysconfig.get_paths().values()}
    return max((i + 1 for i, entry in enumerate(sys.path) if _resolved(entry) in homes), default=len(sys.path))


def _resolved(entry: str) -> Path:
    return Path(entry or ".").resolve()


def _missing(config: Config, entry: str) -> str | None:
    """What is wrong with the requirement `entry` in this environment, as a clause, or None."""
    text = entry
    if "://" in entry and not re.match(r"[\w.\-\[\], ]+@", entry):  # git+https://host/repository#egg=name
        _, _, name = entry.partition("#egg=")
        if not name:
            log.warning("%s: `dependencies`: cannot tell whether %s is installed", config.path, entry)
            return None
        text = name.partition("&")[0]
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        return f"{entry} is neither a folder nor a requirement"
    if requirement.marker and not requirement.marker.evaluate():
        return None
    try:
        version = importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        return f"{requirement.name} is not installed"
    if not requirement.specifier.contains(version, prereleases=True):
        return f"{requirement.name} is installed as {version}, not {requirement.specifier}"
    return None
