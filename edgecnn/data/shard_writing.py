"""Images and their classes as shards: a few large files that are read from begin to end instead of many small ones."""

from __future__ import annotations

import io
import json
import re
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

import numpy as np

from edgecnn.core.compat.tensorflow import tf
from edgecnn.core.errors import DataError, EdgecnnError, ModelFileError, UsageError
from edgecnn.core.progress import Progress, silent
from edgecnn.data.dataset import DataSet, Example, FileExample
from edgecnn.data.shard_settings import TFRECORD, WEBDATASET, ShardSettings
from edgecnn.data.shards import LABELS, ShardExample
from edgecnn.runtime.model.label_file import parse_labels
from edgecnn.runtime.model.validation import Record
from edgecnn.runtime.opencv import opencv
from edgecnn.runtime.regular_file import read_regular
from edgecnn.runtime.run.image_header import limit_bytes

_NOT_IN_KEYS = re.compile(r"[^\w-]+")
_LONGEST_STEM = 60
_TAR_BLOCK = 512


@dataclass(frozen=True)
class WrittenShards(Record):
    """What was written.

    Attributes:
        folder: that holds the shards.
        format: of the shards.
        images: how many images by split; all are of the split "" where the data has none.
        classes: class names; an image's number is its place here.
        files: names of the shards.
        size_bytes: of all shards.
    """

    folder: str
    format: str
    images: dict[str, int]
    classes: tuple[str, ...]
    files: tuple[str, ...]
    size_bytes: int


class _Shard(Protocol):
    """A shard that is being written."""

    def add(self, key: str, suffix: str, content: bytes, name: str, label: str | None, number: int) -> int:
        """One image; returns about how many bytes the shard grew by."""

    def close(self) -> None:
        """No more images follow."""


class _Tar:
    """WebDataset: `KEY.jpg` and `KEY.cls`."""

    def __init__(self, path: Path) -> None:
        self._archive = tarfile.open(path, "w", format=tarfile.GNU_FORMAT)  # noqa: SIM115 (closed by `close`)

    def add(self, key: str, suffix: str, content: bytes, name: str, label: str | None, number: int) -> int:
        """See `_Shard.add`."""
        parts = {suffix: content, **({} if label is None else {".cls": str(number).encode()})}
        for ending, data in parts.items():
            member = tarfile.TarInfo(f"{key}{ending}")
            member.size = len(data)
            self._archive.addfile(member, io.BytesIO(data))
        return sum(_TAR_BLOCK + -(-len(data) // _TAR_BLOCK) * _TAR_BLOCK for data in parts.values())

    def close(self) -> None:
        """See `_Shard.close`."""
        self._archive.close()


class _TfRecord:
    """`tf.train.Example` in TFRecord."""

    def __init__(self, path: Path) -> None:
        self._writer = tf.io.TFRecordWriter(str(path))

    def add(self, key: str, suffix: str, content: bytes, name: str, label: str | None, number: int) -> int:
        """See `_Shard.add`."""
        texts = {"image/encoded": content, "image/format": suffix[1:].encode(), "image/filename": name.encode()}
        if label is not None:
            texts["image/class/text"] = label.encode()
        features = {key: tf.train.Feature(bytes_list=tf.train.BytesList(value=[text])) for key, text in texts.items()}
        if label is not None:
            features["image/class/label"] = tf.train.Feature(int64_list=tf.train.Int64List(value=[number]))
        record = tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()
        self._writer.write(record)
        return len(record)

    def close(self) -> None:
        """See `_Shard.close`."""
        self._writer.close()


_FORMATS: dict[str, tuple[str, Callable[[Path], _Shard]]] = {
    WEBDATASET: (".tar", _Tar),
    TFRECORD: (".tfrecord", _TfRecord),
}


def write_shards(
    data: DataSet, folder: str | Path, settings: ShardSettings, progress: Progress = silent
) -> WrittenShards:
    """Write a data set as shards; image files are copied unchanged, other images are written as PNG.

    The order is random, so that a part of a shard holds images of all classes. The folder is whole or absent.

    Args:
        data: with classes or without; its own splits become shards of their own, `train-000000.tar`.
        folder: to be made; it may exist if it is empty.
        settings: format and size.
        progress: told how many images are written.

    Raises:
        UsageError: the folder holds something, or the data has annotations of boxes.
        DataError: an image can't be read.
        EdgecnnError: the folder can't be written.
    """
    folder = Path(folder)
    if data.task:
        raise UsageError(f"{data.name} has boxes; shards hold classes only. Train on {data.name} itself.")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} exists and is not an empty folder. Choose another name.")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{folder.name[:80]}-", dir=folder.parent))
        try:
            written = _Writing(data, aside, settings, progress).run()
            aside.chmod(0o755)
            if folder.exists():
                folder.rmdir()
            aside.rename(folder)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    except OSError as error:
        raise EdgecnnError(f"Can't write {folder}: {error.strerror or error}. Nothing was changed.") from error
    return WrittenShards(str(folder), settings.format, **written)


