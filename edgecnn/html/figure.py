"""Matplotlib's figures as inline SVG: text stays text, colors are the page's variables, equal input gives equal bytes.

Drawings are 400 px wide, so that their text is legible on a phone without scrolling; where there is room, several
stand side by side. Without Matplotlib a note takes the drawing's place.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable
from html import escape
from typing import Any

WIDTH = 400
"""Of every drawing, in CSS pixels."""

INK, FAINT, LINE = "#1a1d21", "#5d6570", "#d9dde3"
SERIES = ("#0072b2", "#b85c00", "#00795a", "#9b4f82")
"""Colors of the first, second, ... of several; distinct without red-green vision."""

_VARIABLES = {INK: "ink", FAINT: "faint", LINE: "line", **dict(zip(SERIES, ("blue", "orange", "green", "plum")))}
_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "edgecnn",
    "text.parse_math": False,
    "font.family": "DejaVu Sans",
    "font.size": 13,
    "text.color": FAINT,
    "axes.labelcolor": FAINT,
    "axes.edgecolor": LINE,
    "axes.titlesize": 13,
    "axes.titlecolor": FAINT,
    "axes.titlelocation": "left",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.formatter.limits": (-4, 6),
    "grid.color": LINE,
    "grid.linewidth": 1,
    "xtick.labelcolor": FAINT,
    "ytick.labelcolor": FAINT,
    "xtick.major.size": 0,
    "xtick.minor.size": 0,
    "xtick.major.pad": 7,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
}
_DIGIT = 8.5  # pixels of one, at the ticks' size
_MISSING = 'Chart not drawn ({}). Charts need Matplotlib. Install it with: pip install "edgecnn[host]"'
_SHAPE = re.compile(r'<path id="([^"]+)" d="([^"]*)"')
_USE = re.compile(r'<use xlink:href="#([^"]+)" x="([^"]+)" y="([^"]+)" style="([^"]*)"/>')
_FAMILY = re.compile(r"(font: [^;\"]*?)'DejaVu Sans'[^;\"]*")


def drawn(draw: Callable[[Any], None], summary: str, height: int) -> str:
    """A drawing as `<svg>` (without the namespace that a file of its own needs), or a note if it can't be made.

    Args:
        draw: fills a Matplotlib axes; what `tagged` names carries its class in the SVG.
        summary: what the drawing shows, for those who can't see it.
        height: in CSS pixels.
    """
    try:
        import matplotlib.style
        from matplotlib.figure import Figure
    except ImportError:
        return f'<p class="note">{escape(_MISSING.format(summary))}</p>'
    file = io.StringIO()
    # The browser chooses the font: glyphs that Matplotlib's own lacks are no reason to warn.
    with matplotlib.style.context(["default", _STYLE]), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        figure = Figure(figsize=(WIDTH / 72, height / 72), layout="constrained")
        axes = figure.add_subplot()
        draw(axes)
        _thin_out(axes)
        for artist in figure.findobj():
            artist.set_clip_on(False)  # a clip path would need ids, which must be unique in a page
        figure.savefig(file, format="svg", metadata={"Date": None})
    return _inline(file.getvalue(), summary, height)


def _thin_out(axes: Any) -> None:
    """Few enough numbers below the x axis not to meet: Matplotlib reckons with three digits."""
    axis = axes.xaxis
    if axes.get_xscale() != "linear" or not axis.get_ticklabels():
        return
    for most in range(6, 0, -1):
        axis.get_major_locator().set_params(nbins=most)
        labels = axis.get_major_formatter().format_ticks(axis.get_majorticklocs())
        if sum(len(label) + 2 for label in labels) * _DIGIT <= WIDTH:
            return


def tagged(artist: Any, name: str) -> None:
    """Give what was drawn a class in the SVG."""
    artist.set_gid(f"class-{name}")


def _with_shapes(body: str) -> str:
    """With the shapes of markers where they are used: definitions would need ids, which must be unique in a page."""
    shapes = dict(_SHAPE.findall(body))

    def placed(use: re.Match[str]) -> str:
        name, x, y, style = use.groups()
        return f'<path d="{shapes[name]}" transform="translate({x} {y})" style="{style}"/>'

    return _USE.sub(placed, re.sub(r"<defs>.*?</defs>", "", body, flags=re.DOTALL))


def _inline(svg: str, summary: str, height: int) -> str:
    body = svg[svg.index(">", svg.index("<svg")) + 1 :]
    body = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", body, flags=re.DOTALL)
    body = _with_shapes(body)
    body = re.sub(r' id="class-([\w-]+)"', r' class="\1"', body)
    body = re.sub(r' id="[^"]*"', "", body)
    body = re.sub(r">\s+<", "><", _FAMILY.sub(r"\1system-ui, sans-serif", body))
    for color, name in _VARIABLES.items():
        body = body.replace(color, f"var(--{name})")
    label = escape(summary)
    head = f'<svg viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" role="img" aria-label="{label}"><title>{label}</title>'
    return head + body.strip()
