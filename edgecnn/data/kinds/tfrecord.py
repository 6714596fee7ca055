"""TFRecord files of `tf.train.Example`, with the features image/encoded and image/class/label or image/class/text.

Formats: https://www.tensorflow.org/tutorials/load_data/tfrecord and protocol buffers' encoding. Reading
them needs no TensorFlow.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from edgecnn.core import protobuf
from edgecnn.core.errors import DataError
from edgecnn.data.dataset import DataSet
from edgecnn.data.shard_files import masked_crc32c, shard_files
from edgecnn.data.shard_settings import TFRECORD
from edgecnn.data.shards import Contents, open_shards

SYNTAX = "TFRecord shards of tf.train.Example: a folder of .tfrecord files, or a pattern such as 'train-*'"
IMAGES = ("image/encoded", "image", "image_raw", "encoded")
TEXTS = ("image/class/text", "class", "label_name")
LABELS = ("image/class/label", "label", "image/class/index")
NAMES = ("image/filename", "file_name", "filename", "image/key")
_HEADER, _FOOTER = 12, 4
_MOST_TEXT_BYTES = 1 << 20
_GZIP = b"\x1f\x8b"


class Span(NamedTuple):
    """A part of a file, in bytes."""

    begin: int
    end: int


def accepts(spec: str) -> bool:
    """Whether the text names such shards."""
    found = shard_files(spec)
    return found is not None and found.format == TFRECORD


def open_data(spec: str) -> DataSet:
    """List the images; the list is made once and kept.

    Raises:
        DataError: a shard is damaged or has none of the features, or some images have a label and some have none.
    """
    found = shard_files(spec)
    if found is None:
        raise DataError(f"{spec} names no shards; expected {SYNTAX}.")
    return open_shards(spec, found, contents)


def contents(path: Path) -> Contents:
    """The images of one shard.

    Raises:
        DataError: it is damaged, or a record has no image.
    """
    found = Contents()
    try:
        with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            for number, record in enumerate(_records(data, path)):
                _add(found, data, record, number, path)
    except (IndexError, OSError, ValueError) as error:
        raise DataError(f"The shard {path} is damaged: {error}. Create it again.") from error
    return found


def _records(data: Any, path: Path) -> Iterator[Span]:
    """Every record: length, its checksum, content, its checksum."""
    place = 0
    while place < len(data):
        header = data[place : place + _HEADER]
        size = struct.unpack("<Q", header[:8])[0] if len(header) == _HEADER else 0
        end = place + _HEADER + size
        if len(header) < _HEADER or end + _FOOTER > len(data):
            raise DataError(f"The shard {path} is damaged: it is cut short after {place:,} bytes. Create it again.")
        if masked_crc32c(header[:8]) != struct.unpack("<I", header[8:])[0]:
            kind = "it is compressed by gzip; decompress it" if header[:2] == _GZIP else "create it again"
            raise DataError(f"The shard {path} is damaged: wrong checksum at byte {place:,}; {kind}.")
        yield Span(place + _HEADER, end)
        place = end + _FOOTER


def _add(found: Contents, data: Any, record: Span, number: int, path: Path) -> None:
    features = _features(data, record)
    image = next((features[name] for name in IMAGES if name in features), None)
    if image is None:
        listed = ", ".join(sorted(features)[:8]) or "none"
        raise DataError(f"{path}: record {number} has the features {listed}; expected image/encoded.")
    content = _first_bytes(data, image)
    if content is None:
        raise DataError(f"{path}: record {number} holds no encoded image in image/encoded.")
    name = _text(data, features, NAMES) or f"{number:06d}"
    label = _text(data, features, TEXTS) or _number(data, features)
    found.add(content.begin, content.end - content.begin, name, label)


def _text(data: Any, features: dict[str, Span], names: tuple[str, ...]) -> str | None:
    """The first of these features that is a text."""
    spans = (_first_bytes(data, features[name]) for name in names if name in features)
    span = next((each for each in spans if each is not None), None)
    if span is None or span.end - span.begin > _MOST_TEXT_BYTES:
        return None
    return bytes(data[span.begin : span.end]).decode(errors="replace")


def _number(data: Any, features: dict[str, Span]) -> int | None:
    """The first of these features that is an integer: `int64_list` is field 3, its values field 1, packed or not."""
    for name in LABELS:
        for values in _messages(data, features.get(name, Span(0, 0)), 3):
            for field in _fields(data, values, 1):
                plain = field.kind == protobuf.VARINT
                value = field.begin if plain else protobuf.varint(data, field.begin, field.end)[0]
                return value if value < 1 << 63 else value - (1 << 64)
    return None


def _features(data: Any, record: Span) -> dict[str, Span]:
    """Name -> `Feature`: Example.features (1) is a Features, whose map (1) has entries of key (1) and value (2)."""
    found = {}
    for features in _messages(data, record, 1):
        for entry in _messages(data, features, 1):
            key = next(_messages(data, entry, 1), Span(0, 0))
            value = next(_messages(data, entry, 2), Span(0, 0))
            if key.end - key.begin <= _MOST_TEXT_BYTES:
                found[bytes(data[key.begin : key.end]).decode(errors="replace")] = value
    return found


def _first_bytes(data: Any, feature: Span) -> Span | None:
    """The first value of a `bytes_list`, which is field 1, its values field 1."""
    return next((span for values in _messages(data, feature, 1) for span in _messages(data, values, 1)), None)


def _messages(data: Any, message: Span, wanted: int) -> Iterator[Span]:
    """Where the contents of the fields of one number lie."""
    return (Span(field.begin, field.end) for field in _fields(data, message, wanted) if field.kind == protobuf.BYTES)


def _fields(data: Any, message: Span, wanted: int) -> Iterator[protobuf.Field]:
    """The fields of one number."""
    return (field for field in protobuf.fields(data, *message) if field.number == wanted)
