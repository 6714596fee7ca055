"""An encoder's vectors for the images of a data set: computed once per image, kept in the cache."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgecnn.core.cache import cached
from edgecnn.core.errors import DataError, ModelFileError, PictureError
from edgecnn.core.files import sha256
from edgecnn.core.progress import Progress, silent
from edgecnn.data import DataSet, Example
from edgecnn.encoders.image_encoder import BATCH, ImageEncoder
from edgecnn.runtime.run.preprocess import fit

_FORMAT = 1
_CHUNK = 512
"""Images of one entry of the cache: what an interrupted run has to do again at most."""


@dataclass(frozen=True)
class Encoded:
    """Vectors of images.

    Attributes:
        vectors: float32 (images, size); zeros where `errors` has the row.
        errors: row -> why that image can't be read.
    """

    vectors: np.ndarray
    errors: dict[int, str]


def encoded(encoder: ImageEncoder, data: DataSet, digests: Sequence[str], *, progress: Progress = silent) -> Encoded:
    """The vectors of all images, as the encoder sees them without augmentation.

    Args:
        encoder: what makes them.
        data: the images.
        digests: SHA-256 of each, in order.
        progress: told how many are done.

    Raises:
        DataError: no image can be read, the disk is full, or the cache can't be written.
        ModelFileError: the encoder gives up, or gives numbers that are not finite.
    """
    parts = []
    errors: dict[int, str] = {}
    for start in range(0, len(data), _CHUNK):
        examples = data.examples[start : start + _CHUNK]
        vectors, readable = _chunk(encoder, examples, digests[start : start + _CHUNK])
        errors.update({start + int(row): "can't be read" for row in np.flatnonzero(~readable)})
        parts.append(vectors)
        progress(f"{encoder.name} on {data.name}", start + len(examples), len(data))
    if len(errors) == len(data):
        raise DataError(f"None of the {len(data)} images of {data.name} can be read. Check the files.")
    return Encoded(np.concatenate(parts), errors)


def _chunk(encoder: ImageEncoder, examples: Sequence[Example], digests: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    key = sha256("\n".join((str(_FORMAT), encoder.key, *digests)).encode())

    def read(folder: Path) -> tuple[np.ndarray, np.ndarray]:
        with np.load(folder / "vectors.npz", allow_pickle=False) as file:
            return file["vectors"], file["readable"]

    def fill(folder: Path) -> None:
        vectors, readable = _computed(encoder, examples)
        np.savez(folder / "vectors.npz", vectors=vectors, readable=readable)

    return cached(f"encoded-{key[:32]}", len(examples) * encoder.size * 4, read, fill)


def _computed(encoder: ImageEncoder, examples: Sequence[Example]) -> tuple[np.ndarray, np.ndarray]:
    vectors = np.zeros((len(examples), encoder.size), np.float32)
    readable = np.zeros(len(examples), bool)
    for start in range(0, len(examples), BATCH):
        rows, images = [], []
        for row in range(start, min(start + BATCH, len(examples))):
            try:
                images.append(fit(examples[row].read(), encoder.preprocessing))
                rows.append(row)
            except PictureError:
                continue
        if rows:
            vectors[rows], readable[rows] = encoder(np.stack(images)), True
    if not np.isfinite(vectors).all():
        raise ModelFileError(f"{encoder.name} gives numbers that are not finite (NaN or infinity) for some images.")
    return vectors, readable
