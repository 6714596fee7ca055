"""Preprocessed images: decoded once by the runtime's own preprocessing and kept on disk, or streamed.

Every epoch reads rows of a memory-mapped array, and what training sees is what the device will see. Where that array
would not fit on the disk, and of shards, which are made to be streamed, images are decoded anew in every epoch. The
first pass also looks at each image for the data report.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from edgecnn.core import cache
from edgecnn.core.errors import DataError, PictureError
from edgecnn.core.files import sha256
from edgecnn.core.progress import Progress, silent
from edgecnn.data.dataset import DataSet, Example, ListedExamples
from edgecnn.data.settings import SplitSettings
from edgecnn.data.streamed import StreamedPictures
from edgecnn.data.survey import Look, Survey, in_chunks, kept_survey, readable_here
from edgecnn.runtime.model.contract import Preprocessing
from edgecnn.runtime.run.preprocess import fit

_FORMAT = 2


class Pictures(Protocol):
    """What an array of images and `StreamedPictures` have in common."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(count, height, width, channels), or (count, features)."""

    @property
    def ndim(self) -> int:
        """How many axes."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """uint8, of features float32."""

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        """Some rows."""


@dataclass(frozen=True)
class Fitted:
    """One data set, ready to be trained on.

    Attributes:
        pictures: uint8 (count, height, width, channels) in the contract's channel order, memory-mapped and read only,
            zeros where the survey has an error for the row; or `StreamedPictures`, which must not be asked for those.
        survey: what was seen of each image.
        key: digest of the contents and the preprocessing.
        groups: int32 (count,), the shard that each image is in; None unless they are streamed from shards.
        note: why they are streamed, in a sentence for the user.
    """

    pictures: Pictures
    survey: Survey
    key: str
    groups: np.ndarray | None = None
    note: str = ""


def fitted(
    data: DataSet,
    digests: Sequence[str],
    preprocessing: Preprocessing,
    *,
    images: str = SplitSettings.images,
    progress: Progress = silent,
) -> Fitted:
    """Decode and fit every image, or find what was decoded before; or make ready to do so in every epoch.

    Args:
        data: the images.
        digests: SHA-256 of each, in order.
        preprocessing: the contract's input side.
        images: "cached" keeps a decoded copy, "streamed" none; "auto" streams shards, and what would not fit.
        progress: told how many images are done.

    Raises:
        DataError: no image can be read, a decoder crashed, the disk is full, or the cache can't be written.
    """
    key = _key(digests, preprocessing)
    name, size_bytes = f"pictures-{key[:32]}", len(data) * int(np.prod(preprocessing.shape))
    why = _why_streamed(data, images, name, size_bytes)
    if why is None:
        found = cache.cached(
            name,
            size_bytes,
            lambda folder: Fitted(np.load(folder / "pictures.npy", mmap_mode="r"), Survey.read(folder), key),
            lambda folder: _build(data, preprocessing, folder, progress),
        )
    else:
        pictures = StreamedPictures(data, preprocessing)
        survey = survey_of(data, digests, progress)
        found = Fitted(pictures, survey, key if pictures.groups is None else f"{key}-shards", pictures.groups, why)
    if len(found.survey.errors) == len(data):
        first, reason = data.examples[0].name, next(iter(found.survey.errors.values()))
        raise DataError(f"None of the {len(data)} images of {data.name} can be read. The first is {first}: {reason}")
    return found


def _why_streamed(data: DataSet, images: str, name: str, size_bytes: int) -> str | None:
    """None for data that is decoded once; otherwise a sentence, empty where it was asked for."""
    if images != "auto":
        return "" if images == "streamed" else None
    copy = f"the decoded copy of {len(data):,} images would take {size_bytes / 1e9:.1f} GB"
    if isinstance(data.examples, ListedExamples):
        return f"{data.name} is streamed, as shards are: images are decoded in every epoch; {copy}."
    if not cache.has_room(name, size_bytes):
        return f"{data.name} is streamed, and images are decoded in every epoch: {copy}, more than the cache can hold."
    return None


def survey_of(data: DataSet, digests: Sequence[str], progress: Progress = silent) -> Survey:
    """What is seen of each image, in one pass over them; kept.

    Raises:
        DataError: a decoder crashed, or the cache can't be written.
    """
    if isinstance(data.examples, ListedExamples):
        return data.examples.survey(progress)
    return kept_survey(data.examples, sha256("\n".join(digests).encode()), data.name, progress)


def _key(digests: Sequence[str], preprocessing: Preprocessing) -> str:
    """Mean and std don't matter: the images are kept as pixel values."""
    fields = {**dataclasses.asdict(preprocessing), "mean": 0, "std": 0, "format": _FORMAT, "readable": readable_here()}
    return sha256("\n".join((json.dumps(fields, sort_keys=True), *digests)).encode())


def _build(data: DataSet, preprocessing: Preprocessing, folder: Path, progress: Progress) -> None:
    shape = (len(data), *preprocessing.shape)
    pictures = np.lib.format.open_memmap(folder / "pictures.npy", "w+", np.uint8, shape)

    def looks() -> Iterator[Look]:
        done = 0
        for some, seen in in_chunks(_decoded, data.examples, data.name, preprocessing):
            pictures[done : done + len(some)] = some
            yield from seen
            done += len(some)
            progress(f"decode {data.name}", done, len(data))

    Survey.write(looks(), len(data), folder)
    pictures.flush()


def _decoded(work: tuple[Sequence[Example], Preprocessing]) -> tuple[np.ndarray, list[Look]]:
    """Images, zeros for unreadable ones, and what is seen of them."""
    examples, preprocessing = work
    pictures, looks = np.zeros((len(examples), *preprocessing.shape), np.uint8), []
    for row, example in enumerate(examples):
        try:
            picture = example.read()
            pictures[row] = fit(picture, preprocessing)
            looks.append(Look.at(picture))
        except PictureError as error:
            looks.append(Look(error=str(error)))
    return pictures, looks
