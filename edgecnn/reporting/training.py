"""How a model was trained: learning curves and what it confuses."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from edgecnn.core.statistics import share
from edgecnn.html.page import folded, paragraph, table
from edgecnn.runtime.model.records import CompressionStep
from edgecnn.training.curves import curves
from edgecnn.training.record import PhaseRecord, TrainingRecord

_LARGEST_MATRIX = 20
_CONFUSIONS = 12
_HAS = "After training, the float model has"


def trained(training: TrainingRecord | None) -> str:
    """The section; empty if the model was not trained here."""
    if not training:
        return ""
    on, measured = ("test", training.test) if training.test else ("validation", training.validation)
    phases = "".join(_curves(phase, training.metric) for phase in training.phases)
    if measured.confusion is None:
        return paragraph(f"{_HAS} {measured.percent:.1f} % {training.metric} on the {on} images.") + phases
    pictures = sum(map(sum, measured.confusion))
    right = share(sum(counts[row] for row, counts in enumerate(measured.confusion)), pictures)
    interval = f"95 % confidence interval {right.low_percent:.1f} to {right.high_percent:.1f} %"
    text = f"{_HAS} {measured.percent:.1f} % {training.metric} on {pictures:,} {on} images ({interval})."
    confusions = _confusions(training.classes, measured.confusion, on)
    return paragraph(text) + phases + confusions


def compressed(steps: Sequence[CompressionStep]) -> str:
    """The section; empty if the model was not made smaller."""
    rows = [
        (
            step.method,
            f"{score.before:.1f} %",
            f"{score.after:.1f} %",
            f"{score.after - score.before:+.1f}",
            f"{score.pictures:,} {score.split}",
        )
        for step in steps
        if (score := step.score)
    ]
    metric = next((step.score.metric for step in steps if step.score), "")
    heads = ("step", f"{metric} before", "after", "points", "pictures")
    return (
        table(heads, rows)
        + paragraph("These figures are of the float model; the accuracy of int8 is given above.", "note")
        if rows
        else ""
    )


def _curves(phase: PhaseRecord, metric: str) -> str:
    epochs = phase.history.epochs
    heading = f"<h3>Phase {escape(phase.name)}: {len(epochs)} epochs, of which {phase.history.best_epoch} is kept</h3>"
    drawn = curves(epochs, metric)
    note = paragraph(
        "The training figures are measured on augmented images, and their loss with smoothed labels.", "note"
    )
    return heading + (drawn + note if drawn else "")


def _confusions(classes: Sequence[str], confusion: Sequence[Sequence[int]], on: str) -> str:
    wrong = sorted(
        (-count, classes[row], classes[column])
        for row, counts in enumerate(confusion)
        for column, count in enumerate(counts)
        if count and row != column
    )
    if not wrong:
        return paragraph(f"No {on} image is classified as another class.")
    rows = [[truth, answer, str(-count)] for count, truth, answer in wrong[:_CONFUSIONS]]
    listed = f"<h3>Most frequent confusions, {on} images</h3>" + table(("truth", "taken for", "pictures"), rows)
    if len(classes) > _LARGEST_MATRIX:
        return listed
    matrix = [[name, *map(str, counts)] for name, counts in zip(classes, confusion)]
    return listed + folded("Confusion matrix: truth in rows, answers in columns", table(("", *classes), matrix))
