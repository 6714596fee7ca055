"""A phone on the same network, which opens a page by a QR code."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from urllib.parse import urlsplit

from edgecnn.core.errors import DeviceError, UsageError
from edgecnn.devices import Listener
from edgecnn.devices.browser.device import BrowserDevice
from edgecnn.devices.browser.place import Place
from edgecnn.devices.known import Entry
from edgecnn.web.addresses import is_loopback
from edgecnn.web.qr_code import qr_code

SUMMARY = "a phone on the same network, which scans a QR code; phone://ADDRESS[:PORT] chooses our own address"
_ANY = "0.0.0.0"
_PLACE = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[\w.-]*)(?::(?P<port>\d{1,5}))?")


def open(entry: Entry, note: Listener) -> BrowserDevice:
    """`phone`, or `phone://ADDRESS[:PORT]`; the code is shown when the phone is first used.

    Raises:
        UsageError: something else after the scheme.
    """
    target = "" if entry.target == "phone" else entry.target
    found = _PLACE.fullmatch(target)
    if found is None or int(found["port"] or 1) not in range(1, 65536):
        raise UsageError(f"Unknown address {target!r}. Expected phone, or phone://ADDRESS[:PORT] of this machine.")
    return BrowserDevice(
        Phone(entry.name, found["host"].strip("[]"), int(found["port"]) if found["port"] else None), note
    )


class Phone(Place):
    """Whoever scans the code."""

    HERE = False
    ARRIVES_S = 300.0
    SPELLED = ("--device phone://", "--device phone://ADDRESS:")
    ONE_THREAD = (
        "Phones allow several threads to secure pages only: use --threads 1, or an Android phone by USB: --device adb."
    )

    def __init__(self, name: str, host: str, port: int | None) -> None:
        self.name, self.HOST, self.PORT = name, host or _ANY, port

    def invite(self, addresses: list[str], note: Callable[[str], None]) -> None:
        """Show the code, and the address for phones that scan none.

        Raises:
            DeviceError: this machine is in no network.
        """
        if self.HOST == _ANY and is_loopback(urlsplit(addresses[0]).hostname or ""):
            raise DeviceError(
                f"{self.name}: this machine is in no network in which a phone could reach it. Connect it, or use an "
                "Android phone by USB: --device adb."
            )
        note("Scan this code with the phone's camera; both must be on the same network. It can be opened once.")
        print(qr_code(addresses[0]), file=sys.stderr, flush=True)  # a note's colors would be taken out
        note(f"Or open on the phone: {addresses[0]}")
