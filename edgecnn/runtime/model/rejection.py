"""When a classifier answers "none of these" (open-set recognition): its score of the image is below a threshold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from ..errors import ModelFileError
from .records import Share
from .validation import Range, Record

NONE_OF_THESE = "none of these"
ENERGY, MAX_LOGIT, PROBABILITY = "energy", "max_logit", "probability"
SCORES = (ENERGY, MAX_LOGIT, PROBABILITY)
OTHERS, OWN = "others_accepted", "own_rejected"
Percent = Annotated[float, Range(0, 100)]


@dataclass(frozen=True)
class Rejection(Record):
    """What makes an image none of the classes, and how often that is wrong.

    Attributes:
        score: what is compared with the threshold: "energy", T logsumexp(logits / T) (Liu et al. 2020); "max_logit",
            the largest one (Vaze et al. 2022); or "probability", that of the best class.
        threshold: an image with a smaller score is none of the classes; None where the background classes suffice.
        temperature: T; logits are divided by it before the softmax (Guo et al. 2017). 1 for other kinds of output.
        background: labels of classes whose answer counts as none of these.
        rate_of: what the false-alarm rate is a share of: "others_accepted", images of other things that are accepted as
            one of the classes; or "own_rejected", images of the classes that are rejected.
        asked_percent: the false-alarm rate that the threshold was set for.
        measured: the rate on the images that set it, with the interval in which that of other such images lies.
        data: DATA of the images of the classes.
        data_sha256: digest of these images and their labels.
        others: DATA of the images of other things.
        others_sha256: digest of these images and their labels.
        extra: what a newer version adds.
    """

    EXTRA = "extra"

    score: str
    threshold: float | None
    temperature: Annotated[float, Range(1e-3, 1e3)] = 1.0
    background: tuple[str, ...] = ()
    rate_of: str = OWN
    asked_percent: Percent | None = None
    measured: Share | None = None
    data: str = ""
    data_sha256: str = ""
    others: str = ""
    others_sha256: str = ""
    extra: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, value, choices in (("score", self.score, SCORES), ("rate_of", self.rate_of, (OTHERS, OWN))):
            if value not in choices:
                raise ModelFileError(f"Contract: rejection.{name} is {value!r}; expected one of {', '.join(choices)}.")

    def rate_sentence(self) -> str:
        """What the false-alarm rate is, for people."""
        if self.rate_of == OTHERS:
            return "images of other things that are accepted as one of the classes"
        return "images of the classes that are rejected"


def is_rejected(answers: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the answer is "none of these"."""
    return bool(answers) and answers[0]["probability"] is None


def judged(
    answers: Sequence[dict[str, Any]], margin: float | None, rejection: Rejection | None
) -> list[dict[str, Any]]:
    """The answers, after "none of these" where the image is rejected; that answer has no probability.

    Args:
        answers: the best classes, best first.
        margin: the image's score minus the threshold.
        rejection: of the contract.
    """
    if rejection is None or margin is None or not answers:
        return [*answers]
    if margin >= 0 and answers[0]["label"] not in rejection.background:
        return [*answers]
    return [{"index": -1, "label": NONE_OF_THESE, "id": None, "probability": None}, *answers]
