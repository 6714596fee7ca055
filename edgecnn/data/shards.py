"""Where the images of shards are: a table with a few bytes for each, made once by several processes and kept.

An image is then read from its place in the shard. Nothing is unpacked, no path of an archive is ever opened, and no
more is read than the file holds.
"""

from __future__ import annotations

import functools
import json
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.core.cache import cached
from edgecnn.core.errors import DataError, PictureError
from edgecnn.core.files import sha256
from edgecnn.core.progress import Progress, silent
from edgecnn.data.dataset import DataSet, ListedExamples
from edgecnn.data.listing import printable
from edgecnn.data.shard_files import Shards
from edgecnn.data.survey import Survey, kept_survey
from edgecnn.parallel.workers import map_in_parallel
from edgecnn.runtime.model.label_file import read_labels
from edgecnn.runtime.run.image_header import limit_bytes

LABELS = "labels.txt"
"""A file beside shards with a class name per line, where the shards hold numbers."""
_FORMAT = 1
_ENTRY_BYTES = 64


@dataclass
class Contents:
    """What one shard holds, a few bytes for each image.

    Attributes:
        offsets: where the image's file begins, in bytes.
        sizes: its bytes.
        text: all names, for people, one after the other.
        ends: where each name ends.
        labels: number of the class in `classes`.
        classes: those that were met: a name, or a number; None where the shard says nothing.
    """

    offsets: array[int] = field(default_factory=lambda: array("q"))
    sizes: array[int] = field(default_factory=lambda: array("q"))
    text: bytearray = field(default_factory=bytearray)
    ends: array[int] = field(default_factory=lambda: array("q"))
    labels: array[int] = field(default_factory=lambda: array("q"))
    classes: dict[str | int | None, int] = field(default_factory=dict)

    def add(self, offset: int, size: int, name: str, label: str | int | None) -> None:
        """One more image."""
        self.offsets.append(offset)
        self.sizes.append(size)
        self.text += printable(name).encode()
        self.ends.append(len(self.text))
        self.labels.append(self.classes.setdefault(label, len(self.classes)))


@dataclass(frozen=True)
class ShardExample:
    """An image inside of a shard.

    Attributes:
        path: of the shard.
        offset: where the image's file begins, in bytes.
        size: its bytes.
    """

    path: Path
    offset: int
    size: int
    name: str
    label: str | None = None
    annotation: Any = None

    def content(self) -> bytes:
        """The image's file.

        Raises:
            OSError: the shard can't be read.
        """
        with self.path.open("rb") as stream:
            stream.seek(self.offset)
            return stream.read(self.size)

    def read(self) -> np.ndarray:
        """See `Example.read`."""
        from edgecnn.runtime.run.preprocess import decode

        if self.size > limit_bytes():
            raise PictureError(f"{self.name} has {self.size:,} bytes; expected at most {limit_bytes():,}.")
        try:
            return decode(self.content(), self.name)
        except OSError as error:
            raise PictureError(f"Can't read the shard {self.path}: {error.strerror}.") from error

    def sha256(self) -> str:
        """See `Example.sha256`."""
        try:
            return sha256(self.content() if self.size <= limit_bytes() else f"too large: {self.name}".encode())
        except OSError:
            return sha256(f"unreadable: {self.name}".encode())


@dataclass(frozen=True, eq=False)
class ShardIndex:
    """All images of some shards, in the order in which they are stored.

    Attributes:
        name: what the user called them.
        files: the shards.
        stamp: changes when a file does.
        shards, offsets, sizes: of each image the number of its shard, int32, and its place there, int64.
        labels: of each image the row of `classes`, int32; -1 for none.
        classes: names.
        text, ends: all names in one array, uint8, and where each ends, int64.
    """

    name: str
    files: tuple[Path, ...]
    stamp: str
    shards: np.ndarray
    offsets: np.ndarray
    sizes: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    text: np.ndarray
    ends: np.ndarray

    def example(self, row: int) -> ShardExample:
        """One image."""
        path, label = self.files[self.shards[row]], int(self.labels[row])
        begin = int(self.ends[row - 1]) if row else 0
        name = self.text[begin : int(self.ends[row])].tobytes().decode()
        return ShardExample(
            path, int(self.offsets[row]), int(self.sizes[row]), f"{printable(path.name)}/{name}",
            self.classes[label] if label >= 0 else None,
        )  # fmt: skip

    @functools.cached_property
    def all(self) -> ShardExamples:
        """Every image."""
        return ShardExamples(self, np.arange(len(self.shards)))


