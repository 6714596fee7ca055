"""Pieces of Markdown, and drawings as SVG files that follow the reader's light or dark theme."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

IMAGES = Path(__file__).parents[2] / "docs" / "images"
_STYLE = """<style>
svg{--ink:#1a1d21;--faint:#5d6570;--line:#d9dde3;--blue:#0072b2;--orange:#b85c00;--green:#00795a;--plum:#9b4f82}
@media(prefers-color-scheme:dark){svg{--ink:#e8eaed;--faint:#a0a8b3;--line:#343a41;
--blue:#56b4e9;--orange:#e69f00;--green:#2fbf95;--plum:#cc79a7}}
</style>"""


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; columns whose cells all begin with a digit are right-aligned."""
    numeric = [
        all(not row[index] or row[index][0] in "0123456789+-<*" for row in rows) for index in range(len(columns))
    ]
    marks = ["--:" if number and index else "---" for index, number in enumerate(numeric)]
    lines = ["| " + " | ".join(cells) + " |" for cells in (columns, marks, *rows)]
    return "\n".join(lines)


def command(*lines: str) -> str:
    """What the reader can run."""
    return "## Try it\n\n```\n" + "\n".join(lines) + "\n```"


def standalone(svg: str) -> str:
    """An inline SVG of `edgecnn.html.charts` as a file of its own."""
    if not svg.startswith("<svg"):
        raise RuntimeError(svg)  # without Matplotlib it is a note
    head, rest = svg.split(">", 1)
    return f'{head} xmlns="http://www.w3.org/2000/svg">{_STYLE}{rest}\n'


def figure(name: str, description: str) -> str:
    """A drawing beside the page."""
    return f"![{description}](images/{name})"


def save_picture(name: str, picture: Any) -> None:
    """An image that a page's `measure` draws: uint8 RGB, or RGBA whose transparent gaps become gray; a .jpg."""
    from edgecnn.core.files import write_bytes
    from edgecnn.runtime.run.preprocess import opencv

    cv2 = opencv()
    opaque = picture[:, :, :3]
    if picture.shape[2] == 4:
        opaque = np.where(picture[:, :, 3:] > 0, opaque, 128).astype(np.uint8)
    _, data = cv2.imencode(".jpg", np.ascontiguousarray(opaque[:, :, ::-1]), [cv2.IMWRITE_JPEG_QUALITY, 85])
    write_bytes(IMAGES / name, bytes(data))
