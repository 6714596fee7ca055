"""Boards by name, from `~/.config/edgecnn/devices.toml`, and what a `--device` text means.

[pi4]
target = "pi@pi4.local"
ssh_config = "/home/me/.ssh/lab_config"     # optional: `ssh -F`
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgecnn.core import files
from edgecnn.core.errors import EdgecnnError, RecordError, UsageError
from edgecnn.core.files import parse_toml
from edgecnn.core.registry import DEVICES
from edgecnn.core.text import did_you_mean, printable
from edgecnn.devices.address import Address
from edgecnn.runtime.regular_file import read_regular

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")


@dataclass(frozen=True)
class Entry:
    """One board of the file.

    Attributes:
        name: what it is called.
        target: `[ssh://][user@]host[:port]`, or `KIND://...` of another device plug-in, such as `browser://own`.
        ssh_config: a configuration file for ssh instead of the user's own.
    """

    name: str
    target: str
    ssh_config: str | None = None


def path() -> Path:
    """The file that names the boards."""
    try:
        base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    except RuntimeError as error:
        raise EdgecnnError(f"This user has no home folder ({error}). Set HOME or XDG_CONFIG_HOME.") from error
    return Path(base) / "edgecnn" / "devices.toml"


def entries() -> dict[str, Entry]:
    """All boards by name, sorted.

    Raises:
        EdgecnnError: the file can't be read.
    """
    place = path()
    if not place.exists():
        return {}
    try:
        values = parse_toml(read_regular(place, files.MAX_RECORD_BYTES).decode("utf-8-sig"))
        found = {name: _entry(name, entry) for name, entry in values.items()}
    except (ImportError, OSError, ValueError, TypeError, RecordError) as error:
        reason = getattr(error, "strerror", None) or str(error).rstrip(".")
        raise EdgecnnError(f"Can't read {place}: {reason}. Expected sections [NAME] with a `target`.") from error
    return dict(sorted(found.items()))


def _entry(name: str, values: dict[str, Any]) -> Entry:
    if not isinstance(values, dict) or "target" not in values:
        raise TypeError(f"[{name}] has no target")
    entry = Entry(name, values["target"], values.get("ssh_config"))
    if not isinstance(entry.target, str) or not isinstance(entry.ssh_config or "", str):
        raise TypeError(f"[{name}]: target and ssh_config must be quoted strings")
    return entry


def add(entry: Entry) -> None:
    """Write a board to the file, in place of one of the same name.

    Raises:
        UsageError: the name or the target can't be used.
    """
    if not _NAME.fullmatch(entry.name) or entry.name in DEVICES.names():
        raise UsageError(
            f"{entry.name!r} can't be the name of a device. Use letters, digits, '-', '_' and '.', for example pi4."
        )
    for text in (entry.target, entry.ssh_config or ""):
        if printable(text) != text:
            raise UsageError(
                f"{printable(text)} can't be written to {path()}; expected UTF-8 text without control characters."
            )
    kind, place = locate(entry.target)
    if kind == "ssh":
        Address.parse(place.target)
    with files.locked(path()):
        _write({**entries(), entry.name: entry})


def remove(name: str) -> None:
    """Take a board out of the file.

    Raises:
        UsageError: there is none of that name.
    """
    with files.locked(path()):
        known = entries()
        if name not in known:
            choices = (
                f"Choose one of: {', '.join(known)}." if known else "Add one with: edgecnn devices add NAME TARGET"
            )
            sentences = (f"There is no device {name!r} in {path()}.", did_you_mean(name, known), choices)
            raise UsageError(" ".join(sentence for sentence in sentences if sentence))
        del known[name]
        _write(known)


def _write(known: dict[str, Entry]) -> None:
    files.write_text(path(), "\n".join(map(_section, known.values())))


def locate(target: str) -> tuple[str, Entry]:
    """The plug-in that reaches a machine, and the machine; its target has no scheme any more.

    "local" -> "local"; "pi4" (a name of ours or of ~/.ssh/config), "pi@host" and "ssh://pi@host" -> "ssh".
    """
    if target in DEVICES.names():
        return target, Entry(target, target)
    entry = entries().get(target) or Entry(target, target)
    kind, separator, rest = entry.target.partition("://")
    return (kind, dataclasses.replace(entry, target=rest)) if separator else ("ssh", entry)


def _section(entry: Entry) -> str:
    lines = [f"[{_quoted(entry.name)}]", f"target = {_quoted(entry.target)}"]
    lines += [f"ssh_config = {_quoted(entry.ssh_config)}"] if entry.ssh_config else []
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """A TOML basic string; JSON's escapes are a part of TOML's."""
    return json.dumps(text, ensure_ascii=False)
