"""Settings of the ladder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgecnn.core.errors import UsageError
from edgecnn.core.options import REQUIRED, Settings, changes, option, same_as
from edgecnn.quantization.settings import QuantizeSettings
from edgecnn.verification.settings import VerifySettings


@dataclass(frozen=True)
class Bounds(Settings):
    """Accuracy bounds, and what the artifact must run on.

    Attributes:
        per_tensor: whether weights have one scale, for accelerators that know no more.
        io: type of its input and output where a configuration can have it; None takes each one's own.
    """

    TITLE = "Accuracy bounds: try configurations in order of cost until one meets the bounds"

    max_drop: float | None = same_as(VerifySettings, "max_drop")
    min_agreement: float | None = same_as(VerifySettings, "min_agreement")
    edge_tpu: bool = option("Try only configurations that an Edge TPU runs: int8 throughout.", False)
    integer: bool = option(
        "Try only configurations without float operators, for processors without a floating-point unit.", False
    )
    per_tensor: bool = False
    io: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.max_drop is None and self.min_agreement is None:
            raise UsageError(
                "No accuracy bound was given; expected --max-drop POINTS, --min-agreement PERCENT, or both."
            )

    def __str__(self) -> str:
        wanted = [f"--max-drop {self.max_drop}"] if self.max_drop is not None else []
        wanted += [f"--min-agreement {self.min_agreement}"] if self.min_agreement is not None else []
        return " and ".join(wanted)


@dataclass(frozen=True)
class Training(Settings):
    """What the configurations that train learn from; the artifact is not evaluated on any of these images."""

    TITLE = Bounds.TITLE

    data: str = option(
        "Training set: adds configurations that are trained on it; its images are excluded from the "
        "evaluation.",
        REQUIRED, key="train_data", metavar="DATA",
    )  # fmt: skip
    epochs: int | None = option(
        "Training epochs of the configurations that train.",
        low=1, high=100_000, metavar="N", default_help="3; 2 for quantization-aware training",
    )  # fmt: skip


@dataclass(frozen=True)
class LadderSettings(Settings):
    """All that `edgecnn quantize` takes for the ladder; without a bound there is none."""

    TITLE = Bounds.TITLE

    bounds: Mapping[str, Any] = changes(Bounds)
    data: str | None = option("Evaluation set; calibration and training images are excluded.", metavar="DATA")
    training: Mapping[str, Any] = changes(Training)

    @property
    def bounded(self) -> bool:
        """Whether there is a bound."""
        return "max_drop" in self.bounds or "min_agreement" in self.bounds

    def given(self) -> list[str]:
        """Keys of what was given."""
        values = {**self.bounds, "data": self.data, **self.training}
        return [key for key, value in values.items() if value not in (None, False)]

    def checked(self, quantizing: QuantizeSettings) -> tuple[Bounds, str, Training | None]:
        """The bounds with what else they must suit, the evaluation set, and what is trained on.

        Raises:
            UsageError: one of them is missing.
        """
        if not self.data:
            raise UsageError("--max-drop and --min-agreement need an evaluation set. Give it with --data.")
        if "epochs" in self.training and "train_data" not in self.training:
            raise UsageError("--epochs needs images to train on. Give them with --train-data.")
        bounds = Bounds.of(self.bounds, per_tensor=quantizing.scheme == "int8_per_tensor", io=quantizing.io)
        return bounds, self.data, Training.of(self.training) if self.training else None
