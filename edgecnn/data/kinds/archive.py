"""A `.zip` or `.tar` of a folder of images; it is unpacked once, into the cache, under the digest of its content.

The archive is a stranger's: nothing is written outside of the cache folder, links and devices are passed over, and what
is unpacked is bounded in proportion to the archive's size.
"""

from __future__ import annotations

import bz2
import dataclasses
import functools
import gzip
import lzma
import re
import stat
import tarfile
import unicodedata
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from edgecnn.core.cache import cached
from edgecnn.core.errors import DataError
from edgecnn.core.files import file_sha256
from edgecnn.data.annotated import annotation_format
from edgecnn.data.bounded import ALWAYS_BYTES, Bounded
from edgecnn.data.dataset import DataSet
from edgecnn.data.kind import kind_of
from edgecnn.data.kinds.folder import open_folder
from edgecnn.data.listing import is_junk, printable
from edgecnn.data.shard_files import shard_files
from edgecnn.runtime.zips import DAMAGED_ZIP

SYNTAX = "a .zip or .tar (.tar.gz, .tar.bz2, .tar.xz) file of such a folder"
_TARS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
_DAMAGED = (*DAMAGED_ZIP, OSError, tarfile.TarError)
_LARGEST_RATIO, _MOST_BYTES = 100, 20 << 30
_MOST_FILES = 2_000_000
_COPIED_AT_ONCE = 1 << 20
_FILES, _DONE = "files", "done"


def accepts(spec: str) -> bool:
    """Whether the path is an archive, and no shard."""
    path = Path(spec)
    is_archive = path.name.lower().endswith((".zip", *_TARS)) and path.exists() and not path.is_dir()
    return is_archive and shard_files(spec) is None


def open_data(spec: str) -> DataSet:
    """Unpack the archive, or find what was unpacked before, and open it as a folder.

    Raises:
        DataError: it is damaged, encrypted, too large, has a member that leads out of it, or holds no images.
    """
    path = Path(spec)
    if not path.is_file():
        raise DataError(f"{spec} is not a regular file; expected an archive of a folder of images.")
    try:
        status = path.stat()
        digest = _digest(path, status.st_size, status.st_mtime_ns)
    except OSError as error:
        raise DataError(f"Can't read the archive {spec}: {error.strerror}. Check its permissions.") from error
    limit_bytes = min(_LARGEST_RATIO * status.st_size + ALWAYS_BYTES, _MOST_BYTES)
    folder = cached(
        f"archive-{digest[:32]}", 2 * status.st_size, _unpacked, lambda new: _unpack(path, new, limit_bytes)
    )
    kind = kind_of(str(folder)) if annotation_format(folder) else None
    return dataclasses.replace(kind.open_data(str(folder)), name=spec) if kind else open_folder(folder, spec)


@functools.lru_cache(maxsize=64)
def _digest(path: Path, size_bytes: int, changed_ns: int) -> str:
    return file_sha256(path)


def _unpacked(folder: Path) -> Path:
    (folder / _DONE).stat()
    return folder / _FILES


def _unpack(path: Path, folder: Path, limit_bytes: int) -> None:
    target = folder / _FILES
    target.mkdir()
    members = _zip_members(path) if path.name.lower().endswith(".zip") else _tar_members(path, limit_bytes)
    left_bytes = limit_bytes
    try:
        for count, (name, stream) in enumerate(members):
            if count == _MOST_FILES:
                raise DataError(
                    f"The archive {path} holds more than {_MOST_FILES:,} files. Unpack it, and give the folder."
                )
            parts = _parts(name, path)
            if parts and not any(map(is_junk, parts)):
                left_bytes -= _copy(stream, target.joinpath(*parts), left_bytes, path)
    except _DAMAGED as error:
        raise DataError(f"The archive {path} can't be unpacked: {error}. Create it again.") from error
    (folder / _DONE).touch()


def _zip_members(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Name and content of each regular file."""
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            mode = info.external_attr >> 16
            if info.filename.endswith("/") or stat.S_IFMT(mode) not in (0, stat.S_IFREG):
                continue
            if info.flag_bits & 1:
                raise DataError(f"The archive {path} is encrypted. Unpack it, and give the folder.")
            with archive.open(info) as stream:
                yield _zip_name(info), stream


def _zip_name(info: zipfile.ZipInfo) -> str:
    """Many programs write UTF-8 without the flag that says so; zipfile then reads code page 437."""
    if info.flag_bits & 0x800:
        return info.filename
    try:
        return info.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return info.filename


def _tar_members(path: Path, limit_bytes: int) -> Iterator[tuple[str, IO[bytes]]]:
    """Name and content of each regular file."""
    with (
        _decompressed(path) as stream,
        tarfile.open(fileobj=Bounded(stream, limit_bytes, path, _too_large), mode="r:") as archive,
    ):
        for member in archive:
            content = archive.extractfile(member) if member.isreg() else None
            archive.members = []  # type: ignore[attr-defined]  # else it keeps every header
            if content is not None:
                yield member.name, content


def _decompressed(path: Path) -> Any:
    with path.open("rb") as stream:
        start = stream.read(6)
    if start.startswith(b"\x1f\x8b"):
        return gzip.open(path)
    if start.startswith(b"BZh"):
        return bz2.open(path)
    return lzma.open(path) if start.startswith(b"\xfd7zXZ") else path.open("rb")


def _parts(name: str, path: Path) -> list[str]:
    """Names of the folders and the file, without what can't be printed.

    Raises:
        DataError: they lead out of the archive.
    """
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
    if name.startswith(("/", "\\")) or ".." in parts or re.match(r"[A-Za-z]:", name):
        raise DataError(
            f"The archive {path} contains a path that leads outside of it, {printable(name)!r}; nothing was "
            "unpacked. Create it again without such paths."
        )
    return [printable("".join("_" if unicodedata.category(sign) == "Cc" else sign for sign in part)) for part in parts]


def _copy(stream: IO[bytes], target: Path, left_bytes: int, path: Path) -> int:
    """Write one file; returns its size."""
    target.parent.mkdir(parents=True, exist_ok=True)
    size = 0
    with target.open("wb") as output:
        while block := stream.read(_COPIED_AT_ONCE):
            size += len(block)
            if size > left_bytes:
                raise _too_large(path, left_bytes)
            output.write(block)
    return size


def _too_large(path: Path, limit_bytes: int) -> DataError:
    return DataError(
        f"The archive {path} unpacks to more than {limit_bytes / 1e6:,.0f} MB, which is suspicious for its "
        "size. If you trust it, unpack it and give the folder."
    )
