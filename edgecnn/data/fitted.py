"""Preprocessed images, decoded once by the runtime's own preprocessing and kept on disk.

Every epoch then reads rows of a memory-mapped array, and what training sees is what the device will see. The same pass
looks at each image for the data report: size, errors, and two small fingerprints that tell near duplicates.
"""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.core.cache import cached
from edgecnn.core.compat import tensorflow
from edgecnn.core.errors import DataError, PictureError
from edgecnn.core.files import sha256
from edgecnn.core.progress import Progress, silent
from edgecnn.data.dataset import DataSet
from edgecnn.runtime.model.contract import Preprocessing
from edgecnn.runtime.opencv import opencv
from edgecnn.runtime.run.preprocess import fit

THUMBNAIL = 16
_FORMAT = 1
_CHUNK = 64


@dataclass(frozen=True)
class Fitted:
    """One data set, ready to be trained on.

    Attributes:
        pictures: uint8 (count, height, width, channels) in the contract's channel order, memory-mapped, read only;
            zeros where `errors` has the row.
        sizes: int32 (count, 2), height and width of the images as they were read, zeros for unreadable ones.
        hashes: uint64 (count,), difference hashes (see `difference_hash`).
        thumbnails: uint8 (count, 16, 16), gray.
        errors: row -> why that image can't be read.
        key: digest of the contents and the preprocessing.
    """

    pictures: np.ndarray
    sizes: np.ndarray
    hashes: np.ndarray
    thumbnails: np.ndarray
    errors: dict[int, str]
    key: str


def fitted(
    data: DataSet, digests: Sequence[str], preprocessing: Preprocessing, *, progress: Progress = silent
) -> Fitted:
    """Decode and fit every image, or find what was decoded before.

    Args:
        data: the images.
        digests: SHA-256 of each, in order.
        preprocessing: the contract's input side.
        progress: told how many images are done.

    Raises:
        DataError: no image can be read, a decoder crashed, the disk is full, or the cache can't be written.
    """
    key = _key(digests, preprocessing)
    found = cached(
        f"pictures-{key[:32]}",
        len(data) * int(np.prod(preprocessing.shape)),
        lambda folder: _read(folder, key),
        lambda folder: _build(data, preprocessing, folder, progress),
    )
    if len(found.errors) == len(data):
        name, reason = data.examples[0].name, next(iter(found.errors.values()))
        raise DataError(f"None of the {len(data)} images of {data.name} can be read. The first is {name}: {reason}")
    return found


def _key(digests: Sequence[str], preprocessing: Preprocessing) -> str:
    """Mean and std don't matter: the images are kept as pixel values."""
    fields = {**dataclasses.asdict(preprocessing), "mean": 0, "std": 0, "format": _FORMAT}
    return sha256("\n".join((json.dumps(fields, sort_keys=True), *digests)).encode())


def _read(folder: Path, key: str) -> Fitted:
    with np.load(folder / "survey.npz") as survey:
        arrays = {name: survey[name] for name in ("sizes", "hashes", "thumbnails")}
    errors = {int(row): reason for row, reason in json.loads((folder / "errors.json").read_text()).items()}
    return Fitted(np.load(folder / "pictures.npy", mmap_mode="r"), errors=errors, key=key, **arrays)


def _build(data: DataSet, preprocessing: Preprocessing, folder: Path, progress: Progress) -> None:
    shape = (len(data), *preprocessing.shape)
    pictures = np.lib.format.open_memmap(folder / "pictures.npy", "w+", np.uint8, shape)
    rows = list(_surveyed(data, preprocessing, pictures, progress))
    pictures.flush()
    np.savez(
        folder / "survey.npz",
        sizes=np.array([row.size for row in rows], np.int32),
        hashes=np.array([row.hash for row in rows], np.uint64),
        thumbnails=np.stack([row.thumbnail for row in rows]),
    )
    errors = {index: row.error for index, row in enumerate(rows) if row.error is not None}
    (folder / "errors.json").write_text(json.dumps(errors))


@dataclass(frozen=True)
class _Row:
    """What the report wants to know of one image."""

    size: tuple[int, int] = (0, 0)
    hash: int = 0
    thumbnail: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros((THUMBNAIL, THUMBNAIL), np.uint8))
    error: str | None = None


def _surveyed(data: DataSet, preprocessing: Preprocessing, pictures: np.ndarray, progress: Progress) -> Iterator[_Row]:
    """Decode in one process per core; each writes its images straight into the shared file.

    TensorFlow's threads hold locks that a forked child would wait for forever: once it is imported, this process
    decodes by itself.
    """
    global _work
    chunks = [range(start, min(start + _CHUNK, len(data))) for start in range(0, len(data), _CHUNK)]
    _work = (data, preprocessing, pictures)
    try:
        if tensorflow.is_imported():
            for chunk in chunks:
                yield from _chunk(chunk)
                progress(f"decode {data.name}", chunk[-1] + 1, len(data))
            return
        context = multiprocessing.get_context("fork")  # the examples need not be pickled
        with ProcessPoolExecutor(min(os.cpu_count() or 1, len(chunks)), context) as pool:
            for chunk, rows in zip(chunks, pool.map(_chunk, chunks)):
                yield from rows
                progress(f"decode {data.name}", chunk[-1] + 1, len(data))
    except BrokenProcessPool as error:
        raise DataError(
            f"The decoder crashed on an image of {data.name}, or memory ran out. Remove files that are not "
            "photographs, or free memory."
        ) from error
    finally:
        _work = None


_work: Any = None


def _chunk(rows: range) -> list[_Row]:
    data, preprocessing, pictures = _work
    opencv().setNumThreads(1)
    return [_survey(data.examples[row], preprocessing, pictures, row) for row in rows]


def _survey(example: Any, preprocessing: Preprocessing, pictures: np.ndarray, row: int) -> _Row:
    try:
        picture = example.read()
        pictures[row] = fit(picture, preprocessing)
    except PictureError as error:
        return _Row(error=str(error))
    gray = opencv().cvtColor(picture, opencv().COLOR_BGR2GRAY)
    thumbnail = opencv().resize(gray, (THUMBNAIL, THUMBNAIL), interpolation=opencv().INTER_AREA)
    return _Row(picture.shape[:2], difference_hash(gray), thumbnail)


def difference_hash(gray: np.ndarray) -> int:
    """64 bits that survive resizing and recompression: is each of 8 x 8 cells brighter than its left neighbor?

    Args:
        gray: uint8 (height, width).

    Source: N. Krawetz, "Kind of Like That" (2013), dHash.
    """
    small = opencv().resize(gray, (9, 8), interpolation=opencv().INTER_AREA).astype(np.int16)
    bits = (small[:, 1:] > small[:, :-1]).reshape(-1)
    return int(np.packbits(bits).view(">u8")[0])
