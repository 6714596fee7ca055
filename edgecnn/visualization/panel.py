"""A drawing and a panel of drawings, before they become a page or PNG files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Drawing:
    """One image.

    Attributes:
        name: short, for a file name.
        picture: uint8 RGB or RGBA.
        caption: what it is.
        detail: more about it.
        pixelated: show its pixels as squares rather than smoothing them.
    """

    name: str
    picture: np.ndarray
    caption: str
    detail: str = ""
    pixelated: bool = False


@dataclass(frozen=True)
class Panel:
    """One part of the page.

    Attributes:
        name: short, for `--only` and file names.
        title: heading.
        drawings: images in order.
        note: what one sees, for someone who sees it for the first time.
        html: charts and tables after the images.
        values: what was measured, as JSON values.
        width: CSS width that a drawing wants at least.
        missing: why there is nothing to see; empty where there is.
    """

    name: str
    title: str
    drawings: Sequence[Drawing] = ()
    note: str = ""
    html: str = ""
    values: dict[str, Any] = field(default_factory=dict)
    width: str = "11rem"
    missing: str = ""
