"""Interprets a board's inventory: findings, verdicts and remedies."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from edgecnn.runtime.delegates import libedgetpu
from edgecnn.runtime.delegates.libedgetpu import Library

OK, ADVICE, PROBLEM = "ok", "advice", "problem"
MIN_FREE_BYTES = 200_000_000
WARM_C, HOT_C = 70, 80
LITERT_PYTHONS = range(10, 15)  # 3.10 to 3.14
LITERT_GLIBC = (2, 34)

Inventory = dict[str, Any]


@dataclass(frozen=True)
class Finding:
    """One line of the check.

    Attributes:
        topic: what was looked at.
        value: what was found.
        level: "ok", "advice" (works, but could be better) or "problem" (edgecnn can't do its work).
        remedy: what to do; empty when all is well.
    """

    topic: str
    value: str
    level: str = OK
    remedy: str = ""


class Fix(NamedTuple):
    """The commands that fix the software, without and with OpenCV."""

    command: str
    with_opencv: str


def findings(inventory: Inventory, fix: Fix) -> list[Finding]:
    """Evaluate the answer of the job `check`."""
    judges = _OF_A_BROWSER if "browser" in inventory else _JUDGES
    return [finding for judge in judges for finding in judge(inventory, fix)]


def problems(inventory: Inventory, device: str) -> list[str]:
    """What keeps a board from running a model at all, with the remedy of each."""
    if "browser" in inventory:
        return []
    command = f"edgecnn devices check {shlex.quote(device)} --fix"
    found = [entry for judge in (_python, _runtime) for entry in judge(inventory, Fix(command, command))]
    return [f"{entry.topic}: {entry.value}. {entry.remedy}" for entry in found if entry.level == PROBLEM]


def litert_fits(system: dict[str, Any]) -> bool:
    """Whether there are LiteRT wheels for that machine: 64 bit, CPython 3.10 to 3.14, glibc 2.34 or newer."""
    major, minor = map(int, system["python"].split(".")[:2])
    glibc = tuple(map(int, (system["glibc"] or "0.0").split(".")[:2]))
    return system["bits"] == 64 and major == 3 and minor in LITERT_PYTHONS and glibc >= LITERT_GLIBC


def _board(inventory: Inventory, fix: Fix) -> Iterator[Finding]:
    system = inventory["system"]
    board = system["board"] or "unknown"
    yield Finding("board", f"{board}{' (EMULATED)' if system['emulated'] and 'emulated' not in board else ''}")
    memory = f", {system['memory_bytes'] / 1e9:.1f} GB" if system["memory_bytes"] else ""
    yield Finding("processor", f"{system['cpu'] or 'unknown'}, {system['cores']} cores, {system['machine']}{memory}")


def _system(inventory: Inventory, fix: Fix) -> Iterator[Finding]:
    system = inventory["system"]
    value = f"{system['os']}, {system['bits']} bit, glibc {system['glibc'] or 'unknown'}"
    if system["bits"] == 32:
        yield Finding("system", value, ADVICE,
            "LiteRT exists only for 64-bit systems; the older tflite-runtime is several times slower with int8. "
            "Install the 64-bit Raspberry Pi OS."
        )  # fmt: skip
    elif tuple(map(int, (system["glibc"] or "9.9").split(".")[:2])) < LITERT_GLIBC:
        yield Finding(
            "system", value, ADVICE, "LiteRT needs glibc 2.34 or newer: upgrade to Raspberry Pi OS Bookworm or newer."
        )
    else:
        yield Finding("system", value)


def _python(inventory: Inventory, fix: Fix) -> Iterator[Finding]:
    system = inventory["system"]
    value = f"{system['python']}{', in the virtual environment of edgecnn' if inventory['virtual_environment'] else ''}"
    minor = int(system["python"].split(".")[1])
    if minor not in LITERT_PYTHONS and minor > 9:
        yield Finding("python", value, PROBLEM, "There are no LiteRT wheels for this Python yet. Install Python 3.13.")
    elif minor <= 9:
        yield Finding(
            "python",
            value,
            ADVICE,
            "Only the older tflite-runtime supports this Python; LiteRT needs Python 3.10 or newer.",
        )
    else:
        yield Finding("python", value)


def _runtime(inventory: Inventory, fix: Fix) -> Iterator[Finding]:
    system, runtime, numpy = inventory["system"], inventory["system"]["runtime"], inventory["numpy"]
    if runtime is None:
        yield Finding("runtime", "none", PROBLEM, f"Install a TFLite runtime: {fix.command}")
    elif runtime.startswith("tflite-runtime") and litert_fits(system):
        yield Finding(
            "runtime", runtime, ADVICE, f"Install LiteRT, which runs int8 models several times faster: {fix.command}"
        )
    else:
        yield Finding("runtime", runtime)
    if numpy is None:
        yield Finding("numpy", "none", PROBLEM, f"Install NumPy: {fix.command}")
    elif runtime and runtime.startswith("tflite-runtime") and int(numpy.split(".")[0]) >= 2:
        yield Finding("numpy", numpy, PROBLEM, f"tflite-runtime crashes with NumPy 2. Install numpy<2: {fix.command}")
    else:
        yield Finding("numpy", numpy)


def _pictures(inventory: Inventory, fix: Fix) -> Iterator[Finding]:
    opencv, cameras = inventory["opencv"], inventory["cameras"]
    remedy = f"OpenCV is needed only for images and cameras on the board: {fix.with_opencv}"
    yield Finding("opencv", opencv) if opencv else Finding("opencv", "none", ADVICE, remedy)
    names = ", ".join(f"{camera['name']} ({camera['node']})" for camera in cameras)
    yield Finding("cameras", names or "none found by Video4Linux")


def _speed(inventory: Inventory, fix: Fix) -> Iterator[Finding]:
    governor = inventory["system"]["governor"]
    if governor not in (None, "performance"):
        yield Finding("governor", governor, ADVICE, "Latency varies with the clock frequency. To fix the frequency: "
                      "echo performance | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor")  # fmt: skip
    else:
        yield Finding("governor", governor or "unknown")


def _heat(inventory: Inventory, fix: Fix) -> Iterator[Finding]:
    state = inventory["conditions"]
    heat = state["temperature_c"]
    if heat is None:
        yield Finding("temperature", "unknown")
    else:
        level = PROBLEM if heat >= HOT_C else ADVICE if heat >= WARM_C else OK
        remedy = "The board slows down at 80 °C: add a heat sink or a fan." if level != OK else ""
        yield Finding("temperature", f"{heat:.1f} °C", level, remedy)
    now, since = state["throttled_now"], state["throttled_since_start"]
    if state["throttled_bits"] is None:
        yield Finding("throttling", "not reported by the board")
    elif now or since:
        before = "unknown" if since is None else ", ".join(since) or "none"
        value = f"now: {', '.join(now) or 'none'}; since boot: {before}"
        yield Finding("throttling", value, PROBLEM if now else ADVICE, _throttling_remedy([*now, *(since or [])]))
    elif since is None:
        yield Finding("throttling", "no under-voltage now; the board reports no history")
    else:
        yield Finding("throttling", "none since boot")


def _throttling_remedy(flags: list[str]) -> str:
    power = "Use the board's own power supply and a short cable (Pi 5: 5 V, 5 A)." if "under-voltage" in flags else ""
    heat = "Add a heat sink or a fan." if set(flags) - {"under-voltage"} else ""
    return " ".join(filter(None, (power, heat)))


def _disk(inventory: Inventory, fix: Fix) -> Iterator[Finding]:
    free = inventory["free_disk_bytes"]
    level, remedy = (OK, "") if free >= MIN_FREE_BYTES else (PROBLEM, "At least 200 MB are needed: free some space.")
    yield Finding("free disk", f"{free / 1e9:.1f} GB", level, remedy)


def _edgetpu(inventory: Inventory, fix: Fix) -> Iterator[Finding]:
    devices, library = inventory["edgetpus"], inventory["libedgetpu"]
    if not devices:
        yield Finding("Edge TPU", "none on USB or PCIe")
        return
    for device in devices:
        speed = f" at {device['speed_mbps']} Mbit/s" if device["speed_mbps"] else ""
        value = f"{device['bus'].upper()}{speed} ({device['node']})"
        if not device["writable"]:
            remedy = (
                "This user has no permission to open the Edge TPU. Run: sudo usermod -aG plugdev $USER, log in "
                "again, and plug the stick in again."
            )
            yield Finding("Edge TPU", value, PROBLEM, remedy)
        else:
            yield Finding("Edge TPU", value, ADVICE if device["warning"] else OK, device["warning"])
    yield _libedgetpu(library and Library.from_dict(library), inventory["system"]["runtime"] or "")


def _libedgetpu(library: Library | None, runtime: str) -> Finding:
    if library is None:
        return Finding("libedgetpu", "none", PROBLEM, f"The Edge TPU needs libedgetpu: {libedgetpu.INSTALL}.")
    if library.crash:
        value = f"{library.description}; it crashes when it is loaded ({library.crash})"
        return Finding("libedgetpu", value, PROBLEM, f"Install a rebuilt one: {libedgetpu.REBUILT}")
    if library.is_corals is not False and libedgetpu.is_too_new(runtime):
        whose = "This is Coral's own, which" if library.is_corals else "If this is Coral's own, it"
        return Finding(
            "libedgetpu", library.description, ADVICE,
            f"{whose} is reported to crash with TFLite runtimes from 2.12 on ({libedgetpu.ISSUE}), such as {runtime}. "
            f"Install a rebuilt one ({libedgetpu.REBUILT}), or a tflite-runtime up to 2.11."
        )  # fmt: skip
    return Finding("libedgetpu", library.description)


def _browser(inventory: Inventory, fix: Fix) -> Iterator[Finding]:
    system, page = inventory["system"], inventory["browser"]
    yield Finding("browser", f"{system['browser']}, {system['os']}")
    yield Finding("user agent", system["user_agent"])
    yield Finding("processor", f"{system['cpu'] or 'unknown'}, {system['cores']} cores")
    yield Finding("runtime", system["runtime"])
    if page["one_thread"]:
        yield Finding("threads", "1", ADVICE, f"There is one thread: {page['one_thread']}")
    else:
        yield Finding("threads", f"up to {system['cores']}: the page is cross-origin isolated")
    yield Finding("clock", f"moves in steps of {page['clock_step_ms']:.3g} ms")


_JUDGES: tuple[Callable[[Inventory, Fix], Iterator[Finding]], ...] = (
    _board, _system, _python, _runtime, _pictures, _speed, _heat, _disk, _edgetpu,
)  # fmt: skip
_OF_A_BROWSER = (_browser,)
