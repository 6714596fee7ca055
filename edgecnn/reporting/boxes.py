"""What a detector's boxes get wrong, and on which images most."""

from __future__ import annotations

from collections.abc import Callable

from edgecnn.html import charts
from edgecnn.html.figure import SERIES
from edgecnn.html.page import chart, facts, paragraph, table
from edgecnn.reporting.sections import pictures
from edgecnn.tasks.box_errors import FALSE, BoxErrors
from edgecnn.verification.record import ShownImage, Verification

_DRAWN, _MATRIX = len(SERIES), 12  # classes
_LISTED = 10


def boxes(found: Verification | None) -> str:
    """Kinds of errors, precision by recall, and which classes are taken for which; empty without annotated boxes."""
    if found is None or found.errors is None:
        return ""
    errors = found.errors
    sure = "Boxes with a score of 0.5 or more, by the object that they overlap (TIDE, arXiv:2008.08115)."
    if errors.kinds.get(FALSE):
        sure += " Where no object is annotated there may be one that nobody labeled: the images with most errors tell."
    return facts(_kinds(errors)) + paragraph(sure, "note") + _curves(errors) + _confusion(errors)


def worst(found: Verification | None, picture: Callable[[ShownImage, Verification], str]) -> str:
    """The images with most errors, truth beside the artifact's boxes."""
    if found is None or not found.worst:
        return ""
    items = [picture(image, found) for image in found.worst]
    return paragraph("Left: the annotated boxes. Right: the artifact's.", "note") + pictures(found, items)


def _kinds(errors: BoxErrors) -> list[tuple[str, str]]:
    explained = {
        "right": "on an object of their class, the first one",
        "duplicate": "on an object that has a box already",
        "other class": "on an object of another class",
        "misplaced": "near an object of their class: an overlap of 0.1 to 0.5",
        "nothing": "where no such object is",
        "missed": "objects without a box",
    }
    return [(kind, f"{count}: {explained.get(kind, kind)}") for kind, count in errors.kinds.items()]


def _curves(errors: BoxErrors) -> str:
    if not errors.precision:
        return ""
    counts = {label: sum(row) for label, row in zip(errors.labels, errors.confusion)}
    shown = sorted(errors.precision, key=lambda label: -counts.get(label, 0))[:_DRAWN]
    series = [(label, [100 * share for share in errors.precision[label]]) for label in shown]
    drawn = charts.lines([100 * share for share in errors.recall], series, "recall in percent", "precision in percent")
    rest = len(errors.precision) - len(shown)
    more = f" The {rest} other classes are in the verification's JSON." if rest else ""
    return chart(drawn, f"Precision by recall at an overlap of 0.5.{more}")


def _confusion(errors: BoxErrors) -> str:
    """The matrix of few classes; of many the most frequent confusions."""
    names = [*errors.labels, "nothing"]
    if len(errors.labels) <= _MATRIX:
        rows = [[name, *map(str, counts)] for name, counts in zip(names, errors.confusion)]
        return "<h3>Truth (rows) and answer (columns)</h3>" + table(("", *names), rows)
    found = [
        (count, names[row], names[column])
        for row, counts in enumerate(errors.confusion)
        for column, count in enumerate(counts)
        if row != column and count
    ]
    rows = [[truth, answer, str(count)] for count, truth, answer in sorted(found, reverse=True)[:_LISTED]]
    return "<h3>Most frequent confusions</h3>" + table(("truth", "answer", "boxes"), rows)
