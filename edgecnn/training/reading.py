"""From `DATA` to what the fitting loop takes: split, decoded, examined, annotated."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from edgecnn.core.progress import Progress, silent
from edgecnn.data.fitted import fitted
from edgecnn.data.report import DataReport, Part, examine
from edgecnn.data.settings import SplitSettings
from edgecnn.data.split import Splits, digests_of, open_splits
from edgecnn.runtime.model.contract import Contract, Preprocessing
from edgecnn.training.rows import TrainingRows, training_rows


def open_rows(
    spec: str,
    contract: Contract,
    *,
    validation: str | None = None,
    test: str | None = None,
    share: float = SplitSettings.validation_share,
    progress: Progress = silent,
) -> tuple[dict[str, TrainingRows], DataReport]:
    """Everything that fitting a model with known classes needs.

    Args:
        spec: `DATA`; see `open_splits` for it and for `validation`, `test` and `share`.
        contract: the model's; its labels say which output a class is.
        validation: see above.
        test: see above.
        share: see above.
        progress: told how many images are decoded.

    Returns:
        Rows by split, "train", "validation" and, if there are test images, "test"; what was found in the data.

    Raises:
        DataError: the data is missing, or has a class that the model doesn't know.
    """
    splits = open_splits(spec, validation=validation, test=test, share=share)
    parts = decoded(splits, contract.preprocessing, progress)
    return annotated(parts, contract), examine(parts)


def decoded(splits: Splits, preprocessing: Preprocessing, progress: Progress) -> dict[str, Part]:
    """All splits' images as the model sees them."""
    digests = dict(zip(("train", "validation"), splits.digests))
    if splits.test is not None:
        digests["test"] = digests_of(splits.test)
    return {
        name: Part(data, digests[name], fitted(data, digests[name], preprocessing, progress=progress))
        for name, data in splits.named().items()
    }


def annotated(parts: Mapping[str, Part], contract: Contract) -> dict[str, TrainingRows]:
    """The images with their annotations, in the model's terms."""
    return {name: _annotated(part, contract) for name, part in parts.items()}


def _annotated(part: Part, contract: Contract) -> TrainingRows:
    found = training_rows(part.data, part.pictures, contract)
    return dataclasses.replace(found, digests=tuple(part.digests[row] for row in found.rows))
