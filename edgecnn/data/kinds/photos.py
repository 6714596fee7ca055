"""The real photographs that ship inside the scikit-image and scikit-learn packages, as deterministic crops.

`photos` is all of them; `photos:calibration` and `photos:test` are two halves that share no photograph, so that what
was calibrated on one can be verified on the other; `photos:whole` is the images uncropped.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.core.errors import DataError, MissingExtraError
from edgecnn.core.files import file_sha256
from edgecnn.data.dataset import DataSet
from edgecnn.runtime.run.preprocess import read_picture

SYNTAX = "photos (sample photographs; also photos:calibration, photos:test, photos:whole)"
_CALIBRATION = (
    ("skimage", "data/astronaut.png"),
    ("skimage", "data/camera.png"),
    ("skimage", "data/hubble_deep_field.jpg"),
    ("skimage", "data/ihc.png"),
    ("skimage", "data/motorcycle_left.png"),
    ("skimage", "data/retina.jpg"),
    ("sklearn", "datasets/images/china.jpg"),
)
_TEST = (  # these show what ImageNet has a class for
    ("skimage", "data/chelsea.png"),
    ("skimage", "data/coffee.png"),
    ("skimage", "data/rocket.jpg"),
    ("sklearn", "datasets/images/flower.jpg"),
)
_PARTS = {"": _CALIBRATION + _TEST, "calibration": _CALIBRATION, "test": _TEST, "whole": _CALIBRATION + _TEST}
CROPS_PER_PHOTO = 40
# A crop's side at least, as a share of the photograph's shorter side: small for calibration, which wants variety; large
# for a test, where the image should still show something.
_SMALLEST = {"test": 0.75}
_SMALLEST_OTHERWISE = 0.35


@dataclass(frozen=True)
class CropExample:
    """A square window of a photograph, mirrored or not.

    Attributes:
        number: which crop; number 0 is the whole photograph.
        smallest: side of a crop at least, as a share of the photograph's shorter side.
    """

    path: Path
    name: str
    number: int
    smallest: float
    label: str | None = None
    annotation: Any = None

    def read(self) -> np.ndarray:
        """See `Example.read`."""
        picture = _read(self.path)
        if self.number == 0:
            return picture
        height, width = picture.shape[:2]
        size, row, column, mirror = _fractions(self.name, 4)
        side = int(min(height, width) * (self.smallest + (1 - self.smallest) * size))
        top, left = int((height - side) * row), int((width - side) * column)
        window = picture[top : top + side, left : left + side]
        return np.ascontiguousarray(window[:, ::-1] if mirror < 0.5 else window)

    def sha256(self) -> str:
        """Digest of the photograph's file and the crop's number: two crops of one photograph differ."""
        return hashlib.sha256(f"{_file_sha256(self.path)} {self.number} {self.smallest}".encode()).hexdigest()


@functools.lru_cache(maxsize=16)
def _read(path: Path) -> np.ndarray:
    return read_picture(path)


@functools.lru_cache(maxsize=64)
def _file_sha256(path: Path) -> str:
    return file_sha256(path)


def _fractions(name: str, count: int) -> list[float]:
    """Numbers in [0, 1) from a digest of the name: the same on every machine."""
    digest = hashlib.sha256(name.encode()).digest()
    return [int.from_bytes(digest[4 * i : 4 * i + 4], "big") / 2**32 for i in range(count)]


def accepts(spec: str) -> bool:
    """Whether the name is `photos` or one of its parts."""
    return spec == "photos" or spec.startswith("photos:")


def open_data(spec: str) -> DataSet:
    """List the crops, `CROPS_PER_PHOTO` of each photograph.

    Raises:
        DataError: there is no such part.
        MissingExtraError: scikit-image or scikit-learn is not installed.
    """
    part = spec.partition(":")[2]
    if part not in _PARTS:
        raise DataError(
            f"The data set photos has no part {part!r}. Expected {', '.join(name for name in _PARTS if name)}, "
            "or photos without a part."
        )
    numbers = range(1) if part == "whole" else range(CROPS_PER_PHOTO)
    smallest = _SMALLEST.get(part, _SMALLEST_OTHERWISE)
    examples = []
    for package, file in sorted(_PARTS[part], key=lambda pair: Path(pair[1]).stem):
        path = _package_folder(package) / file
        examples += [CropExample(path, f"{path.stem}-{number:02d}", number, smallest) for number in numbers]
    return DataSet(spec, tuple(examples))


def _package_folder(package: str) -> Path:
    found = importlib.util.find_spec(package)  # finds the folder without importing the package
    if found is None or not found.submodule_search_locations:
        raise MissingExtraError('The data set photos needs scikit-image and scikit-learn: pip install "edgecnn[host]"')
    return Path(next(iter(found.submodule_search_locations)))
