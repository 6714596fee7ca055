"""What edgecnn keeps on a board: copies of models, its runtime, wheels, and the virtual environment."""

from __future__ import annotations

import re
from collections.abc import Iterable

from edgecnn.core.cache import Kept
from edgecnn.core.errors import DeviceError, UsageError
from edgecnn.core.text import printable
from edgecnn.devices import Device
from edgecnn.devices.ssh_device import CACHE, VENV, SshDevice

KINDS = ("model", "runtime", "wheels", "environment")
"""The last one is what `devices check --fix` installed: it goes only if it is asked for by name."""
_MANY = 10_000
_WHEELS = "wheels/"
_LINE = re.compile(r"(\d{1,15}) (\d{1,12}) (.{1,300})")
_OURS = re.compile(r"[0-9a-f]{64}\.(?P<ending>tflite|pyz)|wheels/[\w.+!-]{1,200}\.whl")
# $1: the cache, $2: our virtual environment. First the board's clock, then size, time of the last use, and name.
_LIST = """
cd || exit 1
date +%s
[ -d "$2" ] && echo "$(du -sk "$2" | cut -f1)000 $(stat -c %Y "$2") $2"
cd "$1" 2>/dev/null && find . -type f -exec stat -c '%s %Y %n' {} +
exit 0
"""
# $1: the folder, then names of files in it.
_REMOVE = 'cd && cd "$1" || exit 0; shift; rm -f -- "$@"'


def kept(device: Device) -> list[Kept]:
    """What a board keeps, the longest unused first.

    Raises:
        UsageError: the device is no board over ssh.
        DeviceError: it can't be reached, or answers nonsense.
    """
    answer = _board(device).client.run(["sh", "-c", _LIST, "edgecnn", CACHE, VENV], "listing its cache")
    first, *lines = answer.stdout.splitlines() or [""]
    if not first.isdecimal() or len(first) > 12 or len(lines) > _MANY:
        raise DeviceError(
            f"{device.name} sent an unexpected answer: {printable(first[:200])!r}. Expected a Linux system whose "
            "user has a POSIX shell."
        )
    found = (_entry(line, int(first)) for line in lines)
    return sorted((entry for entry in found if entry), key=lambda entry: -entry.age_s)


def clear(device: Device, entries: Iterable[Kept]) -> None:
    """Remove entries from a board; what needs one of them copies it again.

    Raises:
        UsageError: the device is no board over ssh.
        DeviceError: it can't be reached.
    """
    board = _board(device)
    names = []
    for entry in entries:
        if entry.kind == "environment":
            board.remove(VENV)
        else:
            names.append(entry.name)
    if names:
        board.client.run(["sh", "-c", _REMOVE, "edgecnn", CACHE, *names], "cleaning up")


def _board(device: Device) -> SshDevice:
    if not isinstance(device, SshDevice):
        raise UsageError(
            f"{device.name} is not a board over ssh. To see this machine's cache, run edgecnn cache without --device."
        )
    return device


def _entry(line: str, now_s: int) -> Kept | None:
    """A line of the listing; None for what isn't ours."""
    found = _LINE.fullmatch(line)
    if not found:
        return None
    size, age_s, name = int(found[1]), float(max(0, now_s - int(found[2]))), found[3].removeprefix("./")
    if name == VENV:
        return Kept(name, "environment", size, age_s)
    ours = _OURS.fullmatch(name)
    if not ours:
        return None
    kind = {"tflite": "model", "pyz": "runtime"}.get(ours["ending"] or "", "wheels")
    return Kept(name, kind, size, age_s)
