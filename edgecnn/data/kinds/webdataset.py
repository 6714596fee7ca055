"""WebDataset: .tar files in which `0001.jpg` and `0001.cls` (or a `0001.json` with a label) are one sample.

Format: https://github.com/webdataset/webdataset. Images are read from their places in the tar; nothing is unpacked.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from edgecnn.core.errors import DataError, RecordError
from edgecnn.data.dataset import DataSet
from edgecnn.data.shard_files import IMAGE_SUFFIXES, sample_key, shard_files, tar_members
from edgecnn.data.shard_settings import WEBDATASET
from edgecnn.data.shards import Contents, open_shards
from edgecnn.runtime.model.json_text import parse_json

SYNTAX = "WebDataset shards: a folder of .tar files, or a pattern such as 'train-{000..146}.tar'"
_MOST_LABEL_BYTES = 1 << 20
_LABEL_KEYS = ("label", "class", "cls", "class_name")


def accepts(spec: str) -> bool:
    """Whether the text names such shards."""
    found = shard_files(spec)
    return found is not None and found.format == WEBDATASET


def open_data(spec: str) -> DataSet:
    """List the images; the list is made once and kept.

    Raises:
        DataError: a shard is damaged, or some images have a label and some have none.
    """
    found = shard_files(spec)
    if found is None:
        raise DataError(f"{spec} names no shards; expected {SYNTAX}.")
    return open_shards(spec, found, contents)


def contents(path: Path) -> Contents:
    """The images of one shard.

    Raises:
        DataError: it is damaged.
    """
    found = Contents()
    try:
        with path.open("rb") as stream:
            for sample in _samples(stream, path):
                image = next((each for each in sample if _suffix(each) in IMAGE_SUFFIXES), None)
                if image is not None:
                    name = image.name.removeprefix("./")
                    found.add(image.offset_data, image.size, name, _label(stream, sample, path))
    except (tarfile.TarError, OSError, EOFError) as error:
        raise DataError(f"The shard {path} is damaged: {error}. Create it again.") from error
    return found


def _samples(stream: Any, path: Path) -> Iterator[list[tarfile.TarInfo]]:
    """Members that follow each other and have the same key."""
    sample: list[tarfile.TarInfo] = []
    for member in tar_members(stream, path):
        if sample and sample_key(sample[0].name)[0] != sample_key(member.name)[0]:
            yield sample
            sample = []
        sample.append(member)
    if sample:
        yield sample


def _suffix(member: tarfile.TarInfo) -> str:
    return PurePosixPath(member.name).suffix.lower()


def _label(stream: Any, sample: list[tarfile.TarInfo], path: Path) -> str | int | None:
    """The class: what `.cls` holds, or the label in `.json`."""
    by_end = {sample_key(member.name)[1]: member for member in sample}
    if "cls" in by_end:
        return _text(stream, by_end["cls"], path)
    if "json" not in by_end:
        return None
    try:
        values = parse_json(_text(stream, by_end["json"], path))
    except RecordError as error:
        raise DataError(f"{path}: {by_end['json'].name} is not valid JSON: {error}") from error
    known = values if isinstance(values, dict) else {}
    return next((known[key] for key in _LABEL_KEYS if isinstance(known.get(key), (str, int))), None)


def _text(stream: Any, member: tarfile.TarInfo, path: Path) -> str:
    """A small member's text; reading it does not disturb the walk through the tar, which seeks."""
    if member.size > _MOST_LABEL_BYTES:
        raise DataError(f"{path}: {member.name} has {member.size:,} bytes; expected a label of a few bytes.")
    stream.seek(member.offset_data)
    return str(stream.read(member.size).decode(errors="replace")).strip()
