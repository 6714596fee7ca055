"""What is asked of the ladder."""

from __future__ import annotations

from dataclasses import dataclass

from edgecnn.core.errors import UsageError
from edgecnn.core.options import REQUIRED, Settings, option, same_as
from edgecnn.verification.settings import VerifySettings


@dataclass(frozen=True)
class Bounds(Settings):
    """What may be lost, and what the artifact must suit.

    Attributes:
        per_tensor: whether weights have one scale, for accelerators that know no more.
        io: type of its input and output where a rung can have it; None takes each rung's own.
    """

    TITLE = "Accuracy bounds: try configurations in order of cost, until one is within them"

    max_drop: float | None = same_as(VerifySettings, "max_drop")
    min_agreement: float | None = same_as(VerifySettings, "min_agreement")
    edge_tpu: bool = option("Only what an Edge TPU runs: int8 throughout.", False)
    integer: bool = option("No float operators: for processors without a floating-point unit.", False)
    per_tensor: bool = False
    io: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.max_drop is None and self.min_agreement is None:
            raise UsageError("A bound is missing: give --max-drop POINTS, --min-agreement PERCENT, or both.")

    def __str__(self) -> str:
        wanted = [f"--max-drop {self.max_drop}"] if self.max_drop is not None else []
        wanted += [f"--min-agreement {self.min_agreement}"] if self.min_agreement is not None else []
        return " and ".join(wanted)


@dataclass(frozen=True)
class Training(Settings):
    """What the rungs that train learn from; the artifact is not evaluated on any of these images."""

    TITLE = Bounds.TITLE

    data: str = option(
        "Training images: adds configurations that train on them; none of these is evaluated on.",
        REQUIRED, key="train_data", metavar="DATA",
    )  # fmt: skip
    epochs: int | None = option(
        "Passes of the configurations that train.",
        low=1, high=100_000, metavar="N", default_help="3; 2 for quantization-aware training",
    )  # fmt: skip
