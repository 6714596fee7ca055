"""What all frame sources share."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True)
class Wish:
    """What the user would like of a camera; it gives the nearest that it can."""

    width: int = 640
    height: int = 480
    fps: float = 30.0


@dataclass(frozen=True)
class Shot:
    """What a source gives: uint8 (height, width, 3), its channel order, and when it was taken (monotonic seconds)."""

    picture: np.ndarray
    exposed_at: float
    order: str = "bgr"
    name: str = ""


class Source(Protocol):
    """An open source, read by one thread only.

    Attributes:
        name: for people.
        live: frames that nobody reads are lost (a camera); otherwise they are stored and can be read at any speed.
        fps: nominal frames per second.
    """

    name: str
    live: bool
    fps: float

    def read(self) -> Shot:
        """Wait for the next frame.

        Raises:
            SourceEnded: there are no more.
            SourceLost: the camera or the connection is gone; opening it again may help.
            CorruptFrame: this frame can't be decoded; the next one may be sound.
        """

    def close(self) -> None:
        """Release the camera or file."""


class SourceEnded(Exception):  # noqa: N818 - an event, not an error
    """The last frame was read."""


class SourceLost(Exception):  # noqa: N818
    """The camera was unplugged or the connection broke."""


class CorruptFrame(Exception):  # noqa: N818
    """One frame can't be decoded."""


def plausible_time(stamp_s: float) -> float:
    """A driver's monotonic time stamp where it makes sense (taken within the last second), otherwise now."""
    now = time.monotonic()
    return stamp_s if 0 <= now - stamp_s < 1 else now
