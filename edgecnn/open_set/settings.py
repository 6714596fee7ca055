"""What `edgecnn open-set` takes."""

from __future__ import annotations

from dataclasses import dataclass

from edgecnn.core.options import REQUIRED, Settings, option
from edgecnn.runtime.model.rejection import SCORES


@dataclass(frozen=True)
class OpenSetSettings(Settings):
    """On what images the threshold is set, and for which rate."""

    data: str = option(
        "Held-out labeled images of the classes, for example held-out:DATA; images that the model was trained on "
        "score too high.",
        REQUIRED, metavar="DATA",
    )  # fmt: skip
    others: str | None = option(
        "Images of other things, such as the camera may see.", metavar="DATA",
        default_help="the images of the background classes, or none",
    )  # fmt: skip
    false_alarm_rate: float = option(
        "With images of other things: percent of them that may be accepted as one of the classes. Without: percent of "
        "the images of the classes that may be rejected.",
        5.0, low=0.01, high=50, unit="percent", metavar="PERCENT",
    )  # fmt: skip
    score: str | None = option(
        "Score that is compared with the threshold: energy (of the logits), max_logit (the largest), or probability "
        "(of the best class).",
        choices=SCORES, default_help="the first of these that the model's output has",
    )  # fmt: skip
    background: tuple[str, ...] = option(
        'Class of the model whose answer counts as "none of these".', (), repeated=True, metavar="CLASS"
    )
