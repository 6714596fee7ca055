""" "This is wrong, it is ...": what a person says of the demo's image, for a folder of labeled images."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from edgecnn.camera.broadcast import encode

_QUALITY = 95
_MOST_BYTES = 700_000  # of a JPEG that travels in a line of JSON


class Corrections(Protocol):
    """Where they go; called by threads of the page."""

    def classes(self) -> list[str]:
        """Those that are there already."""

    def keep(self, label: str, picture: np.ndarray, said: str) -> str:
        """Store an image, uint8 (height, width, 3), blue-green-red; returns a sentence for the person.

        Args:
            label: what it is.
            picture: the image.
            said: what the model said.

        Raises:
            UsageError: the label can't be a class.
            EdgecnnError: it can't be stored.
        """


class SentHome:
    """Those of a demo on a board: they are told to whoever started it, who stores them.

    Args:
        tell: writes an event, by its values.
    """

    def __init__(self, tell: Callable[..., Any]) -> None:
        self._tell = tell

    def classes(self) -> list[str]:
        """Only the other side knows."""
        return []

    def keep(self, label: str, picture: np.ndarray, said: str) -> str:
        """Send an image home, in full size unless it is too large for one message."""
        jpeg = encode(picture, "bgr", _QUALITY, most_side=None)
        if len(jpeg) > _MOST_BYTES:
            jpeg = encode(picture, "bgr", _QUALITY)
        self._tell(correction={"label": label, "said": said, "jpeg": base64.b64encode(jpeg).decode()})
        return f"Sent as {label}."
