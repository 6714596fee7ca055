"""What `edgecnn label` writes as JSON."""

from __future__ import annotations

from dataclasses import dataclass

from edgecnn.runtime.model.records import Share
from edgecnn.runtime.model.validation import Record


@dataclass(frozen=True)
class ClassLabels(Record):
    """The images that got one class.

    Attributes:
        name: of the class.
        images: whose best class it is.
        kept: those of them with enough confidence.
    """

    name: str
    images: int
    kept: int


@dataclass(frozen=True)
class Labeling(Record):
    """What was labeled, and how well, as far as that can be told.

    Attributes:
        output: the manifest.
        data: the images.
        encoder: file of the image encoder.
        kept: share of the readable images that got a label.
        unreadable: images that can't be read.
        classes: in order.
        min_confidence: of the kept labels.
        logit_scale: factor of the cosine similarities.
        scale_from: "CLIP's", "given" or "fitted".
        estimated_error_percent: share of the kept labels that are wrong, as the probabilities tell: an estimate.
        labeled: images with true classes that it was compared with.
        measured_error: share of their kept labels that is wrong; None without such images, or if none of them was kept.
        notes: what a person should know, in sentences.
    """

    output: str
    data: str
    encoder: str
    kept: Share
    unreadable: int
    classes: tuple[ClassLabels, ...]
    min_confidence: float
    logit_scale: float
    scale_from: str
    estimated_error_percent: float
    labeled: int = 0
    measured_error: Share | None = None
    notes: tuple[str, ...] = ()
