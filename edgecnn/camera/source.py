"""Frame sources: their protocol, and the choice of one by its address."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from edgecnn.core.errors import UsageError
from edgecnn.core.registry import CAMERA_SOURCES


@dataclass(frozen=True)
class Wish:
    """Requested camera settings; the camera uses the nearest that it supports."""

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


class FrameSource(Protocol):
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


class SourceKind(Protocol):
    """A file of `edgecnn/camera/sources/`.

    Attributes:
        EXAMPLE: how its addresses look, for help and error messages.
    """

    EXAMPLE: str

    def matches(self, address: str) -> bool:
        """Whether this kind handles the address, without opening anything."""

    def open_source(self, address: str, wish: Wish) -> FrameSource:
        """Open it.

        Raises:
            CameraError: it can't be opened; the message says why and what to do.
        """


def open_source(address: str, wish: Wish) -> FrameSource:
    """Open the source that an address names.

    Raises:
        UsageError: no kind of source knows such an address.
        CameraError: the source can't be opened; the message says why and what to do.
    """
    for kind in _kinds():
        if kind.matches(address):
            return kind.open_source(address, wish)
    raise UsageError(
        f"--source is {address!r}, which is not a camera, file, folder or address that exists. Expected {examples()}."
    )


def examples() -> str:
    """All kinds of addresses in one phrase."""
    found = [kind.EXAMPLE for kind in _kinds()]
    return ", ".join(found[:-1]) + " or " + found[-1]


def _kinds() -> list[SourceKind]:
    return [CAMERA_SOURCES.plugin(name, SourceKind) for name in CAMERA_SOURCES.names()]


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
