"""The images that a rejection is set on, behind the model."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from edgecnn.core.errors import DataError, UsageError
from edgecnn.core.progress import Progress
from edgecnn.data import DataSet, class_indices, readable
from edgecnn.data.seen import Seen
from edgecnn.runtime.model.contract import Contract
from edgecnn.runtime.run.engine import Engine


@dataclass(frozen=True)
class Outputs:
    """A model's outputs for images.

    Attributes:
        values: as real numbers, float32 (images, outputs).
        labels: of each image, as the data set calls it; None where it says nothing.
        digests: SHA-256 of each image.
        skipped: images that could not be read, with the reason.
    """

    values: np.ndarray
    labels: tuple[str | None, ...]
    digests: tuple[str, ...]
    skipped: dict[str, str] = dataclasses.field(default_factory=dict)

    def trained_on(self, contract: Contract) -> int:
        """How many of the images the model was trained on, as far as its contract tells."""
        seen = Seen.read(contract.provenance)
        return sum(digest in seen for digest in self.digests)


def outputs_of(engine: Engine, data: DataSet, title: str, progress: Progress) -> Outputs:
    """Run a classifier on all images of a data set.

    Raises:
        DataError: no image can be read.
    """
    skipped: dict[str, str] = {}
    values, labels, digests = [], [], []
    for example, picture in readable(data, lambda example, why: skipped.update({example.name: str(why)})):
        values.append(engine.scores(engine.prepare(picture)))
        labels.append(example.label)
        digests.append(example.sha256())
        progress(title, len(values) + len(skipped), len(data))
    return Outputs(np.stack(values), tuple(labels), tuple(digests), skipped)


def refuse_known(others: DataSet, contract: Contract, background: Iterable[str]) -> None:
    """Refuse images of "other things" that are of the model's own classes.

    Raises:
        UsageError: it is so.
    """
    for name in others.classes:
        with contextlib.suppress(DataError):
            if name.isdecimal() or not contract.labels:
                continue
            label = contract.label(class_indices(dataclasses.replace(others, classes=(name,)), contract)[name])
            if label in background:
                continue
            raise UsageError(
                f"--others {others.name} has images of {name}, which is a class of the model; expected images of "
                "other things. Remove them, or name the class with --background."
            )
