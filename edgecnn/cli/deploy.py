"""`edgecnn deploy`: a camera that answers by itself, as a service of a board."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgecnn.camera.settings import DemoOptions
from edgecnn.cli._arguments import TFLITE
from edgecnn.cli._listing import CommandGroup
from edgecnn.cli._options import Command, options_of
from edgecnn.cli._output import emit, json_option, note, print_table, say, wide_option
from edgecnn.core.text import similar
from edgecnn.deployment.settings import Boards, LogSettings, Target

if TYPE_CHECKING:
    from edgecnn.deployment.deploying import Outcome

GROUP = "Boards and cameras"
POSITION = 235
_OF_THE_PAGE = ("headless", "host", "port", "record", "as_fast_as_possible", "seconds", "frames")


class _Deploy(CommandGroup):
    """A first word that is no command of the group belongs to `install`, which is what is typed most."""

    def expanded(self, ctx: click.Context, args: list[str]) -> list[str]:
        """With `install` before its arguments."""
        first = args[0] if args else ""
        mistyped = not Path(first).exists() and similar(first, self.commands)
        if first and first not in (*self.commands, *ctx.help_option_names) and not mistyped:
            return ["install", *args]
        return args


@click.group(cls=_Deploy, context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Run a .tflite MODEL on a board's camera as a service: from boot on, with updates that go back if they fail.

    `edgecnn deploy MODEL` is short for `edgecnn deploy install MODEL`.

    \b
    Examples:
      edgecnn deploy m.tflite --device pi4
      edgecnn deploy status --device pi4
      edgecnn deploy rollback --device pi4
    """


@command.command(cls=Command)
@click.argument("model", type=TFLITE)
@options_of(Target, "target")
@click.option("--container", metavar="FOLDER", help="Write a folder to build a container from, and deploy to no board.")
@options_of(DemoOptions, "given", partial=True, without=_OF_THE_PAGE)
@json_option
@wide_option
def install(model: str, target: Target, container: str | None, given: dict[str, Any], json_path: str | None) -> int:
    """Put MODEL, edgecnn's runtime and a systemd unit on boards, or update what runs there.

    On each board the golden vectors are replayed first; if the new version gives other answers or does not come up,
    the one before it stays. Files and cameras are the board's, MODEL and the files of passwords are copied there.

    \b
    Examples:
      edgecnn deploy m.tflite --device pi4 --device door
      edgecnn deploy m.tflite --device pi4 --sink mqtt:broker.local
      edgecnn deploy m.tflite --container image
    """
    from edgecnn.devices import delegates

    delegate = delegates.resolve(given.get("delegate", DemoOptions.delegate))
    options = DemoOptions.of({**given, "delegate": delegate}, model=model, view="none")
    if container is not None:
        return _write(options, target, container, json_path)
    from edgecnn.deployment.deploying import deploy

    return _told(deploy(options, target, note), json_path)


@command.command(cls=Command)
@options_of(Boards, "boards")
@json_option
@wide_option
def status(boards: Boards, json_path: str | None) -> int:
    """Show all deployments of boards: what runs, which version, since when.

    \b
    Example:
      edgecnn deploy status --device pi4
    """
    from edgecnn.deployment.deploying import list_deployments

    return _told(list_deployments(boards, note), json_path)


@command.command(cls=Command)
@options_of(Target, "target")
@options_of(LogSettings, "settings")
def logs(target: Target, settings: LogSettings) -> None:
    """Show what a deployment has written to its board's journal.

    \b
    Example:
      edgecnn deploy logs --device pi4 --follow
    """
    from edgecnn.deployment import deploying

    for line in deploying.logs(target, settings, note):
        say(line)


_CHANGES = {
    "start": "Start a deployment that was stopped, now and at boot.",
    "stop": "Stop a deployment, also at boot, and keep it.",
    "rollback": "Go back to the version before; once more, and the newer one is back.",
    "remove": "Remove a deployment: service, versions, passwords and cache; nothing is left on the board.",
}


def _change(action: str, summary: str) -> None:
    """Add a command that changes deployments which are there."""

    @command.command(action, cls=Command, help=f"{summary}\n\n\b\nExample:\n  edgecnn deploy {action} --device pi4")
    @options_of(Target, "target")
    @json_option
    @wide_option
    def change(target: Target, json_path: str | None) -> int:
        from edgecnn.deployment.deploying import control

        return _told(control(action, target, note), json_path)


for _action, _summary in _CHANGES.items():
    _change(_action, _summary)


def _told(outcomes: list[Outcome], json_path: str | None) -> int:
    emit({"boards": [each.to_dict() for each in outcomes]}, json_path, lambda: _show(outcomes))
    for each in outcomes:
        if each.error:
            note(f"Error: {each.error}")
    return int(any(each.error for each in outcomes))


def _show(outcomes: list[Outcome]) -> None:
    rows = []
    for outcome in outcomes:
        for each in outcome.deployments:
            boot = "yes" if each.at_boot else "no"
            rows.append(
                (outcome.device, f"{each.name}{' (system)' if each.system else ''}", each.state, each.model,
                 f"{each.version}{' (on trial)' if each.on_trial else ''}", boot, str(each.restarts), each.since)
            )  # fmt: skip
        for sentence in (each.detail for each in outcome.deployments if each.detail):
            say(f"{outcome.device}: {sentence}")
    columns = ("board", "name", "state", "model", "version", "at boot", "restarts", "since")
    if rows:
        print_table(columns, rows, drop_first=("since", "restarts", "at boot", "version"))
    elif not any(each.error for each in outcomes):
        say("There are no deployments.")


def _write(options: DemoOptions, target: Target, folder: str, json_path: str | None) -> int:
    from edgecnn.deployment.container import write

    if target.device:
        raise click.UsageError("--container and --device can't be used together. Remove one of them.")
    written = write(options, folder)
    values = {"folder": folder, "files": sorted(written)}
    emit(values, json_path, lambda: say(f"Wrote {folder}: {', '.join(sorted(written))}. README.md says how to go on."))
    return 0
