"""A browser of this machine: a Chromium that shows nothing, or the user's own."""

from __future__ import annotations

import os
import sys
import webbrowser
from collections.abc import Callable

from edgecnn.core.errors import UsageError
from edgecnn.devices import Listener
from edgecnn.devices.browser import chromium
from edgecnn.devices.browser.chromium import Chromium
from edgecnn.devices.browser.device import BrowserDevice
from edgecnn.devices.browser.place import Place
from edgecnn.devices.known import Entry

SUMMARY = "a browser of this machine: Chromium without a window; your own: browser://own"
_OWN = "own"


def open(entry: Entry, note: Listener) -> BrowserDevice:
    """`browser`, or `browser://own`; the page is opened when it is first used.

    Raises:
        UsageError: something else after the scheme.
        DeviceError: the program that EDGECNN_BROWSER names isn't there.
    """
    target = "" if entry.target == "browser" else entry.target
    if target not in ("", _OWN):
        raise UsageError(f"Unknown browser {target!r}. Expected browser (Chromium without a window) or browser://own.")
    program = None if target == _OWN else chromium.find()
    return BrowserDevice(Headless(program) if program else Own(entry.name), note)


class Headless(Place):
    """A Chromium that is started for this."""

    name = "browser"

    def __init__(self, program: str) -> None:
        self._program = program
        self._browser: Chromium | None = None

    def invite(self, addresses: list[str], note: Callable[[str], None]) -> None:
        """Start it."""
        self._browser = Chromium(self._program, addresses[0])

    def check(self) -> None:
        """Whether it still runs."""
        if self._browser:
            self._browser.check()

    def close(self) -> None:
        """End it."""
        if self._browser:
            self._browser.close()


class Own(Place):
    """The user's browser, in which a page is opened."""

    ARRIVES_S = 300.0

    def __init__(self, name: str) -> None:
        self.name = name

    def invite(self, addresses: list[str], note: Callable[[str], None]) -> None:
        """Open the page, and say where it is: it may not have opened, or another browser may be meant."""
        note(f"Open {addresses[0]} in your browser, if it does not open by itself. Keep the page in front.")
        if _has_screen():
            webbrowser.open(addresses[0])


def _has_screen() -> bool:
    """Whether the browser that Python finds has windows: others would take the terminal."""
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
