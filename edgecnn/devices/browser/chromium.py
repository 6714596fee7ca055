"""A Chromium of this machine that shows nothing: found, started with a profile of its own, and ended."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from edgecnn.core import temporary
from edgecnn.core.errors import DeviceError
from edgecnn.core.text import printable
from edgecnn.runtime.portable import processes

VARIABLE = "EDGECNN_BROWSER"
"""Names the program of a Chromium or one of its relatives."""
_PROGRAMS = (
    *("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge", "microsoft-edge"),
    "brave-browser",
)
_PLACES = {
    "darwin": (
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
        "/Applications/Chromium.app/Contents/MacOS/Chromium",
        "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    ),
    "win32": (
        r"C:\Program Files\Google\Chrome\Application\chrome.exe",
        r"C:\Program Files (x86)\Google\Chrome\Application\chrome.exe",
        r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
    ),
}
_FLAGS = (
    *("--headless=new", "--disable-gpu", "--no-first-run", "--no-default-browser-check", "--mute-audio"),
    *("--disable-extensions", "--disable-background-networking", "--disable-sync", "--disable-dev-shm-usage"),
    *("--disable-background-timer-throttling", "--disable-renderer-backgrounding", "--no-proxy-server"),
)
_END_S = 10.0
_OTHER = f"Set {VARIABLE} to another Chromium, or use your own browser: --device browser://own"


def find() -> str | None:
    """The program, or None.

    Raises:
        DeviceError: `VARIABLE` names none.
    """
    named = os.environ.get(VARIABLE)
    if named:
        program = shutil.which(named)
        if program is None:
            raise DeviceError(f"{VARIABLE} is {printable(named)!r}, which is no program. Name that of a Chromium.")
        return program
    found = filter(None, map(shutil.which, _PROGRAMS))
    return next(found, None) or next(filter(os.path.exists, _PLACES.get(sys.platform, ())), None)


class Chromium:
    """A running one.

    Args:
        program: of a Chromium.
        address: of the page that it opens.

    Raises:
        DeviceError: it can't be started.
    """

    def __init__(self, program: str, address: str) -> None:
        self._program = program
        self._folder: TemporaryDirectory[str] = temporary.folder()
        # As root, Chromium starts without its sandbox only; WebAssembly's own is still around the model.
        root = ("--no-sandbox",) if processes.user() == 0 and sys.platform != "win32" else ()
        self._log = Path(self._folder.name) / "log"
        command = [
            program,
            *_FLAGS,
            *root,
            f"--user-data-dir={Path(self._folder.name) / 'profile'}",
            f"{address}#alone",
        ]
        try:
            with open(self._log, "wb") as log:
                self._process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log, **processes.OWN_SESSION
                )
        except OSError as error:
            self._folder.cleanup()
            raise DeviceError(f"Can't start {program}: {error.strerror}. {_OTHER}") from error

    def check(self) -> None:
        """Whether it runs.

        Raises:
            DeviceError: it has ended.
        """
        status = self._process.poll()
        if status is not None:
            lines = [line for line in self._log.read_text("utf-8", "replace").splitlines() if line.strip()]
            last = printable((lines or ["it printed no message"])[-1])[:300]
            raise DeviceError(f"{self._program} ended with status {status}: {last}. {_OTHER}")

    def close(self) -> None:
        """End it, and remove its profile."""
        self._process.terminate()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        with contextlib.suppress(OSError):  # a process of it may still write
            self._folder.cleanup()
