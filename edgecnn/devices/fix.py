"""Installs what a board lacks: a virtual environment with matching wheels."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from edgecnn.core import temporary
from edgecnn.core.errors import DeviceError, EdgecnnError, MissingExtraError, UsageError
from edgecnn.devices import Device, check
from edgecnn.devices.ssh_device import VENV, SshDevice

PIP_INSTALL = "pip install edgecnn"  # brings OpenCV too
WHEELS = ".cache/edgecnn/wheels"
_OLDEST_GLIBC = 17  # of manylinux2014


@dataclass(frozen=True)
class Plan:
    """What to install on a board.

    Attributes:
        requirements: for pip, without their dependencies: the interpreter needs none but NumPy.
        platforms: pip's names of the systems whose wheels run there.
        system_packages: whether NumPy comes from the system: there is no wheel of it for 32-bit ARM.
    """

    requirements: tuple[str, ...]
    platforms: tuple[str, ...]
    system_packages: bool = False


@dataclass(frozen=True)
class Examination:
    """A machine's inventory and its findings."""

    findings: list[check.Finding]
    inventory: dict[str, Any]


def examine(device: Device, *, mend: bool = False, camera: bool = False, from_host: bool = False) -> Examination:
    """Check a machine, after installing what it lacks if requested.

    Args:
        device: an open device.
        mend: make a virtual environment there with the wheels that fit; for boards over ssh.
        camera: with OpenCV.
        from_host: fetch the wheels here, for a board without network.

    Raises:
        UsageError: this machine is no board that can be mended.
        DeviceError: it can't be reached, or nothing fits it.
    """
    inventory = device.run("check")
    board = device if isinstance(device, SshDevice) else None
    remedy = board.remedy() if board else PIP_INSTALL
    if mend:
        if "browser" in inventory:
            raise UsageError(f"--fix works only for boards over ssh. {device.name} needs nothing to be installed.")
        if board is None:
            raise UsageError(f"--fix works only for boards over ssh. For {device.name} run: {remedy}")
        fix(board, inventory, camera, from_host)
        inventory = device.run("check")
    with_opencv = f"{remedy} --camera" if board else remedy
    return Examination(check.findings(inventory, check.Fix(remedy, with_opencv)), inventory)


def plan(system: dict[str, Any], camera: bool) -> Plan:
    """Choose the wheels for a machine: LiteRT where it exists, else tflite-runtime with NumPy 1.

    Raises:
        DeviceError: no TFLite runtime exists for that machine.
    """
    extra = ("opencv-python-headless",) if camera else ()
    minor, machine = int(system["python"].split(".")[1]), system["machine"]
    if system["bits"] == 32:
        machine = "armv7l"  # also under a 64-bit kernel
    platforms = _platforms(machine, system["glibc"] or "2.17")
    if check.litert_fits(system):
        return Plan((f"ai-edge-litert=={metadata.version('ai-edge-litert')}", "numpy>=1.23", *extra), platforms)
    if minor not in range(9, 12):
        raise DeviceError(
            f"No TFLite runtime exists for Python {system['python']} with glibc {system['glibc']} on {machine} "
            f"({system['bits']} bit). Expected a 64-bit system, Python 3.10 to 3.14 and glibc 2.34 or newer; "
            "upgrade to 64-bit Raspberry Pi OS Bookworm."
        )
    if machine == "armv7l":
        return Plan(("tflite-runtime==2.14.0",), platforms, system_packages=True)
    return Plan(("tflite-runtime==2.14.0", "numpy<2", *(f"{name}<4.12" for name in extra)), platforms)


def _platforms(machine: str, glibc: str) -> tuple[str, ...]:
    newest = int(glibc.split(".")[1])
    names = [f"manylinux_2_{minor}_{machine}" for minor in range(newest, _OLDEST_GLIBC - 1, -1)]
    return (*names, f"manylinux2014_{machine}", f"linux_{machine}")


def fix(device: SshDevice, inventory: dict[str, Any], camera: bool = False, from_host: bool = False) -> None:
    """Make our virtual environment on a board.

    The board fetches the wheels itself if it has pip and reaches the package index; else this machine does.

    Args:
        device: the board.
        inventory: its answer to the job `check`.
        camera: also OpenCV.
        from_host: fetch here in any case.

    Raises:
        DeviceError: nothing fits the board, or the wheels can't be fetched from either side.
    """
    chosen = plan(inventory["system"], camera)
    if chosen.system_packages and inventory["numpy"] is None:
        raise DeviceError(
            f"{device.name} is a 32-bit system, on which NumPy must be installed first: sudo apt install python3-numpy"
        )
    common = {"target": f"~/{VENV}", "system_packages": chosen.system_packages}
    if inventory["has_pip"] and not from_host:
        try:
            device.note(f"{device.name} downloads {', '.join(chosen.requirements)} ...")
            device.run("install", options={**common, "wheels": [], "requirements": list(chosen.requirements)})
            return
        except EdgecnnError as error:
            device.note(f"The board could not download the packages: {error}")
    device.note(f"This machine downloads {', '.join(chosen.requirements)} for {device.name} ...")
    with temporary.folder() as folder:
        wheels = fetch(chosen, inventory["system"]["python"], Path(folder))
        for wheel in wheels:
            device.store(wheel.name, wheel.read_bytes(), WHEELS)
    names = [f"{device.look().home}/{WHEELS}/{wheel.name}" for wheel in wheels]
    try:
        device.run("install", options={**common, "wheels": names, "requirements": []})
    finally:
        device.remove(WHEELS)


def fetch(chosen: Plan, python: str, folder: Path) -> list[Path]:
    """Download a plan's wheels for another machine's Python, e.g. "3.11.2"; returns the files.

    Raises:
        DeviceError: pip can't fetch them.
        MissingExtraError: this Python has no pip.
    """
    version = ".".join(python.split(".")[:2])
    words: list[str] = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--quiet"]
    words += ["--only-binary=:all:", "--no-deps", "--python-version", version, "--implementation", "cp"]
    words += [word for name in chosen.platforms for word in ("--platform", name)]
    done = _run([*words, "--dest", str(folder), *chosen.requirements])
    if "No module named pip" in done.stderr:
        raise MissingExtraError(
            f"{sys.executable} has no pip, which downloads the packages. Install it with: python -m ensurepip"
        )
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise DeviceError(
            f"pip can't download {', '.join(chosen.requirements)} for Python {version}: {reason[0]}. Check the "
            "network and the package index."
        )
    return sorted(folder.glob("*.whl"))


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True)