class _Writing:
    """The state of one call of `write_shards`."""

    def __init__(self, data: DataSet, folder: Path, settings: ShardSettings, progress: Progress) -> None:
        self._data, self._folder, self._settings, self._progress = data, folder, settings, progress
        self._numbers = {name: number for number, name in enumerate(data.classes)}
        self._done = 0
        self._total = 0

    def run(self) -> dict[str, Any]:
        """All splits; returns fields of `WrittenShards`."""
        parts = dict(self._data.splits) or {"": self._data}
        self._total = sum(map(len, parts.values()))
        for split, part in parts.items():
            self._part(f"{split}-" if split else "images-", part)
        files = sorted(path.name for path in self._folder.iterdir())
        size = sum((self._folder / name).stat().st_size for name in files)
        if self._data.classes:
            (self._folder / LABELS).write_text(_labels_text(self._data.classes), encoding="utf-8")
        images = {split: len(part) for split, part in parts.items()}
        return {"images": images, "classes": self._data.classes, "files": tuple(files), "size_bytes": size}

    def _part(self, prefix: str, data: DataSet) -> None:
        order = np.random.default_rng(self._settings.seed).permutation(len(data))
        for shard, examples in self._full_shards(prefix, (data.examples[int(row)] for row in order)):
            shard.close()
            self._progress(f"write {self._data.name}", examples, self._total)

    def _full_shards(self, prefix: str, examples: Iterator[Example]) -> Iterator[tuple[_Shard, int]]:
        """Each shard as soon as it has the wanted size, and how many images were written so far."""
        ending, opened = _FORMATS[self._settings.format]
        shard: _Shard | None = None
        count, size = 0, 0
        for number, example in enumerate(examples):
            if shard is None:
                shard, size = opened(self._folder / f"{prefix}{count:06d}{ending}"), 0
            size += self._add(shard, number, example)
            self._done += 1
            if size >= self._settings.size_mb * 1e6:
                yield shard, self._done
                shard, count = None, count + 1
        if shard is not None:
            yield shard, self._done

    def _add(self, shard: _Shard, number: int, example: Example) -> int:
        content, suffix = _file_of(example)
        stem = _NOT_IN_KEYS.sub("-", str(PurePosixPath(example.name).with_suffix("")))[-_LONGEST_STEM:].strip("-")
        label = example.label
        return shard.add(
            f"{number:08d}-{stem}", suffix, content, example.name, label, self._numbers.get(str(label), -1)
        )


def _file_of(example: Example) -> tuple[bytes, str]:
    """The image's file as it is, and how its name ends; of an image that is no file a PNG.

    Raises:
        DataError: it can't be read.
    """
    suffix = PurePosixPath(example.name).suffix.lower()
    try:
        if isinstance(example, FileExample):
            return read_regular(example.path, limit_bytes()), suffix
        if isinstance(example, ShardExample):
            return example.content(), suffix
    except OSError as error:
        raise DataError(f"Can't read the image {example.name}: {error.strerror}. Remove it, or mend it.") from error
    done, content = opencv().imencode(".png", example.read())
    if not done:
        raise DataError(f"The image {example.name} can't be written as PNG.")
    return content.tobytes(), ".png"


def _labels_text(classes: tuple[str, ...]) -> str:
    """A name per line; as JSON where such lines would be read as something else, e.g. as numbered ones."""
    lines = "".join(f"{name}\n" for name in classes)
    try:
        plain = parse_labels(lines, LABELS) == classes
    except ModelFileError:
        plain = False
    return lines if plain else json.dumps(list(classes), ensure_ascii=False, indent=0) + "\n"
