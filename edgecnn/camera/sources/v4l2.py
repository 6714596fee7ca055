"""USB cameras and everything else that Linux shows as /dev/videoN; a numbered camera of macOS or Windows."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from edgecnn.camera.opencv_capture import LiveCapture, open_capture
from edgecnn.camera.source import Shot, Wish
from edgecnn.core.errors import CameraError
from edgecnn.runtime.opencv import opencv

_BACKENDS = {"win32": "MSMF", "darwin": "AVFOUNDATION"}
EXAMPLE = "a camera number (0) or /dev/video0"
_ADDRESS = re.compile(r"(?:/dev/video)?(\d+)")


class V4L2Camera(LiveCapture):
    """A camera behind Video4Linux; the driver's own time stamp says when a frame was taken."""

    def read(self) -> Shot:
        """The next frame."""
        picture, exposed_at = self.grab(stamped=True)
        return Shot(picture, exposed_at)


class UnstampedCamera(LiveCapture):
    """A camera whose driver tells no time: a frame was taken when it came."""

    def read(self) -> Shot:
        """The next frame."""
        picture, came_at = self.grab(stamped=False)
        return Shot(picture, came_at)


def matches(address: str) -> bool:
    """Whether the address is a camera number or /dev/videoN."""
    return bool(_ADDRESS.fullmatch(address))


def open_source(address: str, wish: Wish) -> V4L2Camera | UnstampedCamera:
    """Open a camera with Motion-JPEG, which USB cameras need for 30 fps, in the requested size or the nearest."""
    match = _ADDRESS.fullmatch(address)
    if sys.platform != "linux":
        return _open_elsewhere(address, wish)
    path = Path(f"/dev/video{match.group(1) if match else address}")
    if not path.exists():
        raise CameraError(f"There is no camera {path}. {_present()} Try --source auto.")
    if not os.access(path, os.R_OK | os.W_OK):
        raise CameraError(
            f"This user has no permission to open {path}. Run: sudo usermod -aG video $USER, and log in again."
        )
    cv2 = opencv()
    settings = {
        "FOURCC": cv2.VideoWriter.fourcc(*"MJPG"),
        "FRAME_WIDTH": wish.width,
        "FRAME_HEIGHT": wish.height,
        "FPS": wish.fps,
    }
    capture = open_capture(str(path), "V4L2", settings)
    if capture is None:
        raise CameraError(
            f"{path} can't be opened. Either another program uses it (see: fuser -v {path}), or it is not a "
            "camera but a decoder or the raw side of a ribbon camera; for a Raspberry Pi's ribbon camera use "
            "--source picamera2."
        )
    return V4L2Camera(capture, str(path), wish.fps)


def _open_elsewhere(address: str, wish: Wish) -> LiveCapture:
    """The camera of that number, as macOS (AVFoundation) or Windows (Media Foundation) counts them."""
    settings = {"FRAME_WIDTH": wish.width, "FRAME_HEIGHT": wish.height, "FPS": wish.fps}
    capture = open_capture(int(address), _BACKENDS.get(sys.platform, "ANY"), settings) if address.isdigit() else None
    if capture is None:
        raise CameraError(
            f"There is no camera {address}, or this program may not use it: allow it in the system's privacy settings. "
            "Expected a number, 0 for the first."
        )
    return UnstampedCamera(capture, f"camera {address}", wish.fps)


def _present() -> str:
    found = sorted(str(path) for path in Path("/dev").glob("video*"))
    return f"Present: {', '.join(found)}." if found else "There is no /dev/video* at all."
