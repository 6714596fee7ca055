"""What happened in a fit, in plain JSON values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from edgecnn.html.page import styled
from edgecnn.runtime.model.validation import Record
from edgecnn.training.curves import curves
from edgecnn.training.epoch import Epoch


@dataclass(frozen=True)
class History(Record):
    """A whole fit.

    Attributes:
        epochs: in order.
        best_epoch: number of the epoch that is kept: the first of the best by the validation metric; where that has a
            standard error, the last one within it.
        stopped_early: whether patience ended it.
        resumed_at_step: where a run that had been interrupted went on; 0 if it ran in one go.
        wall_s: time in this process.
        cpu_s: processor time in this process, over all cores.
    """

    epochs: tuple[Epoch, ...] = field(default=())
    best_epoch: int = 0
    stopped_early: bool = False
    resumed_at_step: int = 0
    wall_s: float = 0.0
    cpu_s: float = 0.0

    def _repr_html_(self) -> str:
        """Learning curves, for notebooks; a table for a single epoch."""
        return styled(curves(self.epochs, "metric")) if len(self.epochs) > 1 else super()._repr_html_()

    @property
    def best(self) -> Epoch:
        """The epoch that is kept."""
        return self.epochs[self.best_epoch - 1]


def best_of(epochs: Sequence[Epoch]) -> Epoch:
    """The first one with the best metric on the validation images."""
    return max(epochs, key=lambda epoch: epoch.validation_accuracy_percent)


def kept_of(epochs: Sequence[Epoch]) -> Epoch:
    """The last one that is within a standard error of the best; the best itself where the task tells none.

    The best of many epochs is also the luckiest on a few validation images. What these can't tell apart, the schedule
    does: later weights are an average over lower learning rates. (The one-standard-error rule of Breiman et al.,
    Classification and Regression Trees, 1984, section 3.4.3, which takes the simplest model where this takes the last.)
    """
    best = best_of(epochs)
    enough = best.validation_accuracy_percent - best.standard_error_percent
    later = [epoch for epoch in epochs[best.epoch :] if epoch.validation_accuracy_percent >= enough]
    return later[-1] if later and best.standard_error_percent else best
