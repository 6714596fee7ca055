"""Translation equivariance against translation invariance: both defined and measured."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from edgecnn.html import charts

from ._markdown import command, figure, standalone, table

TITLE = "Equivariance against invariance"
SUMMARY = "a map that moves with the image, an answer that doesn't, and what strides spoil of both"
SHIFTS = (1, 2, 4, 8, 16, 32)
PHOTOGRAPHS = 12
DRAWN = "block5_expand_act"
_ROW = np.array([0, 1, 4, 2, 7, 3, 0, 5, 9, 6, 2, 8], float)
_KERNEL = np.array([1, 3, -2], float)


def convolved(row: np.ndarray, stride: int) -> np.ndarray:
    """A 3-wide kernel around a row that is closed to a ring, so that there is no edge."""
    return np.array([(_KERNEL * np.take(row, range(i - 1, i + 2), mode="wrap")).sum() for i in range(0, 12, stride)])


def ring_error(stride: int, shift: int) -> float:
    """Equivariance error, 0..: how far f(moved row) is from f(row) moved, by the nearest whole step of the map."""
    moved = convolved(np.roll(_ROW, shift), stride)
    maps = [np.roll(convolved(_ROW, stride), step) for step in (shift // stride, -(-shift // stride))]
    return min(relative(moved, each) for each in maps)


def relative(found: np.ndarray, expected: np.ndarray) -> float:
    """Norm of the difference, as a share of the norm of what was expected."""
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


def moved_along(maps: np.ndarray, steps: float) -> tuple[np.ndarray, int]:
    """A map (height, width, channels) moved to the right by a fraction of cells, linearly interpolated.

    Returns:
        The columns that are known, and the first of them.
    """
    first = int(np.ceil(steps))
    places = np.arange(first, maps.shape[1]) - steps
    low = np.floor(places).astype(int)
    high, share = np.minimum(low + 1, maps.shape[1] - 1), (places - low)[None, :, None]
    return maps[:, low] * (1 - share) + maps[:, high] * share, first


def measure(known: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """EfficientNet-Lite0 on photographs that slide to the right under its window."""
    from edgecnn.data import open_data
    from edgecnn.inspection.effective import stage_ends
    from edgecnn.visualization.translation import shifted

    from ._models import lite0

    subject = lite0()
    rows = stage_ends(subject.report)
    errors: dict[str, list[list[float]]] = {}
    for example in open_data("photos").sample(PHOTOGRAPHS, seed=1).examples:
        images = shifted(subject, example.read(), 32)[1][32:]
        still = subject.maps(images[0], rows)
        answer = subject.probabilities(images[:1])[0]
        for shift in range(1, 33):
            for row, before, after in zip(rows, still, subject.maps(images[shift], rows)):
                stride = images.shape[2] // before.shape[1]
                along, first = moved_along(before, shift / stride)
                name = row.layer.name
                _add(errors, f"{name} along", shift, relative(after[:, first:], along))
                _add(errors, f"{name} in place", shift, relative(after, before))
                _add(errors, f"{name} pooled", shift, relative(after.mean(axis=(0, 1)), before.mean(axis=(0, 1))))
            changed = subject.probabilities(images[shift : shift + 1])[0]
            _add(errors, "answer", shift, float(np.abs(changed - answer).sum() / 2))
        print(example.name, flush=True)
    layers = [{"name": row.layer.name, "stride": 224 // row.output_shape[2]} for row in rows]
    means = {name: [round(float(np.mean(each)), 4) for each in values] for name, values in errors.items()}
    yield {"layers": layers, "errors": means}


def _add(errors: dict[str, list[list[float]]], name: str, shift: int, value: float) -> None:
    errors.setdefault(name, [[] for _ in range(32)])[shift - 1].append(value)


def page(measured: dict[str, Any]) -> str:
    """Markdown."""
    ring = [[str(stride), *(f"{ring_error(stride, shift):.0%}" for shift in (1, 2, 3, 4))] for stride in (1, 2)]
    return f"""
Move the image: what happens to the result?

