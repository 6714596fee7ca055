"""What the machine is and what state it is in: board, processor, versions; load, clock, temperature, throttling.

Needs the standard library only, so that it also answers on a board where nothing is installed yet. Whatever a machine
doesn't tell is None.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from ..portable import usage

_CPU = Path("/sys/devices/system/cpu")
_CPU_PARTS = {"0xd03": "Cortex-A53", "0xd08": "Cortex-A72", "0xd0b": "Cortex-A76", "0xd05": "Cortex-A55"}
# Bits of the Raspberry Pi firmware's get_throttled (documentation of vcgencmd); + 16: has happened since the start.
THROTTLING = {0: "under-voltage", 1: "clock capped", 2: "throttled", 3: "soft temperature limit"}


def describe() -> dict[str, Any]:
    """What doesn't change while a model runs."""
    return {
        "board": _board(),
        "cpu": _cpu_name(),
        "machine": platform.machine(),
        "bits": 64 if sys.maxsize > 2**32 else 32,
        "cores": os.cpu_count() or 1,
        "cores_usable": usage.processors(),
        "memory_bytes": _memory_bytes(),
        "os": _os_name(),
        "glibc": platform.libc_ver()[1] or None,
        "python": platform.python_version(),
        "runtime": runtime_version(),
        "governor": _read(_CPU / "cpu0/cpufreq/scaling_governor"),
        "max_clock_mhz": _number(_CPU / "cpu0/cpufreq/cpuinfo_max_freq", 1000),
        "emulated": is_emulated(),
    }


def conditions(root: Path = Path("/")) -> dict[str, Any]:
    """What changes: one look at load, clock, temperature and throttling; only the latter is looked for below `root`."""
    bits, has_history = _throttled(root)
    since = [name for bit, name in THROTTLING.items() if (bits or 0) >> (16 + bit) & 1]
    return {
        "load_1min": usage.load_1min(),
        "clock_mhz": _number(_CPU / "cpu0/cpufreq/scaling_cur_freq", 1000),
        "temperature_c": _number(Path("/sys/class/thermal/thermal_zone0/temp"), 1000),
        "throttled_bits": bits,
        "throttled_now": [name for bit, name in THROTTLING.items() if (bits or 0) >> bit & 1],
        "throttled_since_start": since if has_history else None,
        "steal_s": _steal_s(),
    }


def is_emulated() -> bool:
    """Whether QEMU's user mode runs this program, or the board says of itself that it is an emulated stand-in.

    QEMU answers for /proc/self/exe, but not for the same link of the thread.
    """
    try:
        program = str(Path("/proc/thread-self/exe").readlink())
    except OSError:
        program = ""
    return Path(program).name.startswith("qemu-") or "emulated" in (_board() or "")


def runtime_version() -> str | None:
    """The TFLite runtime that is installed, e.g. "ai-edge-litert 2.3.0"; looks, but doesn't import it."""
    from importlib import metadata

    for name in ("ai-edge-litert", "tflite-runtime"):
        try:
            return f"{name} {metadata.version(name)}"
        except metadata.PackageNotFoundError:
            continue
    return None


def _board() -> str | None:
    return _read(Path("/proc/device-tree/model")) or _read(Path("/sys/devices/virtual/dmi/id/product_name"))


def _cpu_name() -> str | None:
    fields: dict[str, str] = {}
    for line in (_read(Path("/proc/cpuinfo")) or "").splitlines():
        key, _, value = line.partition(":")
        fields.setdefault(key.strip(), value.strip())
    part = fields.get("CPU part", "")
    return fields.get("model name") or _CPU_PARTS.get(part) or part or platform.processor() or None


def _memory_bytes() -> int | None:
    for line in (_read(Path("/proc/meminfo")) or "").splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) * 1024
    return usage.memory_bytes()


def _os_name() -> str:
    for line in (_read(Path("/etc/os-release")) or "").splitlines():
        if line.startswith("PRETTY_NAME="):
            return line.partition("=")[2].strip('"')
    return platform.platform(terse=True)


def _throttled(root: Path) -> tuple[int | None, bool]:
    """The firmware's get_throttled, and whether all its bits are known; the kernel's own monitor tells bit 0 only."""
    # A Pi 5's node is soc@107c000000/soc@107c000000:firmware, an older Pi's is soc/soc:firmware.
    nodes = sorted((root / "sys/devices/platform").glob("soc*/soc*:firmware/get_throttled"))
    for text in (*map(_read, nodes), _vcgencmd()):
        bits = _hexadecimal(text)
        if bits is not None:
            return bits, True
    return _hexadecimal(_voltage_alarm(root)), False


def _vcgencmd() -> str | None:
    if not shutil.which("vcgencmd"):
        return None
    try:
        answer = subprocess.run(["vcgencmd", "get_throttled"], capture_output=True, text=True, timeout=5)
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip().partition("throttled=")[2]


def _hexadecimal(text: str | None) -> int | None:
    try:
        return int(text or "", 16)
    except ValueError:
        return None


def _voltage_alarm(root: Path) -> str | None:
    """Under-voltage as the kernel's own monitor tells it; bit 0 of get_throttled."""
    for folder in (root / "sys/class/hwmon").glob("hwmon*"):
        if _read(folder / "name") == "rpi_volt":
            return _read(folder / "in0_lcrit_alarm")
    return None


def _steal_s() -> float | None:
    """Seconds that a hypervisor gave to others, over all processors, since the start."""
    seconds = stat_seconds()
    return seconds[7] if seconds else None


def stat_seconds() -> list[float]:
    """Seconds of all processors since the start, as Linux counts them: user, nice, system, idle, waiting for input and
    output, interrupts, soft interrupts, stolen by a hypervisor; empty where there is no such count.
    """
    fields = (_read(Path("/proc/stat")) or "").splitlines()[:1]
    values = fields[0].split()[1:9] if fields else []
    return [int(value) / usage.ticks_per_s() for value in values] if len(values) == 8 else []


def _read(path: Path) -> str | None:
    try:
        return path.read_text("utf-8", "replace").strip("\0\n ") or None
    except OSError:
        return None


def _number(path: Path, divisor: int) -> float | None:
    try:
        return int(_read(path) or "") / divisor
    except ValueError:
        return None