class ShardExamples(ListedExamples):
    """Some images of shards, each made when it is asked for.

    Args:
        index: of all of them.
        rows: int64, which ones.
    """

    def __init__(self, index: ShardIndex, rows: np.ndarray) -> None:
        self._index, self._rows = index, rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return self.take(range(*place.indices(len(self))))
        return self._index.example(int(self._rows[place]))

    def take(self, rows: Sequence[int]) -> ShardExamples:
        """See `ListedExamples.take`."""
        return ShardExamples(self._index, self._rows[np.asarray(rows, np.int64)])

    @property
    def groups(self) -> np.ndarray:
        """See `ListedExamples.groups`."""
        return np.asarray(self._index.shards[self._rows])

    def survey(self, progress: Progress = silent) -> Survey:
        """See `ListedExamples.survey`; all images of the shards are looked at."""
        found = _surveyed(self._index, progress)
        return found if len(self) == len(found) else found.take(self._rows)


@functools.lru_cache(maxsize=4)
def _surveyed(index: ShardIndex, progress: Progress) -> Survey:
    return kept_survey(index.all, index.stamp, index.name, progress)


def open_shards(spec: str, shards: Shards, read: Callable[[Path], Contents]) -> DataSet:
    """A data set of shards.

    Args:
        spec: what the user called it.
        shards: the files.
        read: finds the images of one file; a function of a module, for it is called by several processes. It raises
            `DataError` for a damaged file.

    Raises:
        DataError: a file is damaged or can't be read, there are no images, or some have a label and some have none.
    """
    index = _index(spec, shards, read)
    if not len(index.shards):
        raise DataError(f"The shards of {spec} hold no images.")
    data = DataSet(spec, index.all, tuple(sorted(index.classes)))
    names = sorted(set(shards.splits))
    if "" in names or len(names) < 2:
        return data
    which = np.array([names.index(split) for split in shards.splits])[index.shards]
    splits = {name: _split(data, name, np.flatnonzero(which == number)) for number, name in enumerate(names)}
    return DataSet(spec, index.all, data.classes, splits={name: part for name, part in splits.items() if len(part)})


def _split(data: DataSet, name: str, rows: np.ndarray) -> DataSet:
    found = data.take(rows.tolist())
    return DataSet(f"{data.name} ({name})", found.examples, data.classes)


def _index(spec: str, shards: Shards, read: Callable[[Path], Contents]) -> ShardIndex:
    files = shards.files
    try:
        named = _class_names(files[0])
        stats = [(str(path.resolve()), path.stat()) for path in files]
    except OSError as error:
        raise DataError(f"Can't read the shards of {spec}: {error.strerror}. Check their permissions.") from error
    lines = [f"{path} {stat.st_size} {stat.st_mtime_ns}" for path, stat in stats]
    stamp = sha256(json.dumps([_FORMAT, shards.format, named, lines]).encode())
    size_bytes = sum(stat.st_size for _, stat in stats) // 1000
    arrays = cached(
        f"shards-{stamp[:32]}",
        max(size_bytes, _ENTRY_BYTES),
        lambda folder: _loaded(folder / "index.npz"),
        lambda folder: _save(folder / "index.npz", _columns(list(map_in_parallel(read, files)), named)),
    )
    classes = tuple(json.loads(arrays.pop("classes").tobytes()))
    return ShardIndex(spec, files, stamp, classes=classes, **arrays)


def _save(path: Path, arrays: dict[str, Any]) -> None:
    np.savez(path, **arrays)


def _loaded(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


def _columns(found: Sequence[Contents], named: Sequence[str]) -> dict[str, np.ndarray]:
    """The fields of the index."""
    labels = [[_label(label, named) for label in each.classes] for each in found]
    classes = sorted({label for some in labels for label in some if label is not None})
    numbers: dict[str | None, int] = {None: -1, **{name: number for number, name in enumerate(classes)}}
    begins = np.cumsum([0, *(len(each.text) for each in found)])
    return {
        "shards": np.repeat(np.arange(len(found), dtype=np.int32), [len(each.offsets) for each in found]),
        "offsets": np.concatenate([_values(each.offsets) for each in found]),
        "sizes": np.concatenate([_values(each.sizes) for each in found]),
        "labels": np.concatenate(
            [
                np.array([numbers[label] for label in some], np.int32)[_values(each.labels)]
                for some, each in zip(labels, found)
            ]
        ),
        "classes": np.frombuffer(json.dumps(classes).encode(), np.uint8),
        "text": np.frombuffer(b"".join(each.text for each in found), np.uint8),
        "ends": np.concatenate([begin + _values(each.ends) for begin, each in zip(begins, found)]),
    }


def _values(numbers: array[int]) -> np.ndarray:
    return np.frombuffer(numbers, np.int64)


def _label(label: str | int | None, named: Sequence[str]) -> str | None:
    """The class's name; a number is looked up where there are names."""
    number = int(label) if isinstance(label, int) or (label and label.isdecimal()) else None
    if number is not None and 0 <= number < len(named):
        return named[number]
    return None if label is None else printable(str(label))


def _class_names(file: Path) -> tuple[str, ...]:
    """Of the file beside the shards, or beside their folder of a split."""
    places = [folder / LABELS for folder in (file.parent, file.parent.parent)]
    found = next((place for place in places if place.is_file()), None)
    return read_labels(found) if found else ()
