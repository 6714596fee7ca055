"""Arrays as pictures: color maps that everyone can read, contact sheets, PNG files and data URIs.

Magnitudes use viridis, which is perceptually uniform and readable without red-green vision; signed values use a map
from blue over white to orange whose zero is neutral. Images are uint8 RGB, or RGBA where gaps let the page's ground
through.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from html import escape

import numpy as np

from edgecnn.runtime.opencv import opencv

_NEGATIVE, _NEUTRAL, _POSITIVE = (0, 90, 160), (247, 247, 247), (184, 92, 0)
GAP = 2


def viridis(values: np.ndarray, low: float | None = None, high: float | None = None) -> np.ndarray:
    """Magnitudes (height, width) as RGB; the darkest color is `low`, the brightest `high` (by default the "
    "extremes)."""
    cv2 = opencv()
    low = float(values.min()) if low is None else low
    high = float(values.max()) if high is None else high
    levels = np.clip((values - low) / ((high - low) or 1.0), 0, 1)
    colored: np.ndarray = cv2.applyColorMap((levels * 255).astype(np.uint8), cv2.COLORMAP_VIRIDIS)
    return colored[:, :, ::-1]


def signed(values: np.ndarray, limit: float | None = None) -> np.ndarray:
    """Values (height, width) around zero as RGB: blue below, orange above; `limit` has the full color."""
    limit = limit or float(np.abs(values).max()) or 1.0
    share = np.clip(values / limit, -1, 1)[:, :, np.newaxis]
    negative, neutral, positive = (np.array(color, float) for color in (_NEGATIVE, _NEUTRAL, _POSITIVE))
    colored = np.where(share < 0, neutral + (negative - neutral) * -share, neutral + (positive - neutral) * share)
    return colored.round().astype(np.uint8)


def scaled(picture: np.ndarray, height: int, width: int, smooth: bool = False) -> np.ndarray:
    """Resize, by repeating pixels unless `smooth`."""
    cv2 = opencv()
    method = cv2.INTER_CUBIC if smooth else cv2.INTER_NEAREST
    resized: np.ndarray = cv2.resize(np.ascontiguousarray(picture), (width, height), interpolation=method)
    return resized


def over(picture: np.ndarray, heat: np.ndarray, opacity: float = 0.6) -> np.ndarray:
    """A heat map (any size, 0..1) in viridis over a gray version of an RGB image."""
    height, width = picture.shape[:2]
    levels = np.clip(scaled(heat.astype(np.float32), height, width, smooth=True), 0, 1)
    gray = picture.mean(axis=2, keepdims=True).repeat(3, axis=2)
    mixed = gray * (1 - opacity) + viridis(levels, 0, 1) * opacity
    return mixed.round().astype(np.uint8)


def sheet(tiles: Sequence[np.ndarray], columns: int) -> np.ndarray:
    """Tiles of one size (height, width, 3) side by side, RGBA with transparent gaps."""
    height, width = tiles[0].shape[:2]
    rows = math.ceil(len(tiles) / columns)
    whole = np.zeros((rows * (height + GAP) - GAP, columns * (width + GAP) - GAP, 4), np.uint8)
    for index, tile in enumerate(tiles):
        top, left = index // columns * (height + GAP), index % columns * (width + GAP)
        whole[top : top + height, left : left + width, :3] = tile
        whole[top : top + height, left : left + width, 3] = 255
    return whole


def png(picture: np.ndarray) -> bytes:
    """A PNG file of an RGB or RGBA image."""
    cv2 = opencv()
    code = cv2.COLOR_RGBA2BGRA if picture.shape[2] == 4 else cv2.COLOR_RGB2BGR
    _, data = cv2.imencode(".png", cv2.cvtColor(np.ascontiguousarray(picture), code))
    return bytes(data)


def image(picture: np.ndarray, description: str, *, pixelated: bool = False, width: str = "100%") -> str:
    """An `<img>` with the image inside; `description` is for those who can't see it."""
    style = f"width:{width};max-width:100%;display:block;aspect-ratio:auto;object-fit:contain;" + (
        "image-rendering:pixelated;" if pixelated else ""
    )
    data = base64.b64encode(png(picture)).decode()
    return f'<img src="data:image/png;base64,{data}" alt="{escape(description)}" style="{style}">'


def gallery(items: Sequence[tuple[str, str, str]], minimum: str = "11rem") -> str:
    """Images in a grid: (`<img>`, caption, detail); captions are plain text."""
    cells = "".join(
        f"<li>{picture}<div>{escape(caption)}<small>{escape(detail)}</small></div></li>"
        for picture, caption, detail in items
    )
    columns = f"grid-template-columns:repeat(auto-fill,minmax(min({minimum},100%),1fr))"
    return f'<ul class="pictures" style="{columns}">{cells}</ul>'


def scale_bar(low: str, high: str) -> str:
    """A legend for viridis, with the words at both ends."""
    ramp = viridis(np.linspace(0, 1, 128)[np.newaxis, :].repeat(8, axis=0))
    return (
        '<p class="note" style="display:flex;gap:.6em;align-items:center">'
        f"{escape(low)} {image(ramp, 'color scale', width='8rem')} {escape(high)}</p>"
    )
