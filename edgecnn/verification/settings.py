"""What `edgecnn verify` and `edgecnn doctor` take."""

from __future__ import annotations

from dataclasses import dataclass

from edgecnn.core.options import COMMANDS, REQUIRED, Settings, option


@dataclass(frozen=True)
class VerifySettings(Settings):
    """What an artifact is compared on, and how much it may lose."""

    data: str = option(
        "Evaluation set; with labels, accuracy is measured too.", REQUIRED, metavar="DATA", also=("dataset",)
    )
    samples: int | None = option(
        "Evaluate only on N of the images, balanced over the classes.", low=1, metavar="N", default_help="all"
    )
    others: str | None = option(
        'Images of other things, for an artifact that can answer "none of these": how many does it accept?',
        metavar="DATA", default_help="none", offered=COMMANDS,
    )  # fmt: skip
    max_drop: float | None = option(
        "Maximum drop of top-1 accuracy (of a detector mAP) in percentage points; needs labels. If the drop is "
        "larger, the exit status is 1.",
        low=-100, high=100, metavar="POINTS",
    )  # fmt: skip
    min_agreement: float | None = option(
        "Minimum share of images on which the float model gives the same answer, in percent. If it is smaller, the "
        "exit status is 1.",
        low=0, high=100, metavar="PERCENT",
    )  # fmt: skip


@dataclass(frozen=True)
class DoctorSettings(Settings):
    """What a diagnosis is made on."""

    data: str = option(
        "Images representative of deployment; half of them are held out to evaluate remedies.", REQUIRED, metavar="DATA"
    )
    samples: int = option("Number of images.", 64, low=1, metavar="N")
