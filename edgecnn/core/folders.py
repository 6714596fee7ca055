"""Folders that are whole or absent: everything is written beside the place and renamed into it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from edgecnn.core.errors import EdgecnnError, UsageError
from edgecnn.core.files import read_json, sha256

MARK = "export.json"
"""The file that says that a folder is ours: a JSON object whose `files` maps names to SHA-256 digests."""


def write(path: str | Path, files: Mapping[str, bytes]) -> None:
    """Write a folder, or replace one that was written like this; `files` holds `MARK`.

    Args:
        path: of the folder.
        files: name, with slashes between folders, -> content.

    Raises:
        UsageError: there is something else in its place.
        EdgecnnError: it can't be written.
    """
    path = Path(path)
    check_ours(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{path.name[:80]}-", dir=path.parent))
        try:
            _fill(aside / "new", files)
            if path.exists():
                path.rename(aside / "old")
            (aside / "new").rename(path)
        finally:
            if (aside / "old").exists() and not path.exists():
                (aside / "old").rename(path)
            shutil.rmtree(aside, ignore_errors=True)
    except OSError as error:
        raise EdgecnnError(f"Can't write {path}: {error.strerror or error}. Nothing was changed.") from error


def check_ours(path: str | Path) -> None:
    """Refuse a place that holds what replacing the folder would destroy.

    Raises:
        UsageError: a file, a folder of others, or one of ours in which something was added or changed.
    """
    path = Path(path)
    if not os.path.lexists(path):
        return
    if path.is_symlink() or not path.is_dir():
        raise UsageError(f"{path} is no folder; expected one that doesn't exist yet. Choose another name.")
    found = {each.relative_to(path).as_posix(): each for each in path.rglob("*") if not each.is_dir()}
    if not found:
        return
    known = read_json(path / MARK)
    digests = known.get("files") if isinstance(known, dict) else None
    if not isinstance(digests, dict):
        raise UsageError(f"{path} exists and is no export of edgecnn. Choose another folder, or remove it.")
    for name, each in sorted(found.items()):
        if name != MARK and (each.is_symlink() or not each.is_file() or digests.get(name) != sha256(each.read_bytes())):
            raise UsageError(
                f"{path} is an export in which {name} was added or changed. Choose another folder, or move the file."
            )


def _fill(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
