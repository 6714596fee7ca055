"""How a model was trained: learning curves and what it confuses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edgecnn.html import charts
from edgecnn.html.page import folded, paragraph, table

Record = dict[str, Any]

_LARGEST_MATRIX = 20
_CONFUSIONS = 12


def trained(training: Record | None) -> str:
    """The section; empty if the model was not trained here.

    Args:
        training: `Trained.to_dict()`.
    """
    if not training:
        return ""
    on = "test" if training["test"] else "validation"
    measured = training[on]
    pictures = sum(map(sum, measured["confusion"]))
    text = f"After training the float model has {measured['top1_percent']:.2f} % top-1 on {pictures} {on} pictures."
    stages = "".join(_curves(stage) for stage in training["stages"])
    return paragraph(text) + stages + _confusions(training["classes"], measured["confusion"], on)


def compressed(steps: Sequence[Record]) -> str:
    """The section; empty if the model was not made smaller.

    Args:
        steps: the contract's `model["compression"]`.
    """
    rows = [
        (
            step["method"],
            f"{top1['before']:.2f} %",
            f"{top1['after']:.2f} %",
            f"{top1['after'] - top1['before']:+.2f}",
            f"{top1['pictures']:,} {top1['split']}",
        )
        for step in steps
        if (top1 := step.get("top1_percent"))
    ]
    heads = ("step", "top-1 before", "after", "points", "pictures")
    return table(heads, rows) + paragraph("Of the float model; what int8 costs is told above.", "note") if rows else ""


def _curves(stage: Record) -> str:
    epochs = stage["history"]["epochs"]
    heading = f"<h3>Stage {stage['name']}: {len(epochs)} epochs, the best was {stage['history']['best_epoch']}</h3>"
    if len(epochs) < 2:
        return heading
    numbers = [epoch["epoch"] for epoch in epochs]
    accuracy = [(name, [epoch[key] for epoch in epochs]) for name, key in _ACCURACY]
    loss = [(name, [epoch[key] for epoch in epochs]) for name, key in _LOSS]
    return (
        heading
        + charts.lines(numbers, accuracy, "epoch", "top-1 accuracy in percent")
        + charts.lines(numbers, loss, "epoch", "loss in nats")
        + paragraph("Training figures are of augmented pictures, and the loss of smoothed labels.", "note")
    )


_ACCURACY = (("training", "accuracy_percent"), ("validation", "validation_accuracy_percent"))
_LOSS = (("training", "loss"), ("validation", "validation_loss"))


def _confusions(classes: list[str], confusion: list[list[int]], on: str) -> str:
    wrong = sorted(
        (-count, classes[row], classes[column])
        for row, counts in enumerate(confusion)
        for column, count in enumerate(counts)
        if count and row != column
    )
    if not wrong:
        return paragraph(f"No {on} picture is taken for another class.")
    rows = [[truth, answer, str(-count)] for count, truth, answer in wrong[:_CONFUSIONS]]
    listed = f"<h3>Most frequent confusions, {on} pictures</h3>" + table(("truth", "taken for", "pictures"), rows)
    if len(classes) > _LARGEST_MATRIX:
        return listed
    matrix = [[name, *map(str, counts)] for name, counts in zip(classes, confusion)]
    return listed + folded("Confusion matrix: truth in rows, answers in columns", table(("", *classes), matrix))
