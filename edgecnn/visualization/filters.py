"""The first layer's filters as pictures: they look at colors directly, so they can be seen."""

from __future__ import annotations

import numpy as np

from edgecnn.html import images
from edgecnn.visualization.panel import Drawing, Panel
from edgecnn.visualization.subject import Subject

_MOST = 96
_TILE = 36


def panel(subject: Subject) -> Panel:
    """All filters, strongest first."""
    name, kernel = subject.first_kernel()
    order = np.argsort(-np.sqrt((kernel**2).sum(axis=(0, 1, 2))), kind="stable")[:_MOST]
    color = kernel.shape[2] == 3
    tiles = [filter_picture(kernel[:, :, :, index], subject.contract.preprocessing.color) for index in order]
    scale = max(1, _TILE // kernel.shape[0])
    tiles = [images.scaled(tile, tile.shape[0] * scale, tile.shape[1] * scale) for tile in tiles]
    shape = f"{kernel.shape[0]} x {kernel.shape[1]} x {kernel.shape[2]}"
    caption = f"{name}: {len(order)} of {kernel.shape[3]} filters of {shape}"
    ground = "gray is a weight of zero" if color else "blue below zero, orange above"
    note = (
        f"Largest weights first, each filter scaled by its largest weight; {ground}. Stripes respond to edges of "
        "that direction, blobs of color to that color; a filter of one color everywhere only weights the "
        "channels."
    )
    drawing = Drawing("filters", images.sheet(tiles, 16), caption, f"order: {_numbers(order)}", pixelated=True)
    return Panel("filters", "First-layer filters", [drawing], note, values={"order": order.tolist()}, width="100%")


def filter_picture(weights: np.ndarray, color: str = "rgb") -> np.ndarray:
    """A filter (height, width, channels) as RGB: as colors if it has three channels, else its channels' sum, "
    "signed."""
    if weights.shape[2] != 3:
        return images.signed(weights.sum(axis=2))
    ordered = weights[:, :, ::-1] if color == "bgr" else weights
    limit = float(np.abs(weights).max()) or 1.0
    return (127.5 + 127.5 * ordered / limit).round().astype(np.uint8)


def _numbers(order: np.ndarray) -> str:
    shown = ", ".join(str(index) for index in order[:16])
    return shown + (", ..." if len(order) > 16 else "")
