"""A window on this machine's screen."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import sys
import threading
from typing import Any

from edgecnn.camera.meter import Meter
from edgecnn.camera.overlay import draw
from edgecnn.camera.recognize import Answer
from edgecnn.core.errors import CameraError
from edgecnn.runtime.opencv import opencv

_TITLE = "edgecnn demo"
_QUIT_KEYS = (27, ord("q"))


class Window:
    """A view whose `run` belongs to the main thread. Keys: space pauses, s saves a snapshot, q or Escape ends.

    Raises:
        CameraError: OpenCV has no windows, or there is no screen.
    """

    def __init__(self, meter: Meter) -> None:
        check()
        self._meter = meter
        self._newest: Answer | None = None
        self._paused = False

    def show(self, answer: Answer) -> None:
        """Keep the newest answer for `run`."""
        self._newest = answer

    def close(self) -> None:
        """Close the window."""
        opencv().destroyAllWindows()

    def run(self, ended: threading.Event) -> None:
        """Show answers until the demo ends or the user closes the window."""
        cv2 = opencv()
        cv2.namedWindow(_TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
        last: Any = None
        while not ended.is_set() and cv2.getWindowProperty(_TITLE, cv2.WND_PROP_VISIBLE) >= 1:
            answer = self._newest
            if answer is not None and answer is not last and not self._paused:
                picture = draw(answer, self._figures())
                if last is None:
                    cv2.resizeWindow(_TITLE, picture.shape[1], picture.shape[0])
                last = answer
                cv2.imshow(_TITLE, picture)
            if self._key(cv2.waitKey(10) & 0xFF, last):
                return

    def _figures(self) -> str:
        return f"{self._meter.fps():.1f} fps   {self._meter.latency_ms():.1f} ms glass to answer"

    def _key(self, key: int, answer: Answer | None) -> bool:
        """Handle a key; returns whether it ends the demo."""
        if key == ord(" "):
            self._paused = not self._paused
        elif key == ord("s") and answer is not None:
            name = f"edgecnn-{answer.frame.number:06d}.jpg"
            opencv().imwrite(name, draw(answer))
            print(f"Snapshot: {name}", file=sys.stderr)
        return key in _QUIT_KEYS


def check() -> None:
    """Whether a window can be shown; OpenCV would end the whole program where there is no screen."""
    os.environ.setdefault("QT_LOGGING_RULES", "*=false")  # it complains of fonts that nobody misses
    cv2 = opencv()
    toolkit = re.search(r"^\s*GUI:\s*(\S+)", cv2.getBuildInformation(), re.MULTILINE)
    if toolkit is None or toolkit.group(1) == "NONE":
        raise CameraError(
            "--window needs an OpenCV build that opens windows, but the headless build is installed. Run: pip "
            "uninstall opencv-python-headless, then: pip install opencv-python. Or remove --window and open the "
            "web page."
        )
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise CameraError("--window needs a screen, but DISPLAY is not set. Remove --window and open the web page.")
    _use_systems_xcb()


def _use_systems_xcb() -> None:
    """Let Qt get the events that are meant for it.

    opencv-python brings an old libX11-xcb, but not the libX11 that it reaches into. With a newer libX11 its
    XSetEventQueueOwner sets the wrong field, Xlib takes events off Qt's queue, and a window on a busy machine may never
    learn that it was mapped: it stays black. The system's own library, loaded first, answers to the same name.
    """
    with contextlib.suppress(OSError):
        ctypes.CDLL("libX11-xcb.so.1", mode=ctypes.RTLD_GLOBAL)
