"""Charts for the pages: histograms, bars, curves and nested boxes, each with named axes; see `edgecnn.html.figure`."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np

from edgecnn.html.figure import FAINT, INK, LINE, SERIES, WIDTH, drawn, tagged

_HEIGHT = 230
_ROW = 38  # of a bar with its name
_DASHES = ("-", "--", ":", "-.")
_SHAPES = ("o", "^", "s", "D")


def histogram(values: Sequence[float], label: str, *, marks: Sequence[tuple[float, str]] = (), bins: int = 40) -> str:
    """How often each value occurs.

    Args:
        values: those that are not finite are left out.
        label: what the values are, with their unit.
        marks: (value, name) lines such as the median; the axis reaches to each of them.
        bins: number of bars.
    """
    array = np.asarray(values, dtype=float)
    array = array[np.isfinite(array)]
    low, high = _span(array, [value for value, _ in marks])
    counts, edges = np.histogram(np.minimum(array, high), bins=bins, range=(low, high))
    beyond = int((array > high).sum())
    tail = f"; {beyond} beyond {high:.3g} are in the last bar" if beyond else ""

    def draw(axes: Any) -> None:
        tagged(axes.stairs(counts, edges, fill=True, color=SERIES[0]), "bar")
        axes.grid(visible=False, axis="x")
        _whole_numbers(axes.yaxis, counts.tolist())
        axes.set_xlim(low, high)
        for row, (value, name) in enumerate(marks):
            _mark(axes, value, name, row, right=value > (low + high) / 2)
        _name_axes(axes, label, "count", above=18 * len(marks))

    return drawn(draw, f"Histogram of {len(array):,} values of {label}{tail}", _HEIGHT + 18 * len(marks))


def _span(array: np.ndarray, marks: Sequence[float]) -> tuple[float, float]:
    """What to draw: a few outliers would press everything else into one bar, so the last bar takes what lies beyond."""
    if not array.size:
        return 0.0, 1.0
    most = min(float(array.max()), float(np.quantile(array, 0.99)) + 0.05 * float(np.ptp(array)))
    low, high = min(float(array.min()), *marks, most), max(most, *marks, float(array.min()))
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def _mark(axes: Any, value: float, name: str, row: int, *, right: bool) -> None:
    place = axes.get_xaxis_transform()
    (line,) = axes.plot([value, value], [0, 1], transform=place, color=SERIES[1], linewidth=2)
    tagged(line, "mark")
    text = axes.annotate(
        f"{name} ▾" if right else f"▾ {name}",
        (value, 1),
        xycoords=place,
        xytext=(4 if right else -4, 4 + 18 * row),
        textcoords="offset points",
        ha="right" if right else "left",
        color=INK,
    )
    tagged(text, "mark-name")


def bars(
    items: Sequence[tuple[str, float, str]], label: str, *, summary: str, series: Sequence[int] = (), limit: float = 0.0
) -> str:
    """Horizontal bars, each under its name.

    Args:
        items: (name, value, text behind the bar), from top to bottom.
        label: what the values are, with their unit.
        summary: what the chart shows, for those who can't see it.
        series: number of each bar's color, from 0; by default all have the first.
        limit: end of the axis; by default the largest value's.
    """
    values = [value for _, value, _ in items]
    room = 1 - (16 + 8 * max((len(text) for _, _, text in items), default=0)) / WIDTH
    most = max(limit, *values, 0.0) or 1.0

    def draw(axes: Any) -> None:
        rows = np.arange(len(items))
        colors = [SERIES[number] for number in series or [0] * len(items)]
        tagged(axes, "bars")
        for bar in axes.barh(rows, values, height=0.42, color=colors):
            tagged(bar, "bar")
        for row, (name, value, text) in enumerate(items):
            _beside(axes, (0, row), _short(name, 44), (0, 12), FAINT)
            _beside(axes, (value, row), text, (5, -4), INK)
        axes.set_yticks([])
        axes.set_xlim(0, most / room)
        axes.set_ylim(len(items) - 0.6, -0.85)
        axes.set_xlabel(label, loc="left")
        tagged(axes.xaxis.label, "x-label")

    return drawn(draw, summary, 56 + _ROW * len(items))


def _beside(axes: Any, at: tuple[float, float], text: str, offset: tuple[float, float], color: str) -> None:
    axes.annotate(text, at, xytext=offset, textcoords="offset points", color=color)


def lines(x_values: Sequence[float], series: Sequence[tuple[str, Sequence[float]]], x_label: str, y_label: str) -> str:
    """Curves over one axis, at most four; gaps where values are not finite. Labels have units."""

    def draw(axes: Any) -> None:
        for number, (name, values) in enumerate(series):
            marker = {"marker": ""} if len(x_values) > 1 else {"marker": "o"}
            style = {"color": SERIES[number], "linestyle": _DASHES[number], "linewidth": 2, **marker}
            finite = [value if np.isfinite(value) else float("nan") for value in values]
            (line,) = axes.plot(x_values, finite, label=_short(name, 42), **style)
            tagged(line, "curve")
        axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
        _whole_numbers(axes.xaxis, x_values)
        _name_axes(axes, x_label, y_label)
        if len(series) > 1:
            axes.figure.legend(loc="outside upper left", ncols=_columns([name for name, _ in series]))

    rows = 0 if len(series) < 2 else -(-len(series) // _columns([name for name, _ in series]))
    return drawn(draw, f"{y_label} over {x_label}: " + ", ".join(name for name, _ in series), _HEIGHT + 21 * rows)


def scatter(
    series: Sequence[tuple[str, Sequence[tuple[tuple[float, float, float], tuple[float, float, float]]]]],
    x_label: str,
    y_label: str,
    *,
    front: Sequence[tuple[float, float]] = (),
) -> str:
    """Points with intervals over a logarithmic axis, each series with a shape and a color of its own.

    Args:
        series: (name, points), at most four; a point is ((x, low, high), (y, low, high)).
        x_label: of the axis, with its unit.
        y_label: of the axis, with its unit.
        front: (x, y) from left to right, joined by steps.
    """
    shown = [(name, points) for name, points in series if points]

    def draw(axes: Any) -> None:
        if front:
            xs, ys = zip(*front)
            (line,) = axes.step(xs, ys, where="post", color=FAINT, linewidth=1.5, linestyle="--", label="front")
            tagged(line, "front")
        for number, (name, points) in enumerate(shown):
            x, y = (np.array([point[axis] for point in points], float) for axis in (0, 1))
            reach = [np.abs(np.stack((values[:, 0] - values[:, 1], values[:, 2] - values[:, 0]))) for values in (x, y)]
            style: dict[str, Any] = {"color": SERIES[number], "marker": _SHAPES[number], "markersize": 7}
            axes.errorbar(
                x[:, 0], y[:, 0], xerr=reach[0], yerr=reach[1], linestyle="none", elinewidth=1, alpha=0.9,
                markerfacecolor=SERIES[number] if number == 0 else "none", label=_short(name, 42), **style,
            )  # fmt: skip
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter("{x:g}")
        axes.tick_params(axis="x", which="minor", labelsize=9)
        _name_axes(axes, x_label, y_label)
        axes.figure.legend(loc="outside upper left", ncols=1)

    summary = f"{y_label} over {x_label}: " + ", ".join(f"{len(points)} {name}" for name, points in shown)
    return drawn(draw, summary, _HEIGHT + 60 + 21 * (len(shown) + bool(front)))


def _columns(names: Sequence[str]) -> int:
    """Of the legend: all names in one row if they fit."""
    return len(names) if sum(8 * len(name) + 50 for name in names) < WIDTH else 1


def _whole_numbers(axis: Any, values: Sequence[float]) -> None:
    """No tick at epoch 1.5."""
    if all(float(value).is_integer() for value in values):
        axis.get_major_locator().set_params(integer=True)


def boxes(items: Sequence[tuple[tuple[float, float, float, float], str]], size: Sequence[float], label: str) -> str:
    """Boxes inside an image, the first the thinnest.

    Args:
        items: ((left, top, width, height), name), at most as many as can be told apart by color and dashes (16).
        size: (height, width) of the image.
        label: the unit of both axes.
    """
    height, width = size

    def draw(axes: Any) -> None:
        from matplotlib.patches import Rectangle

        axes.add_patch(Rectangle((0, 0), width, height, facecolor=LINE, alpha=0.35, edgecolor="none"))
        for number, ((left, top, across, down), name) in enumerate(items):
            style: dict[str, Any] = {
                "edgecolor": SERIES[number % 4],
                "linestyle": _DASHES[number // 4 % 4],
                "label": name,
            }
            box = Rectangle((left, top), across, down, facecolor="none", linewidth=1.5 + 0.4 * number, **style)
            tagged(axes.add_patch(box), "box")
        axes.set_aspect("equal")
        axes.set_xlim(0, width)
        axes.set_ylim(height, 0)
        axes.grid(visible=False)
        _name_axes(axes, label, label)
        axes.figure.legend(loc="outside lower left", ncols=1)

    summary = f"Boxes in an image of {height:g} x {width:g} {label}: " + ", ".join(name for _, name in items)
    return drawn(draw, summary, int(360 * min(1.5, max(0.4, height / width))) + 21 * len(items))


def _name_axes(axes: Any, x_label: str, y_label: str, above: float = 0.0) -> None:
    """The label of y stands level over its axis: turned by 90 degrees it would be hard to read."""
    axes.set_xlabel(textwrap.fill(x_label, 38), loc="left")  # the right end is the scale's, as in 1e-6
    tagged(axes.xaxis.label, "x-label")
    tagged(axes.set_title(textwrap.fill(y_label, 46), pad=7 + above), "y-label")


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
