"""Learning curves: how metric and loss went from epoch to epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgecnn.html import charts

if TYPE_CHECKING:
    from edgecnn.training.history import Epoch

_METRIC = (("training", "accuracy_percent"), ("validation", "validation_accuracy_percent"))
_LOSS = (("training", "loss"), ("validation", "validation_loss"))


def curves(epochs: Sequence[Epoch], metric: str) -> str:
    """Two drawings as inline SVG, the metric in percent and the loss; empty for a single epoch."""
    if len(epochs) < 2:
        return ""
    numbers = [epoch.epoch for epoch in epochs]
    percent = [(name, [getattr(epoch, key) for epoch in epochs]) for name, key in _METRIC]
    loss = [(name, [getattr(epoch, key) for epoch in epochs]) for name, key in _LOSS]
    return charts.lines(numbers, percent, "epoch", f"{metric} in percent") + charts.lines(
        numbers, loss, "epoch", "loss"
    )
