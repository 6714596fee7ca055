"""Drawings as inline SVG, colored by the page's style sheet so that they follow light and dark."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

_WIDTH, _HEIGHT = 720, 220
_LEFT, _BOTTOM, _TOP = 48, 34, 22


def histogram(values: Sequence[float], unit: str, *, marks: Sequence[tuple[float, str]] = (), bins: int = 48) -> str:
    """How often each value occurs; `marks` are (value, name) lines such as the median."""
    array = np.asarray(values, dtype=float)
    # A few outliers would press everything else into one bar: the last bar takes what lies beyond.
    high = min(array.max(), max(float(np.quantile(array, 0.99)), *(value for value, _ in marks), array.min()) * 1.05)
    low = float(array.min())
    high = high if high > low else low + 1
    counts, edges = np.histogram(np.minimum(array, high), bins=bins, range=(low, high))
    x = _scale(low, high, _LEFT, _WIDTH - 8)
    y = _scale(0, counts.max(), _HEIGHT - _BOTTOM, _TOP)
    parts = [
        f'<rect class="bar" x="{x(left):.1f}" y="{y(count):.1f}" width="{max(x(right) - x(left) - 1, 0.5):.1f}" '
        f'height="{_HEIGHT - _BOTTOM - y(count):.1f}"/>'
        for count, left, right in zip(counts, edges, edges[1:])
        if count
    ]
    parts += _axis(low, high, unit, x)
    parts += [_mark(x(value), name, row) for row, (value, name) in enumerate(marks) if value <= high]
    beyond = int((array > high).sum())
    summary = f"Histogram of {len(array)} values in {unit}" + (
        f"; {beyond} beyond {high:.3g} in the last bar" if beyond else ""
    )
    return _svg(parts, summary)


def bars(items: Sequence[tuple[str, float, str]], *, summary: str, width: int = _WIDTH) -> str:
    """Horizontal bars: (name, value, text behind the bar). At most 400 wide they are legible on a telephone."""
    most = max((value for _, value, _ in items), default=0) or 1
    names = [_short(name, 30) for name, _, _ in items]
    left = 12 + max(map(_text_width, names), default=0)
    x = _scale(0, most, left, width - 12 - 1.2 * max((_text_width(text) for _, _, text in items), default=0))
    parts = []
    for row, (name, (_, value, text)) in enumerate(zip(names, items)):
        y = 8 + 26 * row
        length = max(x(value) - left, 1)
        parts.append(f'<text x="{left - 8:.0f}" y="{y + 14}" text-anchor="end">{escape(name)}</text>')
        parts.append(f'<rect class="bar" x="{left:.0f}" y="{y + 2}" width="{length:.1f}" height="16" rx="2"/>')
        parts.append(f'<text class="strong" x="{x(value) + 6:.1f}" y="{y + 14}">{escape(text)}</text>')
    return _svg(parts, summary, height=16 + 26 * len(items), width=width)


def _text_width(text: str) -> float:
    """About how wide a text is at 13 px."""
    return 7.6 * len(text)


def lines(x_values: Sequence[float], series: Sequence[tuple[str, Sequence[float]]], x_label: str, y_label: str) -> str:
    """Curves over one axis, at most three, each named where it ends."""
    every = [value for _, values in series for value in values if value == value]
    low, high = min(0.0, *every), max(every) or 1.0
    x = _scale(min(x_values), max(x_values), _LEFT, _WIDTH - 110)
    y = _scale(low, high * 1.05, _HEIGHT - _BOTTOM, _TOP)
    parts = _axis(min(x_values), max(x_values), x_label, x, right=_WIDTH - 110)
    for value in _ticks(low, high):
        parts.append(f'<line class="axis" x1="{_LEFT}" x2="{_WIDTH - 110}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{value:.4g}</text>')
    parts.append(f'<text x="{_LEFT}" y="12">{escape(y_label)}</text>')
    labels = _spread([y(values[-1]) + 4 for _, values in series])
    for number, (name, values) in enumerate(series, start=1):
        points = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in zip(x_values, values) if b == b)
        parts.append(f'<polyline class="curve curve-{number}" points="{points}"/>')
        parts.append(
            f'<text class="strong" x="{_WIDTH - 104}" y="{labels[number - 1]:.1f}">{escape(_short(name, 14))}</text>'
        )
    return _svg(parts, f"{y_label} over {x_label}: " + ", ".join(name for name, _ in series))


def _spread(places: Sequence[float], apart: float = 15) -> list[float]:
    """The same places in the same order, moved so that texts there don't cover each other."""
    order = sorted(range(len(places)), key=lambda index: places[index], reverse=True)
    spread = list(places)
    for below, above in zip(order, order[1:]):  # from the axis upwards
        spread[above] = min(spread[above], spread[below] - apart)
    return spread


def _scale(low: float, high: float, start: float, end: float):  # type: ignore[no-untyped-def]
    span = (high - low) or 1.0
    return lambda value: start + (float(value) - low) / span * (end - start)


def _axis(low: float, high: float, label: str, x, right: float = _WIDTH - 8) -> list[str]:  # type: ignore[no-untyped-def]
    base = _HEIGHT - _BOTTOM
    parts = [f'<line class="axis" x1="{_LEFT}" x2="{right}" y1="{base}" y2="{base}"/>']
    for value in _ticks(low, high):
        parts.append(f'<text x="{x(value):.1f}" y="{base + 16}" text-anchor="middle">{value:.4g}</text>')
    parts.append(f'<text x="{right}" y="{base + 31}" text-anchor="end">{escape(label)}</text>')
    return parts


def _mark(x: float, name: str, row: int) -> str:
    right = x > _WIDTH - 160
    anchor = "end" if right else "start"
    y = 12 + 15 * row
    return (
        f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{y - 8}" y2="{_HEIGHT - _BOTTOM}"/>'
        f'<text class="strong" x="{x + (-5 if right else 5):.1f}" y="{y}" text-anchor="{anchor}">{escape(name)}</text>'
    )


def _ticks(low: float, high: float, about: int = 6) -> list[float]:
    """Round numbers between two values."""
    if high <= low:
        return [low]
    raw = (high - low) / about
    power = 10.0 ** np.floor(np.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw)
    first = np.ceil(low / step) * step
    return [float(round(value, 12)) for value in np.arange(first, high + step * 1e-9, step)]


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _svg(parts: Sequence[str], summary: str, height: int = _HEIGHT, width: int = _WIDTH) -> str:
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" role="img" aria-label="{escape(summary)}">'
        f"<title>{escape(summary)}</title>{''.join(parts)}</svg>"
    )
