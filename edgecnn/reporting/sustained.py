"""Speed over minutes: frames a second, and the heat and clock that explain them."""

from __future__ import annotations

from edgecnn.core.text import counted
from edgecnn.html import charts
from edgecnn.html.page import paragraph
from edgecnn.profiling.sustained import Sustained


def sustained(measured: Sustained) -> str:
    """The curves and what they say."""
    seconds = [window.end_s for window in measured.windows]
    change = f"{abs(measured.fall):.0%} {'below' if measured.fall > 0 else 'above'}"
    text = (
        f"{measured.steady_fps:.1f} inferences a second in the steady state (the last third), {change} the "
        f"{measured.initial_fps:.1f} at the start; {counted(measured.threads, 'thread')}, "
        f"delegate {measured.delegate}."
    )
    rates = [window.fps for window in measured.windows]
    parts = [charts.lines(seconds, [("per second", rates)], "seconds", "per second")]
    heat, clock = ([getattr(window, key) for window in measured.windows] for key in ("temperature_c", "clock_mhz"))
    for values, name in ((heat, "°C"), (clock, "MHz")):
        if None not in values and len(set(values)) > 1:
            parts.append(charts.lines(seconds, [(name, values)], "seconds", name))
    parts.append(paragraph(text))
    if measured.throttled:
        parts.append(paragraph(f"The board throttled itself: {', '.join(measured.throttled)}.", "warning"))
    if measured.noise.too_noisy:
        parts.append(paragraph(f"Too noisy: {' '.join(measured.noise.reasons)}", "warning"))
    if measured.emulated:
        warning = "Measured on an emulated processor: these times say nothing about a real board."
        parts.insert(0, paragraph(warning, "warning"))
    return "".join(parts)
