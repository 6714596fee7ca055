"""What the data report wants to know of each image: a few hundred bytes, found in one pass by several processes."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np

from edgecnn.core.cache import cached
from edgecnn.core.errors import CrashError, DataError, PictureError
from edgecnn.core.files import sha256
from edgecnn.core.progress import Progress, silent
from edgecnn.core.rows_file import write_rows
from edgecnn.parallel.workers import map_in_parallel
from edgecnn.runtime.opencv import opencv
from edgecnn.runtime.run.image_header import limit_bytes

THUMBNAIL = 16
_CHUNK = 64
_IMAGE_BYTES = 310
T = TypeVar("T")


class Readable(Protocol):
    """The part of an `Example` that this module needs."""

    def read(self) -> np.ndarray:
        """See `Example.read`."""

    def sha256(self) -> str:
        """See `Example.sha256`."""


@dataclass(frozen=True)
class Look:
    """What is seen of one image.

    Attributes:
        size: height and width; zeros of one that can't be read.
        hash: see `difference_hash`.
        thumbnail: uint8 (16, 16), gray.
        sha256: of its content, hexadecimal; empty where nobody asked.
        error: why it can't be read.
    """

    size: tuple[int, int] = (0, 0)
    hash: int = 0
    thumbnail: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros((THUMBNAIL, THUMBNAIL), np.uint8))
    sha256: str = ""
    error: str | None = None

    @classmethod
    def at(cls, picture: np.ndarray) -> Look:
        """Of an image, uint8 (height, width, 3), blue-green-red."""
        gray = opencv().cvtColor(picture, opencv().COLOR_BGR2GRAY)
        thumbnail = opencv().resize(gray, (THUMBNAIL, THUMBNAIL), interpolation=opencv().INTER_AREA)
        return cls(picture.shape[:2], difference_hash(gray), thumbnail)


@dataclass(frozen=True)
class Survey:
    """The same of many images.

    Attributes:
        sizes: int32 (count, 2), height and width of the images as they were read, zeros for unreadable ones.
        hashes: uint64 (count,), difference hashes.
        thumbnails: uint8 (total, 16, 16), gray; perhaps memory-mapped, and of more images than these.
        errors: row -> why that image can't be read.
        digests: uint8 (count, 32), SHA-256 of the contents; empty where nobody asked.
        rows: int64 (count,), which of the thumbnails are these images'; None for all.
    """

    sizes: np.ndarray
    hashes: np.ndarray
    thumbnails: np.ndarray
    errors: dict[int, str]
    digests: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros((0, 32), np.uint8))
    rows: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.sizes)

    def thumbnails_of(self, rows: np.ndarray) -> np.ndarray:
        """Of some images, uint8 (count, 16, 16)."""
        found = self.thumbnails
        if isinstance(found, np.memmap) and found.filename:  # mapped anew, so that what is read stays no longer
            found = np.memmap(found.filename, found.dtype, "r", found.offset, found.shape)
        return np.array(found[rows if self.rows is None else self.rows[rows]])

    def take(self, rows: np.ndarray) -> Survey:
        """Of some of the images, in this order."""
        errors = {}
        if self.errors:
            errors = {new: self.errors[int(old)] for new, old in enumerate(rows) if int(old) in self.errors}
        kept = rows if self.rows is None else self.rows[rows]
        return Survey(self.sizes[rows], self.hashes[rows], self.thumbnails, errors, self.digests[rows], kept)

    @classmethod
    def read(cls, folder: Path) -> Survey:
        """What `write` wrote; the thumbnails and digests stay on disk until they are needed."""
        mapped = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("thumbnails", "digests")}
        loaded = {name: np.load(folder / f"{name}.npy") for name in ("sizes", "hashes")}
        errors = {int(row): reason for row, reason in json.loads((folder / "errors.json").read_text()).items()}
        return cls(**loaded, **mapped, errors=errors)

    @staticmethod
    def write(looks: Iterator[Look], count: int, folder: Path) -> None:
        """Write the files that `read` reads, as `count` images are looked at."""
        arrays: dict[str, np.ndarray] = {
            "sizes": np.zeros((count, 2), np.int32),
            "hashes": np.zeros(count, np.uint64),
            "digests": np.zeros((count, 32), np.uint8),
        }
        errors = {}

        def thumbnails() -> Iterator[np.ndarray]:
            for row, look in enumerate(looks):
                arrays["sizes"][row], arrays["hashes"][row] = look.size, look.hash
                if look.sha256:
                    arrays["digests"][row] = np.frombuffer(bytes.fromhex(look.sha256), np.uint8)
                if look.error is not None:
                    errors[row] = look.error
                yield look.thumbnail

        write_rows(folder / "thumbnails.npy", (count, THUMBNAIL, THUMBNAIL), np.uint8, thumbnails())
        for name, values in arrays.items():
            np.save(folder / f"{name}.npy", values)
        (folder / "errors.json").write_text(json.dumps(errors))


def readable_here() -> str:
    """What decides whether an image can be read, besides its content; where it changes, all are tried again."""
    return f"up to {limit_bytes()} bytes, HEIC {find_spec('pillow_heif') is not None}"


def kept_survey(examples: Sequence[Readable], key: str, name: str, progress: Progress = silent) -> Survey:
    """Read every image once; or find what was seen before.

    Args:
        examples: the images.
        key: changes when their content does.
        name: of the data set.
        progress: told how many images are done.

    Raises:
        DataError: a decoder crashed, or the cache can't be written.
    """

    key = sha256(f"{key}  {readable_here()}".encode())

    def look() -> Iterator[Look]:
        done = 0
        for looks in in_chunks(_look, examples, name):
            yield from looks
            done += len(looks)
            progress(f"look at {name}", done, len(examples))

    return cached(
        f"survey-{key[:32]}",
        len(examples) * _IMAGE_BYTES,
        Survey.read,
        lambda folder: Survey.write(look(), len(examples), folder),
    )


@dataclass(frozen=True)
class _Chunks(Sequence[tuple[Sequence[Readable], Any]]):
    """Examples, `_CHUNK` at a time, each with what the function wants besides; made when they are asked for."""

    examples: Sequence[Readable]
    besides: Any

    def __len__(self) -> int:
        return -(-len(self.examples) // _CHUNK)

    def __getitem__(self, number: Any) -> Any:
        if not 0 <= number < len(self):
            raise IndexError(number)
        places = range(number * _CHUNK, min((number + 1) * _CHUNK, len(self.examples)))
        return [self.examples[place] for place in places], self.besides


def in_chunks(
    function: Callable[[tuple[Sequence[Any], Any]], T],
    examples: Sequence[Readable],
    name: str,
    besides: Any = None,
) -> Iterator[T]:
    """Call a function for some examples at a time, by several processes where that pays.

    Args:
        function: of a module; takes examples and `besides`.
        examples: all of them, in order.
        name: of the data set, for messages.
        besides: for the function.

    Raises:
        DataError: a decoder crashed.
    """
    try:
        yield from map_in_parallel(function, _Chunks(examples, besides))
    except CrashError as error:
        raise DataError(
            f"The decoder crashed on an image of {name}, or memory ran out. Remove files that are not "
            "photographs, or free memory."
        ) from error


def _look(chunk: tuple[Sequence[Readable], Any]) -> list[Look]:
    return [_looked_at(example) for example in chunk[0]]


def _looked_at(example: Readable) -> Look:
    digest = example.sha256()
    try:
        return dataclasses.replace(Look.at(example.read()), sha256=digest)
    except PictureError as error:
        return Look(sha256=digest, error=str(error))


def difference_hash(gray: np.ndarray) -> int:
    """64 bits that survive resizing and recompression: is each of 8 x 8 cells brighter than its left neighbor?

    Args:
        gray: uint8 (height, width).

    Source: N. Krawetz, "Kind of Like That" (2013), dHash.
    """
    small = opencv().resize(gray, (9, 8), interpolation=opencv().INTER_AREA).astype(np.int16)
    bits = (small[:, 1:] > small[:, :-1]).reshape(-1)
    return int(np.packbits(bits).view(">u8")[0])
