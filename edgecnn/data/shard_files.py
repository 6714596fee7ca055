"""Files that hold many images each, told apart from other archives and folders by a cheap look."""

from __future__ import annotations

import glob
import itertools
import re
import struct
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgecnn.core.errors import DataError
from edgecnn.data.bounded import Bounded
from edgecnn.data.layout import split_named
from edgecnn.data.listing import is_junk
from edgecnn.data.shard_settings import TFRECORD, WEBDATASET
from edgecnn.runtime.run.image_header import SUFFIXES

IMAGE_SUFFIXES = SUFFIXES | {".avif", ".heic", ".heif"}
_TFRECORD_NAME = re.compile(r"\.tfrecords?(-\d+-of-\d+)?$|\.tfrec$|-\d{5,}-of-\d{5,}$", re.IGNORECASE)
_BRACES = re.compile(r"\{(\d+)\.\.(\d+)\}")
_SPLIT_WORD = re.compile(r"[^A-Za-z]+")
_LOOKED_AT = 1000  # entries of a folder
_MOST_FILES = 1_000_000


@dataclass(frozen=True)
class Shards:
    """Shards of one data set.

    Attributes:
        format: `WEBDATASET` or `TFRECORD`.
        files: sorted.
        splits: of each file "train", "validation" or "test", where its name or its folder's says so; otherwise empty.
    """

    format: str
    files: tuple[Path, ...]
    splits: tuple[str, ...]


def shard_files(spec: str) -> Shards | None:
    """The shards that a text names: one file, a pattern (`train-{000..146}.tar`, `train-*.tar`), or a folder that holds
    shards, perhaps in folders of splits; None for anything else.
    """
    try:
        files = _files(spec)
        format = _format_of(files[0]) if files else None
    except (OSError, ValueError):  # ValueError: a NUL in the name
        return None
    if format is None:
        return None
    root = Path(spec)
    return Shards(format, tuple(files), tuple(_split_of(file, root) for file in files))


def _files(spec: str) -> list[Path]:
    path = Path(spec)
    if path.is_file():
        return [path] if _is_named_so(path) else []
    if path.is_dir():
        return _inside(path)
    if not _BRACES.search(spec) and not glob.has_magic(spec):
        return []
    patterns = itertools.islice(_expanded(spec), _MOST_FILES)
    found = {Path(each) for pattern in patterns for each in glob.glob(pattern)}  # noqa: PTH207 (may be absolute)
    return sorted(each for each in found if each.is_file() and _is_named_so(each))


def _expanded(spec: str) -> Iterator[str]:
    """`a-{08..10}` as a-08, a-09, a-10."""
    found = _BRACES.search(spec)
    if found is None:
        yield spec
        return
    first, last = found.groups()
    for number in range(int(first), int(last) + 1):
        yield from _expanded(f"{spec[: found.start()]}{number:0{len(first)}d}{spec[found.end() :]}")


def _inside(folder: Path) -> list[Path]:
    """Shards of a folder, and of its folders of splits; none where a look at the first entries finds none."""
    looked_at = [each for each in itertools.islice(folder.iterdir(), _LOOKED_AT) if not is_junk(each.name)]
    splits = [each for each in looked_at if split_named(each.name) and each.is_dir()]
    if not any(_is_named_so(each) for each in looked_at) and not splits:
        return []
    if any(each.suffix.lower() in IMAGE_SUFFIXES for each in looked_at):
        return []
    places = splits or [folder]
    return sorted(each for place in places for each in place.iterdir() if _is_named_so(each) and not is_junk(each.name))


def _is_named_so(path: Path) -> bool:
    return path.suffix.lower() == ".tar" or _TFRECORD_NAME.search(path.name) is not None


def _format_of(path: Path) -> str | None:
    if path.suffix.lower() == ".tar":
        return WEBDATASET if _is_webdataset(path) else None
    return TFRECORD if _is_tfrecord(path) else None


def _is_webdataset(path: Path) -> bool:
    """Whether the first files belong together: `0001.jpg`, `0001.cls`."""
    try:
        with path.open("rb") as stream:
            names = [member.name for member in itertools.islice(tar_members(stream, path), 4)]
    except (DataError, tarfile.TarError, OSError):
        return False
    keys = [sample_key(name) for name in names]
    return any(
        first[0] == second[0] and first[1] != second[1] and {first[1], second[1]} & _IMAGE_ENDS
        for first, second in zip(keys, keys[1:])
    )


_IMAGE_ENDS = {suffix[1:] for suffix in IMAGE_SUFFIXES}


def tar_members(stream: Any, path: Path) -> Iterator[tarfile.TarInfo]:
    """The regular files of an uncompressed tar, in order; nothing of their content is read.

    Raises:
        DataError: a header claims what the file doesn't hold.
        tarfile.TarError: it is damaged, or no tar.
    """
    limit_bytes = path.stat().st_size
    with tarfile.open(fileobj=Bounded(stream, limit_bytes, path, _too_large), mode="r:") as archive:
        for member in archive:
            archive.members = []  # type: ignore[attr-defined]  # else it keeps every header
            if member.isreg() and not member.issparse():
                yield member


def _too_large(path: Path, limit_bytes: int) -> DataError:
    return DataError(
        f"The shard {path} is damaged: a header claims more than its {limit_bytes:,} bytes. Create it again."
    )


def sample_key(name: str) -> tuple[str, str]:
    """WebDataset's key of a member, up to the first dot of the file's name, and the rest in lower case."""
    folder, slash, file = name.rpartition("/")
    key, _, rest = file.partition(".")
    return f"{folder}{slash}{key}", rest.lower()


def _is_tfrecord(path: Path) -> bool:
    """Whether the first record's length has the right checksum."""
    with path.open("rb") as stream:
        header = stream.read(12)
    return len(header) == 12 and masked_crc32c(header[:8]) == struct.unpack("<I", header[8:])[0]


def _table() -> tuple[int, ...]:
    values = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        values.append(value)
    return tuple(values)


_CRC = _table()


def masked_crc32c(data: bytes) -> int:
    """TFRecord's checksum: CRC-32C (Castagnoli), rotated and shifted."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = (crc >> 8) ^ _CRC[(crc ^ byte) & 0xFF]
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def _split_of(file: Path, root: Path) -> str:
    """By a word of the file's name, `train-000017.tar`, or of its folder's, `val/000017.tar`."""
    words = _SPLIT_WORD.split(file.stem) + ([file.parent.name] if file.parent != root else [])
    return next((split for word in words if word and (split := split_named(word))), "")
