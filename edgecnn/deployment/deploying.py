"""Deploys to boards, and asks them what runs. Runs on the host."""

from __future__ import annotations

import base64
import dataclasses
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgecnn.camera.settings import DemoOptions
from edgecnn.core.errors import DeviceError, EdgecnnError
from edgecnn.core.files import sha256
from edgecnn.core.text import printable, to_stderr
from edgecnn.deployment import answers
from edgecnn.deployment.answers import State
from edgecnn.deployment.board.places import PREFIX
from edgecnn.deployment.board.service import OPTIONS
from edgecnn.deployment.link import Link, link
from edgecnn.deployment.settings import Boards, LogSettings, Target
from edgecnn.deployment.version import APP, LABELS, MODEL, Version, archive, secret_path, version
from edgecnn.devices import Note
from edgecnn.devices.child import lines
from edgecnn.runtime.model.validation import Record
from edgecnn.runtime.run.golden import GoldenResult

ACTIONS = ("start", "stop", "rollback", "remove")
_LONGEST_LINE = 1 << 16


@dataclass(frozen=True)
class Outcome(Record):
    """What became of one board.

    Attributes:
        device: the board.
        deployments: what is there now; of a change the one that was changed.
        golden: how the board's answers compare with the host's, where a version was replayed.
        error: what went wrong, a message; empty if nothing did.
    """

    device: str
    deployments: tuple[State, ...] = ()
    golden: GoldenResult | None = None
    error: str = ""


def deploy(options: DemoOptions, target: Target, note: Note = to_stderr) -> list[Outcome]:
    """Put a model and its camera on boards as a service.

    On each board the golden vectors are replayed first. The version is then written beside the one that runs, takes its
    place by one rename, and the service is started again; if that doesn't come up, the version before comes back.

    Args:
        options: as for a demo without a page; the source and the delegate are the board's.
        target: boards and name.
        note: told what a person who waits wants to know.

    Returns:
        One outcome per board, in their order; an error on one doesn't stop the others.

    Raises:
        EdgecnnError: the model or an option is wrong, before any board is asked.
    """
    made = version(options)
    return [_outcome(device, note, lambda there: _install(there, made, target)) for device in target.devices]


def control(action: str, target: Target, note: Note = to_stderr) -> list[Outcome]:
    """Start, stop, roll back or remove a deployment.

    Args:
        action: one of `ACTIONS`.
        target: boards and name.
        note: told what a person who waits wants to know.

    Returns:
        One outcome per board.
    """
    app = archive([])

    def act(there: Link) -> Outcome:
        request = {"action": action, "name": target.name, "system": target.system}
        text = there.ask(app, request, f"`deploy {action}` ran", root=target.system)
        return Outcome(there.name, (answers.state(text, there.name),))

    return [_outcome(device, note, act) for device in target.devices]


def list_deployments(boards: Boards, note: Note = to_stderr) -> list[Outcome]:
    """All deployments of boards, of the user and of the system; one outcome per board."""
    app = archive([])

    def act(there: Link) -> Outcome:
        text = there.ask(app, {"action": "list"}, "`deploy status` ran")
        return Outcome(there.name, answers.states(text, there.name))

    return [_outcome(device, note, act) for device in boards.devices]


def logs(target: Target, settings: LogSettings, note: Note = to_stderr) -> Iterator[str]:
    """Lines of a deployment's journal, printable; those of several boards one after the other.

    Raises:
        DeviceError: the board can't be reached, or has no journal.
    """
    unit = f"{PREFIX}{target.name}.service"
    which = ["-u", unit] if target.system else ["--user-unit", unit]
    words = ["journalctl", *which, "--lines", str(settings.lines), "--output", "short-iso", "--no-pager"]
    for device in target.devices:
        with link(device, note) as there:
            yield from _lines_of(there, [*words, *(["--follow"] if settings.follow else [])])


def _lines_of(there: Link, words: Sequence[str]) -> Iterator[str]:
    command = there.command(words)
    try:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            assert process.stdout
            try:
                for line in lines(process.stdout, _LONGEST_LINE):
                    yield printable(line.decode("utf-8", "replace"))
            finally:
                process.terminate()
            status = process.wait()
    except FileNotFoundError as error:
        raise DeviceError(
            f"{there.name}: {error.filename} is not installed; expected a system with systemd."
        ) from error
    if status > 0:
        raise DeviceError(
            f"{there.name}: journalctl ended with status {status}. Check that it runs there: {' '.join(words[:3])}"
        )


def _outcome(device: str, note: Note, act: Callable[[Link], Outcome]) -> Outcome:
    try:
        with link(device, note) as there:
            return act(there)
    except EdgecnnError as error:
        return Outcome(device, error=str(error))


def _install(there: Link, made: Version, target: Target) -> Outcome:
    """Replay, then install.

    Raises:
        DeviceError: the board gives other answers, or the version doesn't come up.
    """
    app = made.files[APP]
    paths = there.bring_all({name: made.files[name] for name in (APP, MODEL, LABELS) if name in made.files})
    found = _replayed(there, made, paths)
    files: dict[str, Any] = {name: {"path": path, "sha256": sha256(made.files[name])} for name, path in paths.items()}
    files[OPTIONS] = _sent(made.files[OPTIONS])
    files |= {secret_path(name): _sent(content, secret=True) for name, content in made.secrets.items()}
    request = {
        "action": "install",
        "name": target.name,
        "system": target.system,
        "title": made.title,
        "model": made.file.contract.name,
        "files": files,
        "groups": made.groups,
        "devices": made.devices,
    }
    text = there.ask(app, request, "the service was installed", root=target.system)
    return Outcome(there.name, (answers.state(text, there.name),), found)


def _replayed(there: Link, made: Version, paths: Mapping[str, str]) -> GoldenResult:
    """How the board's answers to the golden vectors compare with the host's.

    Raises:
        DeviceError: they are others.
    """
    there.note(f"{there.name}: replaying the golden vectors ...")
    hints = made.options.hints
    if hints.labels:
        hints = dataclasses.replace(hints, labels=Path(paths[LABELS]))
    options = dataclasses.replace(made.options, model=paths[MODEL], hints=hints)
    request = {"action": "replay", "options": options.to_json(), "golden": made.golden.to_dict()}
    text = there.ask(made.files[APP], request, "the golden vectors were replayed")
    found = answers.replayed(text, there.name)
    if not found.passed:
        raise DeviceError(
            f"{there.name}: {made.file.name} gives other answers there than on the host for "
            f"{found.count - found.same_answer} of {found.count} golden vectors, up to {found.max_steps} quantization "
            "steps apart. It was not deployed, and what ran before goes on. Check the board: edgecnn devices check "
            f"{there.name}"
        )
    there.note(f"{there.name}: {found.identical} of {found.count} golden vectors identical.")
    return found


def _sent(content: bytes, *, secret: bool = False) -> dict[str, Any]:
    """A file that travels with the request, by standard input: on no command line, and in no cache."""
    return {"data": base64.b64encode(content).decode(), "secret": secret}
