"""From `DATA` to what the fitting loop takes: split, decoded, examined, annotated."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from edgecnn.core.progress import Progress, silent
from edgecnn.data.fitted import Fitted, fitted
from edgecnn.data.report import DataReport, Part, examine
from edgecnn.data.settings import SplitSettings
from edgecnn.data.split import Splits, open_splits
from edgecnn.runtime.model.contract import Contract, Preprocessing
from edgecnn.training.rows import TrainingRows, training_rows


@dataclass(frozen=True)
class Decoded(Part):
    """One split with its images as the model sees them."""

    pictures: Fitted


def open_rows(
    spec: str,
    contract: Contract,
    *,
    validation: str | None = None,
    test: str | None = None,
    share: float = SplitSettings.validation_share,
    images: str = SplitSettings.images,
    progress: Progress = silent,
) -> tuple[dict[str, TrainingRows], DataReport]:
    """Everything that fitting a model with known classes needs.

    Args:
        spec: `DATA`; see `open_splits` for it and for `validation`, `test` and `share`.
        contract: the model's; its labels say which output a class is.
        validation: see above.
        test: see above.
        share: see above.
        images: see `edgecnn.data.fitted.fitted`.
        progress: told how many images are decoded.

    Returns:
        Rows by split, "train", "validation" and, if there are test images, "test"; what was found in the data.

    Raises:
        DataError: the data is missing, or has a class that the model doesn't know.
    """
    splits = open_splits(spec, validation=validation, test=test, share=share, progress=progress)
    parts = decoded(splits, contract.preprocessing, images, progress)
    return annotated(parts, contract), examined(parts)


def decoded(splits: Splits, preprocessing: Preprocessing, images: str, progress: Progress) -> dict[str, Decoded]:
    """All splits' images as the model sees them."""
    digests = dict(zip(("train", "validation"), splits.digests))
    if splits.test is not None:
        digests["test"] = splits.test.digests(progress)
    parts = {}
    for name, data in splits.named().items():
        found = fitted(data, digests[name], preprocessing, images=images, progress=progress)
        parts[name] = Decoded(data, digests[name], found.survey, found)
    return parts


def examined(parts: Mapping[str, Decoded]) -> DataReport:
    """What the data report says of them, and whether they are streamed."""
    side = min(parts["train"].pictures.pictures.shape[1:3])
    streamed = (part.pictures.note for part in parts.values() if part.pictures.note)
    return examine(parts, side, tuple(dict.fromkeys(streamed)))


def annotated(parts: Mapping[str, Decoded], contract: Contract) -> dict[str, TrainingRows]:
    """The images with their annotations, in the model's terms."""
    return {name: _annotated(part, contract) for name, part in parts.items()}


def _annotated(part: Decoded, contract: Contract) -> TrainingRows:
    found = training_rows(part.data, part.pictures, contract)
    return dataclasses.replace(found, digests=tuple(part.digests[row] for row in found.rows))
