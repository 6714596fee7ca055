"""The Edge TPU's library: Coral's own, whose last release is of 2021, or one that was rebuilt since.

By reports (github.com/google-coral/edgetpu/issues/812) Coral's own, "grouper", crashes with TFLite runtimes from 2.12
on, since it was built against the structures of TensorFlow 2.5; rebuilt ones don't.
"""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import Annotated, Any

from ..model.validation import Length, Record

NAME = {"darwin": "libedgetpu.1.dylib", "win32": "edgetpu.dll"}.get(sys.platform, "libedgetpu.so.1")
REBUILT = "https://github.com/feranick/libedgetpu"
ISSUE = "https://github.com/google-coral/edgetpu/issues/812"
LAST_RUNTIME = (2, 11)
"""The last tflite-runtime that Coral's own library is reported to work with."""
INSTALL = (
    f"install a rebuilt one, {REBUILT}, or Coral's own (Debian: libedgetpu1-std), which suits tflite-runtime up to "
    f"{'.'.join(map(str, LAST_RUNTIME))}"
)
_PACKAGES = ("libedgetpu1-std", "libedgetpu1-max")
_LAST_YEAR = 2021
_LAST_GCC = 6
_TIMEOUT_S = 10


@dataclass(frozen=True)
class Library(Record):
    """The library that is installed.

    Attributes:
        label: what its `edgetpu_version` says; empty where it says nothing.
        package: version of its Debian package; empty without one.
        crash: how loading it ended a process; empty where it loads.
    """

    label: Annotated[str, Length(1000)]
    package: Annotated[str, Length(1000)]
    crash: Annotated[str, Length(1000)] = ""

    @property
    def is_corals(self) -> bool | None:
        """Whether it is one of Coral's own releases; None where that can't be told.

        Rebuilt packages name TensorFlow's version (16.0tf2.17.1); Coral's releases were built by GCC 6 or older, or
        have a date up to 2021 (Windows) in their label.
        """
        if self.package:
            return "tf" not in self.package.lower()
        gcc = re.search(r"COMPILER=(\d+)\.\d+\.\d+", self.label)
        date = re.search(r"DATE=\w+ +\d+ (\d{4})", self.label)
        if date:
            return int(date[1]) <= _LAST_YEAR
        return int(gcc[1]) <= _LAST_GCC if gcc else None

    @property
    def description(self) -> str:
        """Which one it is, for people."""
        whose = {True: "Coral's own", False: "rebuilt", None: "unknown origin"}[self.is_corals]
        return ", ".join(part for part in (whose, self.package, self.label) if part)


def look() -> dict[str, Any] | None:
    """Load the library and ask for its version; None where there is none. A broken one may end the process."""
    try:
        library = ctypes.CDLL(NAME)
    except OSError:
        return None
    try:
        library.edgetpu_version.restype = ctypes.c_char_p
        label = (library.edgetpu_version() or b"").decode(errors="replace")
    except AttributeError:
        label = ""
    return Library(label[:200], package()).to_dict()


def package() -> str:
    """The version of its Debian package; empty where dpkg knows none."""
    program = shutil.which("dpkg-query")
    if program is None:
        return ""
    command = [program, "-W", "-f", "${db:Status-Abbrev}\t${Version}\n", *_PACKAGES]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=_TIMEOUT_S)
    except (OSError, subprocess.SubprocessError):
        return ""
    found = [line.partition("\t")[2].strip() for line in done.stdout.splitlines() if line.startswith("ii")]
    return found[0][:100] if found else ""


def is_too_new(runtime: str) -> bool:
    """Whether a TFLite runtime is one that Coral's own library is reported to crash with.

    Args:
        runtime: its package and version, "tflite-runtime 2.14.0"; LiteRT is newer than any of these.
    """
    name, _, version = runtime.partition(" ")
    numbers = re.match(r"(\d+)\.(\d+)", version)
    return name != "tflite-runtime" or not numbers or (int(numbers[1]), int(numbers[2])) > LAST_RUNTIME


def explained_crash(reason: str) -> str:
    """What it most likely means that a process ended when it used the library."""
    version = package()
    installed = f" Installed is {Library('', version).description}." if version else ""
    return (
        f"The Edge TPU's library {NAME} crashed ({reason}).{installed} Coral's own, last released in 2021, is reported "
        f"to crash with TFLite runtimes from 2.12 on ({ISSUE}): install a rebuilt one, {REBUILT}."
    )