- **Equivariant**: the result moves along. f(T x) = T f(x), where T moves by some pixels. *Where is the edge?*
- **Invariant**: the result stays. f(T x) = f(x). *Is there a cat?*

A convolution is equivariant, by construction: the same kernel is used everywhere. The mean over a map is invariant: it
doesn't matter where the values lie. A classifier is the one followed by the other.

## Exact at stride 1, only in steps at stride 2

A ring of twelve pixels (no edges), a kernel of three, moved by 1 to 4 pixels. The **equivariance error** is the norm of
f(T x) - T f(x) over that of T f(x), for the nearest whole step of the map:

{table(["stride", "moved by 1", "by 2", "by 3", "by 4"], ring)}

At stride 2, a move by two pixels moves the map by one cell, exactly. A move by one pixel has no counterpart: the kernel
meets other pixels, and fine detail that the coarser grid can't represent turns into something else (**aliasing**).
Five strides of 2 leave a network that is equivariant to moves by 32 pixels at best, and to no smaller ones.

## Measured on a real network

EfficientNet-Lite0 with its ImageNet weights, {
        PHOTOGRAPHS
    } photographs that slide to the right under its window. Error of
the map after it has been moved along by shift / stride cells (interpolated between cells):

{_table(measured)}

- **In the first three maps** the error grows with the shift, which is the aliasing, and falls where the shift reaches
  the stride (bold), because the map then moves by whole cells. What is left there are the zeros at the image's edges:
  they don't move along.
- **In the last two** the fall is smaller, or gone. Their units see 339 and 851 pixels, so each of them sees the edges
  of the image, and what enters and leaves there: to them no shift of a photograph is a pure translation.
- **The mean** over the last map changes half as much as the map does. That is the invariance that pooling buys, and
  it is approximate.

{figure("equivariance.svg", f"Error of {DRAWN} in place, moved along, and of its mean, over the shift")}

(Drawn: `{DRAWN}`, stride 8. Left *in place*, the map is wrong by more at every shift, for it follows the image. *Moved
along*, it is right at every eighth pixel. Its *mean* hardly notices.)

{_answer(measured)}

{
        command(
            "edgecnn build efficientnet_lite0 --weights imagenet -o lite0.keras",
            "edgecnn visualize lite0.keras cat.jpg -o moving.html --only translation",
        )
    }
"""


def _table(measured: dict[str, Any]) -> str:
    errors, rows = measured["errors"], []
    for layer in measured["layers"]:
        along = errors[f"{layer['name']} along"]
        cells = [f"{along[shift - 1]:.0%}" for shift in SHIFTS]
        marked = [f"**{cell}**" if shift == layer["stride"] else cell for shift, cell in zip(SHIFTS, cells)]
        rows.append([f"`{layer['name']}`", str(layer["stride"]), *marked])
    for layer in measured["layers"][-1:]:
        pooled = errors[f"{layer['name']} pooled"]
        rows.append([f"mean of `{layer['name']}`", "", *(f"{pooled[shift - 1]:.0%}" for shift in SHIFTS)])
    return table(["map", "stride", *(f"{shift} px" for shift in SHIFTS)], rows)


def _answer(measured: dict[str, Any]) -> str:
    answer = measured["errors"]["answer"]
    return f"""The **answer** inherits what is left: a move by one pixel shifts {answer[0]:.0%} of the probability
from some classes to others, one by 16 pixels {answer[15]:.0%}. How to reduce that: [pooling against
stride](pooling.md)."""


def drawings(measured: dict[str, Any]) -> dict[str, str]:
    """One map over the shift."""
    if not measured:
        return {}
    names = {"in place": f"{DRAWN} in place", "moved along": f"{DRAWN} along", "its mean": f"{DRAWN} pooled"}
    series = [(label, [100 * error for error in measured["errors"][name]]) for label, name in names.items()]
    shifts = [float(shift) for shift in range(1, 33)]
    return {"equivariance.svg": standalone(charts.lines(shifts, series, "shift in pixels", "error in percent"))}
