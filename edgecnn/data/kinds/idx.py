"""Fashion-MNIST in IDX form: 28 x 28 gray images of ten kinds of clothing, 60,000 to train and 10,000 to test.

The files are those of Debian's package dataset-fashion-mnist, plain or gzipped; IDX is a big-endian header (two zero
bytes, the type, the number of axes, each axis's length) followed by the values (Y. LeCun, the MNIST database page).
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import math
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.core.errors import DataError
from edgecnn.data.dataset import DataSet

SYNTAX = "fashion-mnist[:DIR] (its training images; fashion-mnist/test[:DIR] is its test images)"
DEBIAN = Path("/usr/share/datasets/fashion-mnist")
CLASSES = (
    *("T-shirt or top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)
_NAMES = {"fashion-mnist": "train", "fashion-mnist/train": "train", "fashion-mnist/test": "t10k"}
_UINT8 = 8
_LARGEST_RATIO, _ALWAYS_BYTES = 20, 16 << 20


@dataclass(frozen=True)
class ArrayExample:
    """An image that is a row of an array, uint8 (count, height, width)."""

    pictures: np.ndarray
    index: int
    name: str
    label: str | None = None
    annotation: Any = None

    def read(self) -> np.ndarray:
        """See `Example.read`."""
        return np.repeat(self.pictures[self.index][:, :, np.newaxis], 3, axis=2)

    def sha256(self) -> str:
        """See `Example.sha256`."""
        return hashlib.sha256(self.pictures[self.index].tobytes()).hexdigest()


def accepts(spec: str) -> bool:
    """Whether the name is `fashion-mnist`, one of its parts, or either with a folder."""
    return spec.partition(":")[0] in _NAMES


def official_test(spec: str) -> str | None:
    """The name of the official test images that belong to the training images `spec`."""
    name, colon, folder = spec.partition(":")
    return f"fashion-mnist/test{colon}{folder}" if _NAMES.get(name) == "train" else None


def open_data(spec: str) -> DataSet:
    """Read the images (47 MB for the training part) and their labels.

    Raises:
        DataError: the folder or a file is missing or damaged.
    """
    name, _, folder = spec.partition(":")
    root, part = Path(folder) if folder else DEBIAN, _NAMES[name]
    pictures, labels = _read(root, f"{part}-images-idx3-ubyte", 3), _read(root, f"{part}-labels-idx1-ubyte", 1)
    if len(pictures) != len(labels) or not len(labels) or labels.max() >= len(CLASSES):
        raise DataError(
            f"{root} has {len(pictures)} images and {len(labels)} labels; expected as many labels as images, and "
            "10 classes. Download the files again."
        )
    examples = (
        ArrayExample(pictures, index, f"{part}-{index:05d}", CLASSES[label]) for index, label in enumerate(labels)
    )
    return DataSet(spec, tuple(examples), tuple(sorted({CLASSES[label] for label in labels})))


@functools.lru_cache(maxsize=4)
def _read(root: Path, stem: str, axes: int) -> np.ndarray:
    path = next((path for path in (root / f"{stem}.gz", root / stem) if path.is_file()), None)
    if path is None:
        raise DataError(
            f"There is no {stem}.gz in {root}. On Debian: apt install dataset-fashion-mnist. Elsewhere give the "
            "folder that holds it: fashion-mnist:DIR."
        )
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            return _parsed(stream, axes, path)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"Can't read {path}: {error}. Download the file again.") from error


def _parsed(stream: Any, axes: int, path: Path) -> np.ndarray:
    """Read what the header says, and no more: a stream of a few bytes may unpack to any size."""
    header = stream.read(4 + 4 * axes)
    if len(header) < 4 + 4 * axes or header[:4] != bytes((0, 0, _UINT8, axes)):
        raise DataError(
            f"{path} is not an IDX file of bytes with {axes} axes (its first bytes are {header[:4].hex(' ')}). "
            "Download the file again."
        )
    shape = tuple(int(size) for size in np.frombuffer(header, ">u4", axes, 4))
    claimed = math.prod(shape)
    if claimed > _LARGEST_RATIO * path.stat().st_size + _ALWAYS_BYTES:
        raise DataError(
            f"{path} claims {' x '.join(map(str, shape))} values, far too many for its {path.stat().st_size:,} "
            "bytes. Download the file again."
        )
    data = stream.read(claimed + 1)
    if len(data) != claimed:
        held = f"more than {claimed}" if len(data) > claimed else str(len(data))
        raise DataError(
            f"{path} holds {held} values; expected {' x '.join(map(str, shape))}, as in its header. Download the "
            "file again."
        )
    return np.frombuffer(data, np.uint8).reshape(shape)
