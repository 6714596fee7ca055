"""`edgecnn devices`: named boards and their state."""

from __future__ import annotations

import dataclasses
import shlex
from typing import TYPE_CHECKING

import click

from edgecnn.cli._arguments import DeviceName
from edgecnn.cli._listing import CommandGroup
from edgecnn.cli._options import Command, options_of
from edgecnn.cli._output import emit, json_option, note, print_table, say, wide_option
from edgecnn.core.text import counted
from edgecnn.estimation.settings import CalibrateSettings

if TYPE_CHECKING:
    from edgecnn.estimation.calibration import Calibration

GROUP = "Boards and cameras"
POSITION = 240


@click.group(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Name boards, and check what they have and lack.

    \b
    Example:
        edgecnn devices add pi4 pi@pi4.local
        edgecnn devices check pi4 --fix
        edgecnn devices calibrate pi4
    """


@command.command("list")
@json_option
@wide_option
def list_devices(json_path: str | None) -> None:
    """List what `--device` takes: this machine, browsers, phones, and the boards that have names.

    \b
    Example:
        edgecnn devices list --json -
    """
    from edgecnn.devices import known, unaddressed

    entries, built_in = list(known.entries().values()), unaddressed()
    rows = [[name, text, ""] for name, text in built_in.items()]
    rows += [[entry.name, entry.target, entry.ssh_config or ""] for entry in entries]
    values = {
        "devices": [dataclasses.asdict(entry) for entry in entries],
        "built_in": [{"name": name, "summary": text} for name, text in built_in.items()],
        "file": str(known.path()),
    }
    emit(values, json_path, lambda: print_table(("name", "target", "ssh configuration"), rows))


@command.command()
@click.argument("name")
@click.argument("target", metavar="[USER@]HOST[:PORT]")
@click.option("--ssh-config", type=click.Path(exists=True, dir_okay=False, resolve_path=True), metavar="FILE",
              help="An ssh configuration file for this board, in place of ~/.ssh/config.")  # fmt: skip
def add(name: str, target: str, ssh_config: str | None) -> None:
    """Give a board a name.

    \b
    Example:
        edgecnn devices add pi4 pi@pi4.local
        edgecnn devices add firefox browser://own
    """
    from edgecnn.devices import known
    from edgecnn.estimation import known as laws

    entry, before = known.Entry(name, target, ssh_config), known.entries().get(name)
    known.add(entry)
    if before is not None and before != entry:
        forgotten = " Its calibration, of another board, is forgotten." if laws.forget(name) else ""
        say(f"{name} was {before.target} before.{forgotten}")
    say(f"Added {name} to {known.path()}. Next: edgecnn devices check {shlex.quote(name)}")


@command.command()
@click.argument("name")
def remove(name: str) -> None:
    """Forget a board's name, and what `edgecnn devices calibrate` found out about it.

    \b
    Example:
        edgecnn devices remove pi4
    """
    from edgecnn.devices import known
    from edgecnn.estimation import known as laws

    known.remove(name)
    calibrated = laws.forget(name)
    say(f"Removed {name} and its calibration." if calibrated else f"Removed {name}.")


@command.command()
@click.argument("device", type=DeviceName(), metavar="DEVICE")
@click.option(
    "--fix", is_flag=True, help="Create a virtual environment on the board with the packages that edgecnn needs there."
)
@click.option("--camera", is_flag=True, help="With --fix: also install OpenCV, for images and cameras on the board.")
@click.option(
    "--from-host", is_flag=True, help="With --fix: download the packages on this machine, for a board without network."
)
@json_option
@wide_option
def check(device: str, fix: bool, camera: bool, from_host: bool, json_path: str | None) -> int:
    """Check a board or a browser, and show how to fix what is wrong.

    Exits with 1 if edgecnn can't do its work there.

    \b
    Example:
        edgecnn devices check pi4
        edgecnn devices check pi4 --fix --from-host
        edgecnn devices check browser
    """
    from edgecnn.devices import check as check_module
    from edgecnn.devices import open_device
    from edgecnn.devices.fix import examine

    with open_device(device, note) as opened:
        found = examine(opened, mend=fix, camera=camera, from_host=from_host)
    emit({"device": device, "findings": [dataclasses.asdict(entry) for entry in found.findings],
          "inventory": found.inventory}, json_path, lambda: _show(found.findings))  # fmt: skip
    return int(any(entry.level == check_module.PROBLEM for entry in found.findings))


@command.command(cls=Command)
@click.argument("device", type=DeviceName(), metavar="DEVICE")
@options_of(CalibrateSettings, "settings")
@json_option
@wide_option
def calibrate(device: str, settings: CalibrateSettings, json_path: str | None) -> None:
    """Probe a device for a minute, so that `edgecnn estimate` knows it.

    Times small networks there, as wholes and operator by operator, with the device's own runtime, and keeps the prices
    of its operators under its name. Close other programs meanwhile.

    \b
    Example:
        edgecnn devices calibrate pi4
        edgecnn estimate efficientnet_lite0 --device pi4
    """
    from edgecnn.core.progress import Terminal
    from edgecnn.devices import delegates
    from edgecnn.estimation.calibration import calibrate_and_keep

    progress = Terminal()
    try:
        delegate = delegates.resolve(settings.delegate)
        found = calibrate_and_keep(device, delegate, settings.threads, progress, progress.between(note))
    finally:
        progress.close()
    emit(found.to_dict(), json_path, lambda: _show_calibration(found))


def _show_calibration(found: Calibration) -> None:
    from edgecnn.estimation import known
    from edgecnn.estimation.calibration import summary

    columns = ("network", "measured", "by the others", "difference")
    print_table(columns, summary(found), title="Probe networks, and as a law says that was fitted without each")
    for sentence in (*found.failures, *found.laws.notes):
        say(sentence)
    threads = counted(found.laws.threads, "thread")
    place = known.path_of(found.device)
    say(f"Calibrated {found.device} ({found.laws.runtime}, {threads}) in {found.seconds:.0f} s: {place}")
    say(f"Next: edgecnn estimate MODEL --device {shlex.quote(found.device)}")


def _show(found: list) -> None:  # type: ignore[type-arg]
    marks = {"ok": "", "advice": "advice", "problem": "PROBLEM"}
    print_table(("", "found", "verdict"), [[entry.topic, entry.value, marks[entry.level]] for entry in found])
    for entry in found:
        if entry.remedy:
            say(f"{entry.topic}: {entry.remedy}")
