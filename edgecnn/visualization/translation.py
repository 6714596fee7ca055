"""What happens to the answer when the image moves by a pixel: nothing should, and something does.

The contract's window slides over the image pixel by pixel, so that no edge is made up. A network that halves the
image five times sees the same image only after 32 pixels; in between its answer wavers, more or less by how it
down-samples.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from edgecnn.html import charts
from edgecnn.html.page import chart, paragraph, table
from edgecnn.runtime.model.validation import Record
from edgecnn.runtime.run.preprocess import fit
from edgecnn.visualization.panel import Panel
from edgecnn.visualization.subject import KerasSubject, Subject


@dataclass(frozen=True)
class CurveRecord(Record):
    """A `Curve` as it is written as JSON: the probability at each shift, and what they come to."""

    name: str
    shifts: tuple[int, ...]
    probability: tuple[float, ...]
    same_class: float
    mean_change_per_pixel: float


@dataclass(frozen=True)
class Stability:
    """A model's answers while the image moves.

    Attributes:
        name: how it down-samples.
        shifts: pixels to the right, shape (n,).
        probability: of the class that wins unmoved, shape (n,).
        same: share of the shifts at which that class wins, 0..1.
    """

    name: str
    shifts: np.ndarray
    probability: np.ndarray
    same: float

    @property
    def wobble(self) -> float:
        """Mean absolute change of the probability per pixel."""
        return float(np.abs(np.diff(self.probability)).mean())

    def record(self) -> CurveRecord:
        """What is written as JSON."""
        return CurveRecord(
            name=self.name,
            shifts=tuple(int(shift) for shift in self.shifts),
            probability=tuple(round(float(value), 5) for value in self.probability),
            same_class=round(self.same, 4),
            mean_change_per_pixel=round(self.wobble, 5),
        )


def shifted(subject: Subject, picture: np.ndarray, most: int = 16) -> tuple[np.ndarray, np.ndarray]:
    """An image (uint8 BGR, any size) at every horizontal shift.

    Returns:
        Shifts -most..most, shape (n,), and the fitted images, (n, height, width, channels), views of one.
    """
    own = subject.contract.preprocessing
    share = (own.width + 2 * most) / own.width
    wide = dataclasses.replace(
        own,
        height=own.height + 2 * most,
        width=own.width + 2 * most,
        crop=min(1.0, own.crop * share),
        fit="stretch" if own.fit == "stretch" else "crop",
    )
    whole = fit(picture, wide)
    shifts = np.arange(-most, most + 1)
    windows = np.lib.stride_tricks.sliding_window_view(whole[most : most + own.height], own.width, axis=1)
    return shifts, windows[:, ::-1].transpose(1, 0, 3, 2)  # (rows, n, channels, columns) until here


def stability(subject: Subject, shifts: np.ndarray, pictures: np.ndarray, name: str) -> Stability:
    """Run a model at every shift."""
    probabilities = subject.probabilities(pictures)
    winner = int(probabilities[len(shifts) // 2].argmax())
    same = float((probabilities.argmax(axis=1) == winner).mean())
    return Stability(name, shifts, probabilities[:, winner], same)


def measure(subject: Subject, picture: np.ndarray, most: int = 16) -> tuple[list[Stability], int]:
    """The model as it is and, for a Keras model, with its down-sampling done by stride, max and average.

    Returns:
        The curves, and how many down-sampling layers were changed.
    """
    shifts, pictures = shifted(subject, picture, most)
    curves, changed = [stability(subject, shifts, pictures, "unchanged")], 0
    if isinstance(subject, KerasSubject):
        from edgecnn.visualization.downsampling import KINDS, with_downsampling

        for kind in KINDS:
            model, changed = with_downsampling(subject.model, kind)
            variant = dataclasses.replace(subject, model=model)
            curves.append(stability(variant, shifts, pictures, kind))
    return curves, changed


def panel(subject: Subject, picture: np.ndarray, most: int = 16) -> Panel:
    """The curves and what they come to."""
    curves, changed = measure(subject, picture, most)
    unmoved = shifted(subject, picture, most)[1][most]
    label = subject.contract.label(int(subject.probabilities(unmoved[np.newaxis])[0].argmax()))
    shown = curves[1:] or curves
    series = [(curve.name, curve.probability.tolist()) for curve in shown]
    y_label = "probability (0 to 1) of the class predicted without a shift"
    drawing = charts.lines(curves[0].shifts.tolist(), series, "shift in pixels", y_label)
    html = chart(drawing)
    columns = ("down-sampling", "same class predicted", "mean change per pixel", "probability unmoved")
    rows = [
        [curve.name, f"{curve.same:.0%}", f"{curve.wobble:.2%}", f"{curve.probability[most]:.1%}"] for curve in curves
    ]
    html += table(columns, rows)
    if not changed:
        html += paragraph(
            "Down-sampling can be changed only in a Keras model, so this model is shown unchanged.", "note"
        )
    values = {"label": label, "changed_layers": changed, "curves": [curve.record().to_dict() for curve in curves]}
    return Panel("translation", "Shifting the image", (), _note(label, most, changed), html, values)


def _note(label: str, most: int, changed: int) -> str:
    text = (
        f"The image is shifted by up to {most} pixels to the left and right. Without a shift, the model "
        f"predicts {label!r}."
    )
    if changed:
        text += (
            f" The same weights run with all {changed} down-sampling layers done in three ways: keep every second "
            "value (stride), the largest of four (max), or their mean (average). The weights were not trained "
            "for the second and third way, so compare how much a curve varies, not how high it is."
        )
    return text
