"""RTSP and other network streams, through FFmpeg."""

from __future__ import annotations

import contextlib
import os
import urllib.parse
from collections.abc import Iterator

from edgecnn.camera.opencv_capture import LiveCapture, open_capture
from edgecnn.camera.source import Shot, Wish
from edgecnn.core.errors import CameraError, UsageError

EXAMPLE = "an RTSP address"
_SCHEMES = ("rtsp", "rtsps", "rtmp", "rtp", "udp", "tcp", "srt")
_TIMEOUT_MS = 5000
_OPTIONS = "OPENCV_FFMPEG_CAPTURE_OPTIONS"


class NetworkStream(LiveCapture):
    """A stream that FFmpeg reads, with as little buffering as it can do."""

    def read(self) -> Shot:
        """The next frame."""
        picture, arrived_at = self.grab(stamped=False)
        return Shot(picture, arrived_at)


def matches(address: str) -> bool:
    """Whether the address is one of FFmpeg's live protocols."""
    return address.partition("://")[0] in _SCHEMES and "://" in address


def open_source(address: str, wish: Wish) -> NetworkStream:
    """Connect within 5 s."""
    name = host_name(address)
    settings = {"OPEN_TIMEOUT_MSEC": _TIMEOUT_MS, "READ_TIMEOUT_MSEC": _TIMEOUT_MS}
    with _low_delay():
        capture = open_capture(address, "FFMPEG", settings)
    if capture is None:
        raise CameraError(
            f"{name} sends no video that FFmpeg can read. Check the address, and the user name and password in it, "
            "with: ffplay ADDRESS"
        )
    return NetworkStream(capture, name, wish.fps)


def host_name(address: str) -> str:
    """The host of an address, for people: without the user name and the password.

    Raises:
        UsageError: there is no such address.
    """
    try:
        return urllib.parse.urlsplit(address).hostname or address
    except ValueError as error:
        raise UsageError(
            f"--source is {address!r}: {error}. Expected an address such as http://192.168.1.20:8080/video."
        ) from error


@contextlib.contextmanager
def _low_delay() -> Iterator[None]:
    """OpenCV takes FFmpeg's options from the environment only. Files must not see these: they would lose frames."""
    if _OPTIONS in os.environ:  # the user knows better
        yield
        return
    os.environ[_OPTIONS] = "fflags;nobuffer|flags;low_delay"
    try:
        yield
    finally:
        del os.environ[_OPTIONS]
