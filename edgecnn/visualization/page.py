"""All panels as one self-contained page, or as PNG files in a folder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.core import files
from edgecnn.html import charts, images
from edgecnn.html.page import Section, chart, page, paragraph
from edgecnn.visualization.panel import Drawing, Panel
from edgecnn.visualization.subject import Subject


def write(output: str | Path, subject: Subject, fitted: np.ndarray, name: str, panels: Sequence[Panel]) -> list[str]:
    """Write a page (a name that ends with .html) or PNG files with a `values.json` (any other name, a folder).

    Returns:
        The files' names.
    """
    path = Path(output)
    if path.suffix == ".html":
        files.write_text(path, html(subject, fitted, name, panels))
        return [str(path)]
    written = []
    picture = Drawing("input", subject.shown(fitted), name)
    for drawing in [picture, *(drawing for panel in panels for drawing in panel.drawings)]:
        target = path / (re.sub(r"[^\w.-]+", "_", drawing.name) + ".png")
        files.write_bytes(target, images.png(drawing.picture))
        written.append(str(target))
    files.write_json(path / "values.json", values(subject, fitted, name, panels))
    return [*written, str(path / "values.json")]


def values(subject: Subject, fitted: np.ndarray, name: str, panels: Sequence[Panel]) -> dict[str, Any]:
    """What was measured, as JSON values."""
    answers = subject.answers(fitted)
    return {
        "model": subject.name,
        "picture": name,
        "classes": answers,
        **{panel.name: {"missing": panel.missing} if panel.missing else panel.values for panel in panels},
    }


def html(subject: Subject, fitted: np.ndarray, name: str, panels: Sequence[Panel]) -> str:
    """The page."""
    answers = subject.answers(fitted)
    drawn = _answered(subject, fitted)
    said = (
        chart(_classes(answers, subject.task.device.followed))
        if answers
        else paragraph("The model is sure of nothing in it.", "note")
    )
    top = (
        '<div style="display:flex;flex-wrap:wrap;gap:1.5rem;align-items:center;margin-top:1.5rem">'
        f'<div style="width:14rem">{images.image(drawn, f"{name}, as the model receives it")}</div>'
        f'<div style="flex:1 1 18rem">{said}</div></div>'
    )
    sections = [Section(panel.title, _panel(panel)) for panel in panels]
    size = "x".join(str(side) for side in fitted.shape[:2])
    return page(
        f"{subject.name}: {name}",
        f"What the model sees in the image, which has {size} pixels after preprocessing.",
        sections,
        top=top,
    )


def _answered(subject: Subject, fitted: np.ndarray) -> np.ndarray:
    """A fitted image as RGB, with the answers that have a place in it."""
    found = subject.task.compared(subject.outputs(fitted[np.newaxis])[0], subject.contract)
    blue_first = np.ascontiguousarray(subject.shown(fitted)[:, :, ::-1])
    return subject.task.drawn(blue_first, [found], subject.contract)[:, :, ::-1]


def _classes(answers: Sequence[dict[str, Any]], boxes: bool) -> str:
    items = [(answer["label"], 100 * answer["probability"], f"{answer['probability']:.1%}") for answer in answers]
    axis, summary = ("score", "surest boxes") if boxes else ("probability", "most probable classes")
    return charts.bars(items, f"{axis} in percent", summary=f"The {len(items)} {summary}", limit=100)


def _panel(panel: Panel) -> str:
    note = "".join(paragraph(text, "note") for text in (panel.note, panel.missing) if text)
    items = [
        (
            images.image(drawing.picture, f"{panel.title}: {drawing.caption}", pixelated=drawing.pixelated),
            drawing.caption,
            drawing.detail,
        )
        for drawing in panel.drawings
    ]
    return note + (images.gallery(items, panel.width) if items else "") + panel.html
