"""Input and output of every compression method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from edgecnn.core.progress import Progress, silent
from edgecnn.runtime.model.contract import Contract
from edgecnn.runtime.model.records import QatRecord
from edgecnn.training.settings import FitSettings

if TYPE_CHECKING:
    from edgecnn.compression.importance import Batches, Loss

PATIENT = FitSettings(
    learning_rate=1e-3,
    backbone_learning_rate=1e-3,
    warmup=0.05,
    label_smoothing=0.0,
    augment="cutmix",
    keep_best=False,
)
"""For much that is lost at once: a consistent teacher and ever new mixed images, for long (arXiv:2106.05237)."""


class Train(Protocol):
    """Fine-tunes a model on the user's data."""

    def __call__(self, model: Any, callbacks: Sequence[Any] = ()) -> Any:
        """The trained model; `callbacks` are Keras callbacks that the method needs."""


@dataclass(frozen=True)
class Job:
    """One compression.

    Attributes:
        model: the Keras model to compress; it is left as it is.
        contract: its contract.
        batches: some training images, normalized, with their targets; see `importance.Batches`.
        train: fine-tunes.
        steps: training steps that `train` will take.
        folder: where checkpoints live, for what a method must find again after an interruption; None keeps none.
        progress: called with (stage, done, total).
        loss: of the targets; see `importance.Loss`.
    """

    model: Any
    contract: Contract
    batches: Batches
    train: Train
    steps: int
    folder: Path | None = None
    progress: Progress = silent
    loss: Loss | None = None


@dataclass(frozen=True)
class Outcome:
    """A compressed model.

    Attributes:
        model: an ordinary Keras model.
        account: what the contract records of how it was made.
        qat: the ranges of a quantization-aware model.
    """

    model: Any
    account: dict[str, Any]
    qat: QatRecord | None = None


class Method(Protocol):
    """A file of `edgecnn/compression/methods/`.

    Attributes:
        DEFAULTS: settings of the fine-tuning unless others are given.
        Options: the method's own settings.
    """

    DEFAULTS: FitSettings
    Options: Any

    def compress(self, job: Job, options: Any) -> Outcome:
        """A smaller model, fine-tuned.

        Raises:
            UsageError: the model has nothing for the method, or an option doesn't suit it.
        """
