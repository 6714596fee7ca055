"""What happened in a fit, in plain JSON values."""

from __future__ import annotations

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
        best_epoch: number of the epoch with the best validation accuracy.
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
        """The best epoch."""
        return self.epochs[self.best_epoch - 1]
