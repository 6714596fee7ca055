"""Learning curves: how metric and loss went from epoch to epoch."""

from __future__ import annotations

from collections.abc import Sequence

from edgecnn.html import charts
from edgecnn.html.page import chart, side_by_side
from edgecnn.training.epoch import Epoch

_METRIC = (("training", "accuracy_percent"), ("validation", "validation_accuracy_percent"))
_LOSS = (("training", "loss"), ("validation", "validation_loss"))


def curves(epochs: Sequence[Epoch], metric: str) -> str:
    """Two drawings side by side, the metric in percent and the loss; empty for a single epoch."""
    if len(epochs) < 2:
        return ""
    numbers = [epoch.epoch for epoch in epochs]
    percent = [(name, [getattr(epoch, key) for epoch in epochs]) for name, key in _METRIC]
    loss = [(name, [getattr(epoch, key) for epoch in epochs]) for name, key in _LOSS]
    return side_by_side(
        chart(charts.lines(numbers, percent, "epoch", f"{metric} in percent")),
        chart(charts.lines(numbers, loss, "epoch", "mean loss per image")),
    )
