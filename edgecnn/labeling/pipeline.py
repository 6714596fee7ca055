"""`edgecnn label` as a function: images and classes as vectors, probabilities, a manifest, and its likely error."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgecnn.core.errors import DataError, ModelFileError, UsageError
from edgecnn.core.files import replacing
from edgecnn.core.progress import Progress, silent
from edgecnn.core.statistics import Share, share
from edgecnn.core.text import counted
from edgecnn.data import DataSet, Example, FileExample, class_indices, open_data
from edgecnn.encoders import ImageEncoder, encoded, open_encoder
from edgecnn.labeling.class_embeddings import class_embeddings
from edgecnn.labeling.confidence import CLIP_SCALE, fitted_scale, measured_error, probabilities
from edgecnn.labeling.record import ClassLabels, Labeling
from edgecnn.labeling.settings import LabelOptions
from edgecnn.runtime.model.contract import Contract, Preprocessing

FEWEST = 10
"""Labeled images that a scale is fitted to."""


def label(spec: str, output: str | Path, options: LabelOptions, *, progress: Progress = silent) -> Labeling:
    """Label images by what a text says of their classes, and write those that are likely enough as a manifest.

    Args:
        spec: `DATA`: the images; labels that it may have are not used.
        output: manifest to write, a `.csv` with the columns path, label and confidence.
        options: encoders, classes, and what is kept.
        progress: told how many images are encoded.

    Raises:
        UsageError: an option is wrong or missing.
        DataError: the images can't be read, or none of them gets a label.
        ModelFileError: an encoder, tokenizer or embedding file is missing, damaged or doesn't fit the others.
    """
    if Path(output).suffix != ".csv":
        raise UsageError(f"The manifest is {output}; expected a name that ends with .csv.")
    data = _files(spec)
    names, texts = class_embeddings(options, progress)
    encoder = _encoder(options, texts.shape[1], progress)
    scale = _scale(encoder, texts, names, options, progress)
    cosines, rows = _cosines(encoder, data, texts, progress)
    found = probabilities(cosines, scale.value)
    kept = found.max(axis=1) >= options.min_confidence
    _refuse_none(kept, found, spec, options)
    _write(Path(output), [data.examples[row] for row in rows[kept]], names, found[kept])
    return Labeling(
        output=str(output),
        data=spec,
        encoder=options.encoder.name,
        kept=share(int(kept.sum()), len(rows)),
        unreadable=len(data) - len(rows),
        classes=_counts(names, found.argmax(axis=1), kept),
        min_confidence=options.min_confidence,
        logit_scale=round(scale.value, 3),
        scale_from=scale.source,
        estimated_error_percent=round(100 * float(1 - found[kept].max(axis=1).mean()), 3),
        labeled=scale.labeled,
        measured_error=scale.error,
        notes=(*encoder.notes, *_cautions(names, found.argmax(axis=1)[kept])),
    )


def _counts(names: Sequence[str], best: np.ndarray, kept: np.ndarray) -> tuple[ClassLabels, ...]:
    return tuple(
        ClassLabels(name, int((best == number).sum()), int((kept & (best == number)).sum()))
        for number, name in enumerate(names)
    )


@dataclass(frozen=True)
class _Scale:
    """The scale of the similarities, and what labeled images tell.

    Attributes:
        value: of it.
        source: "CLIP's", "given" or "fitted".
        labeled: images.
        error: share of the labels that they would get and that are wrong.
    """

    value: float
    source: str
    labeled: int = 0
    error: Share | None = None


def _files(spec: str) -> DataSet:
    data = open_data(spec)
    if not all(isinstance(example, FileExample) for example in data.examples):
        raise DataError(f"{spec} is no set of image files, which a manifest can name; expected a folder of images.")
    return data


def _encoder(options: LabelOptions, size: int, progress: Progress) -> ImageEncoder:
    encoder = open_encoder(options.encoder, options.hints, features=True, progress=progress)
    if encoder.size != size:
        raise ModelFileError(
            f"{options.encoder} makes vectors of {encoder.size} numbers, but the classes' have {size}; expected the "
            "two encoders of one model, each with its projection."
        )
    return encoder


def _refuse_none(kept: np.ndarray, found: np.ndarray, spec: str, options: LabelOptions) -> None:
    if not kept.any():
        raise DataError(
            f"No image of {spec} has a class of probability {options.min_confidence:g} or more; the highest is "
            f"{found.max():.2f}. Use a lower --min-confidence, or describe the classes otherwise (--template)."
        )


def _cosines(
    encoder: ImageEncoder, data: DataSet, texts: np.ndarray, progress: Progress
) -> tuple[np.ndarray, np.ndarray]:
    """Similarities of the readable images, (images, classes), and their rows in the data set."""
    found = encoded(encoder, data, data.digests(progress), progress=progress)
    rows = np.array([row for row in range(len(data)) if row not in found.errors], np.int64)
    vectors = found.vectors[rows]
    lengths = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return (vectors / lengths) @ texts.T, rows


def _scale(
    encoder: ImageEncoder, texts: np.ndarray, names: Sequence[str], options: LabelOptions, progress: Progress
) -> _Scale:
    """What was said, what labeled images tell, or CLIP's."""
    given = options.logit_scale
    if options.labeled is None:
        return _Scale(given, "given") if given else _Scale(CLIP_SCALE, "CLIP's")
    data = open_data(options.labeled)
    if not data.classes or len(data) < FEWEST:
        raise DataError(
            f"--labeled {options.labeled} has {counted(len(data), 'image')} of {len(data.classes)} classes; expected "
            f"at least {FEWEST} images with labels."
        )
    indices = class_indices(data, Contract(Preprocessing(1, 1), labels=tuple(names)))
    cosines, rows = _cosines(encoder, data, texts, progress)
    digests = data.digests(progress)
    order = sorted(range(len(rows)), key=lambda place: digests[rows[place]])  # has nothing to do with the classes
    truths = np.array([indices[str(data.examples[row].label)] for row in rows])[order]
    error = measured_error(cosines[order], truths, options.min_confidence, given)
    value = given or fitted_scale(cosines[order], truths)
    return _Scale(value, "given" if given else "fitted", len(rows), error)


def _write(output: Path, examples: Sequence[Example], names: Sequence[str], found: np.ndarray) -> None:
    """Paths relative to the manifest, as its reader takes them."""
    place = output.absolute().parent
    with replacing(output) as path, path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.writer(file)
        writer.writerow(("path", "label", "confidence"))
        for example, row in zip(examples, found):
            assert isinstance(example, FileExample)
            relative = Path(os.path.relpath(example.path.absolute(), place)).as_posix()
            writer.writerow((relative, names[int(row.argmax())], f"{row.max():.4f}"))


def _cautions(names: Sequence[str], kept: np.ndarray) -> list[str]:
    missing = [name for number, name in enumerate(names) if not (kept == number).any()]
    return [f"No image got the label {', '.join(missing[:5])}{', ...' * (len(missing) > 5)}."] if missing else []
