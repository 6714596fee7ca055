"""Where the answer comes from: Grad-CAM, and occlusion."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgecnn.core.errors import ModelFileError, UsageError
from edgecnn.html import images
from edgecnn.visualization.panel import Drawing, Panel
from edgecnn.visualization.subject import Subject
from edgecnn.visualization.surest_box import surest_box


def grad_cam(subject: Subject, fitted: np.ndarray, classes: list[int], layer: str | None = None) -> Panel:
    """Grad-CAM for each class, over the last feature map or a layer that is named; of a detector what supports the
    surest box of each class, over a map that has some cells across it.
    """
    row = subject.layer(layer) if layer else subject.report.last_map
    title = "Grad-CAM: what supports the class"
    if row is None:
        return Panel("gradcam", title, missing="The model has no feature map, so there is nothing to draw.")
    picture = subject.shown(fitted)
    has_boxes = subject.task.device.followed and subject.report.network.source == "keras"  # others have no gradients
    drawings = []
    try:
        for index in classes:
            box = surest_box(subject, fitted, index) if has_boxes else None
            row = box.row if box and not layer else row
            heat = subject.class_activation(fitted, index, row)
            scaled = heat / (heat.max() or 1.0)
            drawn = images.over(picture, scaled)
            where = _peak(scaled) if box is None else f"score {box.score:.0%}; {row.layer.name}, {_peak(scaled)}"
            caption = subject.contract.label(index)
            drawings.append(Drawing(f"gradcam_{index}", box.on(drawn) if box else drawn, caption, where))
    except (UsageError, ModelFileError) as error:
        return Panel("gradcam", title, missing=str(error))
    size = f"{row.layer.name} ({row.output_shape[1]} x {row.output_shape[2]})"
    weighed = f"The channels of {size}, weighted by how much each raises the class's score (Selvaraju et al. 2017)"
    if has_boxes:
        weighed = (
            "The values of a feature map, each weighted by how much it raises the score of this box, the surest of its "
            "class (Zhao and Chan 2023)"
        )
    note = f"{weighed}, over the image in gray. Bright places support the class. The map is coarse and drawn smoothly."
    return Panel("gradcam", title, drawings, note, images.scale_bar("nothing", "most"), width="17rem")


def _peak(heat: np.ndarray) -> str:
    row, column = np.unravel_index(int(heat.argmax()), heat.shape)
    if heat.max() <= 0:
        return "no place on the map supports the class"
    return f"strongest at row {row + 1} of {heat.shape[0]}, column {column + 1} of {heat.shape[1]}"


def occlusion(subject: Subject, fitted: np.ndarray, index: int, parts: int = 7) -> Panel:
    """How much the class's probability falls while a gray square hides one place after the other."""
    drops, base = occlusion_map(subject, fitted, index, parts)
    peak = float(drops.max())
    heat = np.clip(drops, 0, None) / (peak if peak > 0 else 1.0)
    label = subject.contract.label(index)
    detail = f"{base:.1%} for the whole image; covering the most important square reduces it by {peak:.1%}"
    note = (
        f"A gray square of 1/{parts} of the image's side moves over the image in half steps. Bright: places whose "
        "covering reduces the class's probability most (Zeiler and Fergus 2014). This method needs no gradients, "
        "so it works for every model."
    )
    drawing = Drawing("occlusion", images.over(subject.shown(fitted), heat), label, detail)
    values: dict[str, Any] = {"class": index, "probability": base, "largest_drop": peak}
    legend = images.scale_bar("no drop", f"{max(peak, 0):.1%}")
    return Panel("occlusion", "Occlusion: what the prediction depends on", [drawing], note, legend, values, "17rem")


def occlusion_map(subject: Subject, fitted: np.ndarray, index: int, parts: int = 7) -> tuple[np.ndarray, float]:
    """Drops in probability, float (2 parts - 1, 2 parts - 1), and the probability of the whole image."""
    height, width = fitted.shape[:2]
    places = 2 * parts - 1
    tops = np.linspace(0, height - height // parts, places).round().astype(int)
    lefts = np.linspace(0, width - width // parts, places).round().astype(int)
    gray = np.asarray(subject.contract.preprocessing.mean).clip(0, 255).astype(np.uint8)
    hidden = np.repeat(fitted[np.newaxis], places, axis=0)  # a row of places at a time: images may be large
    base = float(subject.probabilities(fitted[np.newaxis])[0, index])
    rows = []
    for top in tops:
        hidden[:] = fitted
        for number, left in enumerate(lefts):
            hidden[number, top : top + height // parts, left : left + width // parts] = gray
        rows.append(base - subject.probabilities(hidden)[:, index])
    return np.stack(rows), base
