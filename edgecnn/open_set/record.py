"""What setting a rejection found, as it is written and read again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from edgecnn.core.statistics import Share
from edgecnn.runtime.model.rejection import Rejection
from edgecnn.runtime.model.validation import Range, Record
from edgecnn.tasks.confidence import Confidence


@dataclass(frozen=True)
class OpenSet(Record):
    """A rejection and the figures behind it.

    Attributes:
        model: file name of the artifact.
        rejection: as it is in the contract now.
        own_rejected: share of the images of the classes that are rejected.
        others_accepted: share of the images of other things that are accepted; None without such images.
        auroc: probability that an image of the classes has a higher score than one of other things, 0 to 1; None
            without such images.
        confidence: of the model, on the images of the classes, with the temperature.
        skipped: images that could not be read, with the reason.
        notes: what else a person should know, in sentences.
    """

    model: str
    rejection: Rejection
    own_rejected: Share
    others_accepted: Share | None
    auroc: Annotated[float, Range(0, 1)] | None
    confidence: Confidence
    skipped: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
