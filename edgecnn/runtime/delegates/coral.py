"""Coral Edge TPUs that are plugged in, and why one of them can't be used. Reads sysfs; needs no library."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ..model.validation import Record

CUSTOM_OPERATOR = "edgetpu-custom-op"
# libedgetpu's README and udev rules: before and after its firmware is loaded, a USB Accelerator changes its identity.
USB_IDS = {("1a6e", "089a"): False, ("18d1", "9302"): True}
USB3_MBPS = 5000


@dataclass(frozen=True)
class EdgeTpu(Record):
    """One accelerator.

    Attributes:
        bus: "usb" or "pci".
        node: its device file.
        speed_mbps: negotiated USB speed in Mbit/s; 0 on PCIe.
        started: whether its firmware was loaded since it was plugged in (USB); True on PCIe.
        writable: whether this user may open it.
        used_by: "process 123 (python3)" that has it open; empty when none is known.
    """

    bus: str
    node: str
    speed_mbps: int
    started: bool
    writable: bool
    used_by: str = ""

    @property
    def warning(self) -> str:
        """What makes it slow; empty when nothing does."""
        if self.bus == "usb" and 0 < self.speed_mbps < USB3_MBPS:
            return (
                f"The Edge TPU is connected over USB 2 ({self.speed_mbps} Mbit/s): MobileNetV2 takes about twice "
                "as long as over USB 3. Plug it into a blue port, with the cable that came with it."
            )
        return ""


def find(root: Path = Path("/")) -> list[EdgeTpu]:
    """All Edge TPUs on USB and PCIe, in the order of their bus addresses.

    Args:
        root: where `sys`, `dev` and `proc` lie.
    """
    found = []
    for folder in sorted((root / "sys/bus/usb/devices").glob("*")):
        started = USB_IDS.get((_read(folder / "idVendor"), _read(folder / "idProduct")))
        if started is None:
            continue
        node = root / f"dev/bus/usb/{_number(folder / 'busnum'):03}/{_number(folder / 'devnum'):03}"
        found.append(_device("usb", node, _number(folder / "speed"), started, root))
    found += [_device("pci", node, 0, True, root) for node in sorted((root / "dev").glob("apex_*"))]
    return found


def explain(devices: list[EdgeTpu], bus: str = "") -> str:
    """Why libedgetpu, though installed, opened none of these devices; says what to do.

    Args:
        devices: what `find` found.
        bus: "usb" or "pci" where only that was asked for.
    """
    usable = [device for device in devices if bus in ("", device.bus)]
    if not usable:
        other = f" There is one on {devices[0].bus.upper()}." if devices else ""
        where = {"usb": " on USB", "pci": " on PCIe"}.get(bus, "")
        return (
            f"No Edge TPU was found{where}.{other} Plug it in; `lsusb` then shows a USB Accelerator as 1a6e:089a "
            "or 18d1:9302, and a PCIe one is /dev/apex_0 (gasket driver)."
        )
    for device in usable:
        if device.used_by:
            return f"The Edge TPU {device.node} is busy: {device.used_by} uses it. Stop that program first."
        if not device.writable:
            return f"This user has no permission to open the Edge TPU {device.node}. {_permission(device)}"
    hint = (
        " It is connected over USB 2, which may not supply enough power; use a USB 3 port." if usable[0].warning else ""
    )
    return (
        f"The Edge TPU {usable[0].node} is present, but does not respond.{hint} Stop other programs that may use "
        "it; if that does not help, unplug it, plug it in again and check its power (`dmesg | tail`)."
    )


def _permission(device: EdgeTpu) -> str:
    if device.bus == "pci":
        return (
            "Add a udev rule for /dev/apex_* with GROUP=apex, MODE=0660, add the user to that group, and log in again."
        )
    return (
        "Add the user to the group plugdev (sudo usermod -aG plugdev $USER), log in again, and plug the stick in "
        "again; its udev rule (60-libedgetpu1-std.rules) comes with libedgetpu."
    )


def _device(bus: str, node: Path, speed_mbps: int, started: bool, root: Path) -> EdgeTpu:
    writable = os.access(node, os.R_OK | os.W_OK)
    return EdgeTpu(bus, str(node), speed_mbps, started, writable, _opened_by(node, root / "proc") or "")


def _opened_by(node: Path, proc: Path) -> str | None:
    """The process, other than this one, that has a device file open, as far as this user may see."""
    for link in proc.glob("[0-9]*/fd/*"):
        try:
            if str(link.readlink()) == str(node) and link.parts[-3] != str(os.getpid()):
                return f"process {link.parts[-3]} ({_read(link.parent.parent / 'comm')})"
        except OSError:
            continue
    return None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _number(path: Path) -> int:
    text = _read(path)
    return int(float(text)) if text.replace(".", "", 1).isdigit() else 0
