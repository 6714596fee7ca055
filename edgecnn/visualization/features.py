"""Feature maps: what each channel of a layer answers, place by place."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgecnn.core.errors import UsageError
from edgecnn.html import images
from edgecnn.inspection.analysis import LayerReport
from edgecnn.inspection.effective import stage_ends
from edgecnn.inspection.view import field_size, shape
from edgecnn.runtime.opencv import opencv
from edgecnn.visualization.panel import Drawing, Panel
from edgecnn.visualization.subject import Subject

COLUMNS, MOST = 8, 24
_TILE = 72


def chosen_layers(subject: Subject, names: Sequence[str]) -> list[LayerReport]:
    """The layers that were named, or the last one of every map size.

    Raises:
        UsageError: a name is no layer's, or the model has no feature map.
    """
    rows = [subject.layer(name) for name in names] if names else stage_ends(subject.report)
    if not rows:
        raise UsageError(
            f"{subject.name} has no feature map to draw; expected a layer with an output of shape (batch, height, "
            "width, channels)."
        )
    return rows


def panel(subject: Subject, fitted: np.ndarray, rows: Sequence[LayerReport], most: int = MOST) -> Panel:
    """A contact sheet per layer, the strongest channels first."""
    drawings, values = [], {}
    for row, maps in zip(rows, subject.maps(fitted, rows)):
        order = strongest(maps)
        name = row.layer.name
        alive = int((np.abs(maps).max(axis=(0, 1)) > 0).sum())
        detail = (
            f"receptive field {field_size(row.reach)} px, {alive} of {maps.shape[2]} channels are active; shown: "
            f"{_list(order[:most])}"
        )
        drawings.append(
            Drawing(f"features_{name}", contact_sheet(maps, order[:most]), f"{name}: {shape(row.output_shape)}", detail)
        )
        values[name] = {"channels": order.tolist(), "answering": alive}
    note = (
        "Each tile is one channel, scaled by itself: dark where the channel is inactive, bright where its "
        "activation is highest. Early layers keep the image's outlines; late layers encode what is in the image "
        "rather than where it is."
    )
    return Panel("features", "Feature maps", drawings, note, images.scale_bar("least", "most"), values, "100%")


def strongest(maps: np.ndarray) -> np.ndarray:
    """Channels by mean absolute answer, largest first, shape (channels,)."""
    return np.argsort(-np.abs(maps).mean(axis=(0, 1)), kind="stable")


def contact_sheet(maps: np.ndarray, order: Sequence[int] | np.ndarray) -> np.ndarray:
    """Channels of (height, width, channels) side by side, RGBA."""
    return images.sheet([tile(maps[:, :, channel]) for channel in order], COLUMNS)


def tile(channel: np.ndarray, low: float | None = None, high: float | None = None, side: int = _TILE) -> np.ndarray:
    """One channel in viridis, (side, side * width / height) pixels."""
    width = max(1, round(side * channel.shape[1] / channel.shape[0]))
    if channel.shape[0] > side:
        cv2 = opencv()
        channel = cv2.resize(channel.astype(np.float32), (width, side), interpolation=cv2.INTER_AREA)
    return images.scaled(images.viridis(channel, low, high), side, width)


def _list(order: np.ndarray) -> str:
    return ", ".join(str(channel) for channel in order)
