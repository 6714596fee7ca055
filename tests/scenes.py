"""Real sources for the tests: a video that pans over photographs, and a camera that serves Motion-JPEG on loopback."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

FPS = 30
SIZE = (640, 480)
# Photographs of scikit-image with what they show; ImageNet has several names for some of it.
PHOTOS = {
    "chelsea.png": {"Egyptian cat", "Egyptian Mau", "tabby", "tabby, tabby cat", "tabby cat", "tiger cat"},
    "coffee.png": {"espresso", "cup", "coffee mug"},
    "camera.png": {"tripod"},
    "motorcycle_left.png": {"moped", "motor scooter", "motor scooter, scooter"},
}
RED, GREEN, BLUE, DARK = (0, 0, 255), (0, 255, 0), (255, 0, 0), (60, 60, 60)  # blue, green, red


def photo(name: str) -> np.ndarray:
    """A photograph, uint8 (height, width, 3) in blue-green-red."""
    import skimage

    picture: np.ndarray = cv2.imread(str(Path(skimage.__file__).parent / "data" / name))
    return picture


def pan(picture: np.ndarray, count: int) -> Iterator[np.ndarray]:
    """Frames of `SIZE` that move over an image from left to right."""
    width, height = SIZE
    scale = max(height / picture.shape[0], width * 1.1 / picture.shape[1])
    big = cv2.resize(picture, None, fx=scale, fy=scale)
    top = (big.shape[0] - height) // 2
    for step in range(count):
        left = round((big.shape[1] - width) * step / max(1, count - 1))
        yield np.ascontiguousarray(big[top : top + height, left : left + width])


def photo_frames(seconds_each: float = 1.0) -> list[np.ndarray]:
    """A walk over all photographs at 30 fps."""
    count = round(seconds_each * FPS)
    return [frame for name in PHOTOS for frame in pan(photo(name), count)]


def plain(color: tuple[int, int, int], size: tuple[int, int] = SIZE) -> np.ndarray:
    """An image of one color."""
    return np.full((size[1], size[0], 3), color, np.uint8)


def write_video(path: Path, frames: Iterable[np.ndarray], fps: float = FPS) -> Path:
    """A Motion-JPEG AVI, or what the suffix says."""
    frames = iter(frames)
    first = next(frames)
    codec = "MJPG" if path.suffix == ".avi" else "mp4v"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), fps, first.shape[1::-1])
    for frame in itertools.chain([first], frames):
        writer.write(frame)
    writer.release()
    return path


def read_video(path: Path) -> list[np.ndarray]:
    """All frames of a video."""
    capture = cv2.VideoCapture(str(path))
    frames = []
    while (answer := capture.read())[0]:
        frames.append(answer[1])
    return frames


def jpeg(frame: np.ndarray) -> bytes:
    """As a camera would send it."""
    return cv2.imencode(".jpg", frame, (cv2.IMWRITE_JPEG_QUALITY, 90))[1].tobytes()


class MjpegCamera:
    """An IP camera: sends its parts again and again, at its pace, to everyone who connects.

    Args:
        parts: what to send, JPEG files or not; None closes the connection, as when a camera loses its power.
        fps: parts per second.
        tell_length: whether parts have a Content-Length.
        once: hang up after the last part.
        port: where to listen; 0 takes any.
    """

    def __init__(
        self,
        parts: Sequence[bytes | None],
        fps: float = FPS,
        tell_length: bool = True,
        once: bool = False,
        port: int = 0,
    ) -> None:
        self.parts, self.fps, self.tell_length, self.once = list(parts), fps, tell_length, once
        self.connections = 0
        self.sent: list[float] = []
        self._socket = socket.create_server(("127.0.0.1", port))
        self.port = self._socket.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}/stream"
        self._stopped = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                peer, _ = self._socket.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer: socket.socket) -> None:
        with peer, contextlib.suppress(OSError):
            peer.recv(65536)
            peer.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=--shot\r\n\r\n")
            due = time.monotonic()
            for part in self.parts if self.once else itertools.cycle(self.parts):
                if part is None or self._stopped.is_set():
                    return
                self.sent.append(time.monotonic())
                length = b"Content-Length: %d\r\n" % len(part) if self.tell_length else b""
                peer.sendall(b"--shot\r\nContent-Type: image/jpeg\r\n" + length + b"\r\n" + part + b"\r\n")
                due += 1 / self.fps
                time.sleep(max(0.0, due - time.monotonic()))

    def close(self) -> None:
        self._stopped.set()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes the accepting thread; close alone does not
        self._socket.close()

    def __enter__(self) -> MjpegCamera:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
