"""Speed over minutes: frames a second, and the heat and clock that explain them."""

from __future__ import annotations

from edgecnn.core.text import counted
from edgecnn.html import charts
from edgecnn.html.page import chart, paragraph, side_by_side
from edgecnn.profiling.sustained import Sustained
from edgecnn.profiling.text import digits


def sustained(measured: Sustained) -> str:
    """The curves and what they say."""
    seconds = [window.end_s for window in measured.windows]
    change = f"{abs(measured.fall):.0%} {'below' if measured.fall > 0 else 'above'}"
    text = (
        f"{digits(measured.steady_fps)} fps{_ms(measured.steady_fps)} in the steady state (the last "
        f"third), {change} the {digits(measured.initial_fps)} fps at the start; {counted(measured.threads, 'thread')}, "
        f"delegate {measured.delegate}."
    )
    rates = [window.fps for window in measured.windows]
    drawn = [chart(charts.lines(seconds, [("rate", rates)], "seconds", "inferences per second (fps)"))]
    heat, clock = ([getattr(window, key) for window in measured.windows] for key in ("temperature_c", "clock_mhz"))
    for values, name in ((heat, "temperature in °C"), (clock, "clock in MHz")):
        if None not in values and len(set(values)) > 1:
            drawn.append(chart(charts.lines(seconds, [(name, values)], "seconds", name)))
    parts = [side_by_side(*drawn), paragraph(text)]
    if measured.throttled:
        parts.append(paragraph(f"The board throttled its clock: {', '.join(measured.throttled)}.", "warning"))
    if measured.noise.too_noisy:
        parts.append(paragraph(f"Too noisy: {' '.join(measured.noise.reasons)}", "warning"))
    if measured.emulated:
        warning = "Measured on an emulated processor: these speeds are not representative of a real board."
        parts.insert(0, paragraph(warning, "warning"))
    return "".join(parts)


def _ms(fps: float) -> str:
    return f" ({digits(1000 / fps)} ms)" if fps else ""
