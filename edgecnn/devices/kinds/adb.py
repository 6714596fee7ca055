"""An Android phone on a USB cable: `adb reverse` makes the page one of the phone's own, and so a secure one."""

from __future__ import annotations

import contextlib
import shlex
import shutil
import subprocess
from collections.abc import Callable, Mapping
from typing import Any

from edgecnn.core.errors import DeviceError
from edgecnn.core.text import printable
from edgecnn.devices import Listener
from edgecnn.devices.browser.device import BrowserDevice
from edgecnn.devices.browser.place import Place
from edgecnn.devices.known import Entry

SUMMARY = "an Android phone by USB, in its browser with several threads; adb://SERIAL chooses among several"
_ANSWER_S = 30.0
_INSTALL = "Install it (Debian: apt install adb), and allow USB debugging on the phone."
_PROPERTIES = {"board": "ro.product.model", "cpu": "ro.soc.model", "os": "ro.build.version.release"}


def open(entry: Entry, note: Listener) -> BrowserDevice:
    """`adb`, or `adb://SERIAL`; the phone is asked when it is first used."""
    return BrowserDevice(Adb(entry.name, "" if entry.target == "adb" else entry.target), note)


class Adb(Place):
    """The phone that adb reaches."""

    HERE = False
    ARRIVES_S = 120.0

    def __init__(self, name: str, serial: str) -> None:
        self.name, self._serial, self._port = name, serial, ""

    def invite(self, addresses: list[str], note: Callable[[str], None]) -> None:
        """Let the phone's port lead here, and open the page in its browser."""
        address = addresses[0]
        port = address.rpartition(":")[2].partition("/")[0]
        self._run("reverse", f"tcp:{port}", f"tcp:{port}")
        self._port = port
        note(f"Opening {address} on the phone; unlock it, and keep the page in front.")
        self._run("shell", f"am start -a android.intent.action.VIEW -d {shlex.quote(address)}")

    def about(self) -> Mapping[str, Any]:
        """What Android says of itself; a page is told less."""
        said = {key: self._run("shell", f"getprop {name}")[:100] for key, name in _PROPERTIES.items()}
        known = {key: value for key, value in said.items() if value}
        return {**known, "os": f"Android {known['os']}"} if "os" in known else known

    def close(self) -> None:
        """The phone's port leads nowhere any more."""
        with contextlib.suppress(DeviceError):  # the phone was unplugged: nothing is left there
            if self._port:
                self._call("reverse", "--remove", f"tcp:{self._port}")

    def _run(self, *words: str) -> str:
        """What adb answers.

        Raises:
            DeviceError: adb isn't there, or no phone answers it.
        """
        done = self._call(*words)
        if done.returncode:
            lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
            reason = printable((lines or ["it gave no reason"])[-1])[:300]
            raise DeviceError(
                f"{self.name}: `adb {words[0]}` failed: {reason}. Connect the phone by USB, allow USB debugging on it, "
                "and see `adb devices`."
            )
        return printable(done.stdout.strip())

    def _call(self, *words: str) -> subprocess.CompletedProcess[str]:
        program = shutil.which("adb")
        if program is None:
            raise DeviceError(f"{self.name} needs the program adb. {_INSTALL}")
        chosen = ("-s", self._serial) if self._serial else ()
        try:
            return subprocess.run(
                [program, *chosen, *words], capture_output=True, text=True, errors="replace", timeout=_ANSWER_S,
                check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            raise DeviceError(f"{self.name}: adb does not answer: {error}. Run: adb kill-server") from error
