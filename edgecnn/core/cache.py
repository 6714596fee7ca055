"""What is computed once and kept on disk, in a folder per entry; the entries that are longest unused are given up.

Several processes may share it: an entry appears and disappears whole, by a rename, and one that can't be read is made
again.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from edgecnn.core.errors import DataError
from edgecnn.runtime.zips import DAMAGED_ZIP

_SPARE_BYTES = 1 << 30
_CACHE_BYTES = 30 << 30
_ABANDONED_S = 24 * 3600.0  # nobody works on an entry for so long
# the folder may be anybody's
_OURS = re.compile(r"\.?(pictures|survey|shards|features|encoded|archive|converted|environment|litertjs|trash)-")
_DAMAGED = (OSError, *DAMAGED_ZIP)

Found = TypeVar("Found")


@dataclass(frozen=True)
class Kept:
    """Something that is kept, here or on a board.

    Attributes:
        name: of its folder or file.
        kind: here "pictures" (decoded images), "survey" (what was seen of images), "shards" (where images are in
            shards), "features" (of a frozen backbone), "encoded" (outputs of a teacher or encoder), "archive" (unpacked
            data), "converted" (models by others), "environment" (of a converter) or "litertjs" (browsers' runtime).
        size_bytes: of its files.
        age_s: seconds since it was used last.
    """

    name: str
    kind: str
    size_bytes: int
    age_s: float


def cache_folder() -> Path:
    """Where computed images and features are kept: $EDGECNN_CACHE, or edgecnn in the user's cache folder.

    Raises:
        DataError: this user has no home folder.
    """
    if place := os.environ.get("EDGECNN_CACHE"):
        return Path(place)
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "edgecnn"
    except RuntimeError as error:
        raise DataError(
            "This user has no home folder for the cache of decoded images. Set EDGECNN_CACHE to a folder."
        ) from error


def cached(name: str, size_bytes: int, read: Callable[[Path], Found], fill: Callable[[Path], None]) -> Found:
    """An entry of the cache; one that is missing or can't be read is made.

    Args:
        name: of its folder; begins with one of the kinds in `Kept` and a hyphen.
        size_bytes: about as large as it will be.
        read: gives what a finished folder holds.
        fill: writes its files into an empty folder.

    Raises:
        DataError: the cache folder can't be written, or the disk is full.
    """
    folder = cache_folder() / name
    with contextlib.suppress(*_DAMAGED):
        found = read(folder)
        with contextlib.suppress(OSError):  # a cache that can only be read serves as well
            os.utime(folder)
        return found
    with _new_folder(name, size_bytes) as temporary:
        fill(temporary)
        return _publish(temporary, folder, read)


def has_room(name: str, size_bytes: int) -> bool:
    """Whether an entry is there, or could be made.

    Raises:
        DataError: this user has no home folder.
    """
    root = cache_folder()
    if (root / name).exists():
        return True
    place = next(each for each in (root, *root.parents) if each.exists())
    entries = _entries(root) if root.is_dir() else []
    given_up, kept_bytes = 0, sum(size for _, size, _ in entries)
    for _, size, _ in entries:
        if kept_bytes - given_up + size_bytes <= _CACHE_BYTES:
            break
        given_up += size
    return size_bytes <= _CACHE_BYTES and shutil.disk_usage(place).free + given_up >= size_bytes + _SPARE_BYTES


def kept() -> list[Kept]:
    """What this machine keeps, the longest unused first."""
    root, now_s = cache_folder(), time.time()
    if not root.is_dir():
        return []
    entries = _entries(root)
    return [Kept(path.name, path.name.partition("-")[0], size, max(0.0, now_s - used)) for used, size, path in entries]


def clear(entries: Iterable[Kept]) -> None:
    """Give entries up; what uses one of them makes it again.

    Raises:
        DataError: one can't be removed.
    """
    for entry in entries:
        path = cache_folder() / entry.name
        try:
            _discard(path)
        except OSError as error:
            raise DataError(f"Can't remove {path}: {error.strerror}. Remove it by hand.") from error


def _publish(temporary: Path, folder: Path, read: Callable[[Path], Found]) -> Found:
    try:
        temporary.rename(folder)
    except OSError:
        with contextlib.suppress(*_DAMAGED):  # another process was faster
            return read(folder)
        _discard(folder)  # what is there is damaged
        temporary.rename(folder)
    return read(folder)


@contextlib.contextmanager
def _new_folder(name: str, size_bytes: int) -> Iterator[Path]:
    root = cache_folder()
    try:
        root.mkdir(parents=True, exist_ok=True)
        _make_room(root, size_bytes)
        temporary = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=root))
    except OSError as error:
        raise DataError(
            f"Can't use the cache folder {root}: {error.strerror}. Set EDGECNN_CACHE to another folder."
        ) from error
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _make_room(root: Path, size_bytes: int) -> None:
    """Remove the oldest entries until the cache holds less than 30 GB with this one.

    Raises:
        DataError: the disk has no room for it.
    """
    entries = _entries(root)
    while entries and sum(size for _, size, _ in entries) + size_bytes > _CACHE_BYTES:
        _discard(entries.pop(0)[2])
    free = shutil.disk_usage(root).free
    if free < size_bytes + _SPARE_BYTES:
        raise DataError(
            f"{root} has {free / 1e9:.1f} GB of free space, but {size_bytes / 1e9:.1f} GB and a "
            "reserve of 1 GB are needed. Set EDGECNN_CACHE to a folder on a larger disk, or use a smaller input "
            "size."
        )


def _entries(root: Path) -> list[tuple[float, int, Path]]:
    """Time of the last use, bytes, folder; the oldest first. What killed processes began is removed on the way."""
    found = []
    for path in filter(lambda path: _OURS.match(path.name), root.iterdir()):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):  # another process removes it; no entry
            used_s = path.stat().st_mtime
            size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
            if not path.name.startswith("."):
                found.append((used_s, size, path))
            elif time.time() - used_s > _ABANDONED_S:
                shutil.rmtree(path, ignore_errors=True)
    return sorted(found)


def _discard(folder: Path) -> None:
    """Remove an entry; a Ctrl-C meanwhile leaves no part of it under its name."""
    if not folder.exists():
        return
    trash = tempfile.mkdtemp(prefix=".trash-", dir=folder.parent)
    try:
        with contextlib.suppress(FileNotFoundError):  # another process was faster
            folder.rename(trash)
    finally:
        shutil.rmtree(trash, ignore_errors=True)
