"""Finds the camera, or says what it looked for and how to enable one."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

from edgecnn.camera.source import FrameSource, Wish
from edgecnn.camera.sources import picamera2, v4l2
from edgecnn.core.errors import CameraError
from edgecnn.runtime.portable import cameras

EXAMPLE = "auto"
_VIDEO_CAPTURE = 0x1
_MEMORY_TO_MEMORY = 0x8000 | 0x4000
_DEVICE_CAPS = 0x80000000


def matches(address: str) -> bool:
    """Whether the address is `auto`."""
    return address == "auto"


def open_source(address: str, wish: Wish) -> FrameSource:
    """The first ribbon camera, otherwise the first USB camera that opens."""
    if sys.platform != "linux":
        return v4l2.open_source("0", wish)
    looked: list[str] = []
    try:
        if picamera2.cameras():
            return picamera2.open_source("picamera2", wish)
        looked.append(
            "Ribbon camera: Picamera2 is installed, but libcamera finds no camera (check with rpicam-hello "
            "--list-cameras)."
        )
    except CameraError as error:
        looked.append(f"Ribbon camera: {error}")
    for path in sorted(Path("/dev").glob("video*"), key=lambda path: (len(path.name), path.name)):
        try:
            if is_camera(path):
                return v4l2.open_source(str(path), wish)
            looked.append(f"{path}: not a camera (a decoder, or camera metadata).")
        except CameraError as error:
            looked.append(str(error))
    if not list(Path("/dev").glob("video*")):
        looked.append(
            "USB camera: there is no /dev/video*. Plug one in (lsusb lists it); in a container add --device "
            "/dev/video0."
        )
    raise CameraError(
        "No camera was found.\n  "
        + "\n  ".join(looked)
        + "\nOr name a source: --source FILE, FOLDER or http://ADDRESS."
    )


def is_camera(path: Path) -> bool:
    """Whether the driver says that this device captures video (a Pi has a dozen that don't).

    Raises:
        CameraError: this user may not ask it.
    """
    try:
        found = cameras.capability(path)
    except PermissionError as error:
        raise CameraError(
            f"This user has no permission to open {path}. Run: sudo usermod -aG video $USER, and log in again."
        ) from error
    return found is not None and captures_video(found)


def captures_video(capability: bytes) -> bool:
    """Read a struct v4l2_capability: driver[16], card[32], bus_info[32], version, capabilities, device_caps."""
    capabilities, device_caps = struct.unpack_from("=II", capability, 84)
    flags = device_caps if capabilities & _DEVICE_CAPS else capabilities
    return bool(flags & _VIDEO_CAPTURE) and not flags & _MEMORY_TO_MEMORY
