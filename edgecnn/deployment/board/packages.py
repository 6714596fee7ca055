"""The Python of a service: a user's own, or for a service of the system one that every user may read."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from edgecnn.core.errors import DeviceError
from edgecnn.deployment.board.places import Places
from edgecnn.runtime.portable import services

_PACKAGES, _HALF = "packages", ".half-"
_SHUT = ("/home/", "/root/")
"""Below these the sandbox of a service of the system sees nothing."""


def of_service(places: Places) -> tuple[str, Path | None]:
    """The interpreter, and a folder of packages to look into first, where it needs one.

    Raises:
        DeviceError: a service of the system can't read the interpreter.
    """
    if not places.system:
        return sys.executable, None
    base = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    if str(base).startswith(_SHUT):
        raise DeviceError(
            f"The Python of this board, {base}, lies in a home folder, which a service of the system can't read. "
            "Deploy with --user, or install Python for all users: sudo apt install python3"
        )
    hidden = [Path(each) for each in sys.path if Path(each).resolve().as_posix().startswith(_SHUT)]
    found = [each for each in hidden if each.is_dir() and any(each.iterdir())]
    return str(base), _shared(found[0], places.root) if found else None


def _shared(site: Path, root: Path) -> Path:
    """A copy of a virtual environment's packages beside the versions, made once; whole or not at all."""
    target = root / _PACKAGES / _state(site)
    if not target.is_dir():
        target.parent.mkdir(parents=True, exist_ok=True)
        half = target.with_name(f"{_HALF}{target.name}")
        shutil.rmtree(half, ignore_errors=True)
        shutil.copytree(site, half, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        _let_read(half)
        half.rename(target)
    return target


def _state(site: Path) -> str:
    """Differs where a package was added, removed or replaced."""
    files = sorted(path for path in site.rglob("*") if path.is_file() and path.suffix != ".pyc")
    lines = (f"{path.relative_to(site)} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in files)
    return hashlib.sha256("\n".join(lines).encode("utf-8", "replace")).hexdigest()[:16]


def _let_read(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)


def prune(root: Path, kept: set[str]) -> None:
    """Remove copies of packages that no version uses."""
    for folder in (root / _PACKAGES).glob("*"):
        if str(folder) not in kept:
            shutil.rmtree(folder)


def known_groups(names: Sequence[str]) -> list[str]:
    """Those that there are on this board; systemd refuses a service with another one."""
    return [name for name in names if services.has_group(name)]
