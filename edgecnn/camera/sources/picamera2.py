"""Raspberry Pi ribbon cameras, through Picamera2 and libcamera."""

from __future__ import annotations

import re
from typing import Any

from edgecnn.camera.source import Shot, SourceLost, Wish, plausible_time
from edgecnn.core.errors import CameraError

EXAMPLE = "picamera2 (a Raspberry Pi's ribbon camera; picamera2:1 is the second)"
_ADDRESS = re.compile(r"picamera2?(?::(\d+))?")
_INSTALL = (
    "Install it with: sudo apt install python3-picamera2. A virtual environment sees it only if it was created "
    "with python3 -m venv --system-site-packages."
)


class PiCamera:
    """A camera behind libcamera; the sensor's own time stamp says when a frame was taken."""

    live = True

    def __init__(self, camera: Any, name: str, fps: float) -> None:
        self._camera = camera
        self.name = name
        self.fps = fps

    def read(self) -> Shot:
        """The next frame."""
        try:
            request = self._camera.capture_request()
        except RuntimeError as error:
            raise SourceLost(f"{self.name}: {error}") from error
        try:
            picture = request.make_array("main")
            stamp_ns = request.get_metadata().get("SensorTimestamp", 0)
        finally:
            request.release()
        return Shot(picture, plausible_time(stamp_ns / 1e9))

    def close(self) -> None:
        """Release the camera."""
        self._camera.stop()
        self._camera.close()


def matches(address: str) -> bool:
    """Whether the address is `picamera2` or `picamera2:N`."""
    return bool(_ADDRESS.fullmatch(address))


def cameras() -> list[str]:
    """Models of the ribbon cameras that libcamera sees.

    Raises:
        CameraError: Picamera2 is not installed.
    """
    return [str(info.get("Model", "camera")) for info in _picamera2().Picamera2.global_camera_info()]


def open_source(address: str, wish: Wish) -> PiCamera:
    """Open a ribbon camera. What libcamera calls RGB888 lies in memory as blue, green, red."""
    match = _ADDRESS.fullmatch(address)
    number = int(match.group(1) or 0) if match else 0
    found = cameras()
    if number >= len(found):
        seen = f"libcamera finds: {', '.join(found)}" if found else "libcamera finds none"
        raise CameraError(
            f"There is no ribbon camera {number}; {seen}. Check the cable, then: rpicam-hello --list-cameras."
        )
    try:
        camera = _picamera2().Picamera2(number)
        main = {"size": (wish.width, wish.height), "format": "RGB888"}
        camera.configure(camera.create_video_configuration(main=main, controls={"FrameRate": wish.fps}))
        camera.start()
    except (RuntimeError, IndexError) as error:
        raise CameraError(
            f"The ribbon camera {found[number]} can't be started: {error}. Stop other programs that may use it."
        ) from error
    return PiCamera(camera, f"{found[number]} (Picamera2)", wish.fps)


def _picamera2() -> Any:
    try:
        import picamera2
    except ImportError as error:
        raise CameraError(f"Picamera2 is not installed ({error}). {_INSTALL}") from error
    return picamera2
