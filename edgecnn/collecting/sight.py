"""What is seen of an image while it is collected: whether it is sharp and light, how it looks, where it was taken."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgecnn.data.survey import THUMBNAIL, Look
from edgecnn.runtime.opencv import opencv

BLURRED_BELOW = 40.0
DARK_BELOW = 45.0
_SIDE = 480  # pixels to which the longer side is reduced, so that sharpness means the same for every camera
_RING = 3  # cells of the thumbnail that are background: the subject is in the middle
_SAME_SETTING = 18.0  # levels of 255: photographs that are panned by 5 % of their width to either side differ by less
_MOST_COMPARED = 128
_MOST_IN_ONE = 0.95


@dataclass(frozen=True)
class Sight:
    """One image.

    Attributes:
        look: hash and thumbnail, by which near-duplicates are found.
        sharpness: variance of the Laplacian of the gray image, whose longer side has 480 pixels (Pech-Pacheco et al.,
            ICPR 2000).
        brightness: mean gray level, 0 to 255.
    """

    look: Look
    sharpness: float
    brightness: float

    @classmethod
    def at(cls, picture: np.ndarray) -> Sight:
        """Of an image, uint8 (height, width, 3), blue-green-red."""
        cv2 = opencv()
        gray = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
        scale = _SIDE / max(gray.shape)
        if scale < 1:
            gray = cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        return cls(Look.at(picture), float(cv2.Laplacian(gray, cv2.CV_32F).var()), float(gray.mean()))

    @property
    def is_dark(self) -> bool:
        """Whether there is too little light."""
        return self.brightness < DARK_BELOW

    @property
    def is_blurred(self) -> bool:
        """Whether edges are soft; nothing is said of what is dark, or has one color only."""
        return 1.0 < self.sharpness < BLURRED_BELOW and not self.is_dark

    def to_json(self) -> dict[str, Any]:
        """JSON values."""
        thumbnail = base64.b64encode(self.look.thumbnail.tobytes()).decode()
        return {
            "size": list(self.look.size), "hash": f"{self.look.hash:016x}", "thumbnail": thumbnail,
            "sharpness": round(self.sharpness, 2), "brightness": round(self.brightness, 2),
        }  # fmt: skip

    @classmethod
    def from_json(cls, values: Any) -> Sight | None:
        """What `to_json` gave; None for anything else."""
        try:
            levels = np.frombuffer(base64.b64decode(values["thumbnail"], validate=True), np.uint8)
            height, width = (int(side) for side in values["size"])
            look = Look(
                (height, width), int(values["hash"], 16) & ((1 << 64) - 1), levels.reshape(THUMBNAIL, THUMBNAIL)
            )
            return cls(look, float(values["sharpness"]), float(values["brightness"]))
        except (KeyError, TypeError, ValueError, binascii.Error):
            return None


def have_one_setting(sights: Sequence[Sight]) -> bool:
    """Whether nearly all images have the same background: the margin of one of them is like that of the others.

    Brightness doesn't count. Of many images a sample is compared.
    """
    sample = [sights[place] for place in np.linspace(0, len(sights) - 1, min(len(sights), _MOST_COMPARED)).astype(int)]
    thumbnails = np.stack([sight.look.thumbnail for sight in sample]).astype(np.float32)
    inner = np.zeros((THUMBNAIL, THUMBNAIL), bool)
    inner[_RING:-_RING, _RING:-_RING] = True
    margins = thumbnails[:, ~inner]
    margins -= margins.mean(axis=1, keepdims=True)
    difference = np.abs(margins[:, np.newaxis] - margins).mean(axis=2)
    return bool((difference < _SAME_SETTING).mean(axis=1).max() >= _MOST_IN_ONE)
