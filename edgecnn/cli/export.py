"""`edgecnn export`: an artifact as a folder for another program."""

from __future__ import annotations

import click

from edgecnn.cli._arguments import TFLITE
from edgecnn.cli._options import Command, options_of
from edgecnn.cli._output import emit, json_option, output_option, say, show_notes
from edgecnn.core.hints import Hints
from edgecnn.core.registry import EXPORTS
from edgecnn.exports.settings import ExportSettings

GROUP = "Quantize and check"
POSITION = 150


@click.command(cls=Command)
@click.argument("model", type=TFLITE, metavar="MODEL.tflite")
@output_option("Folder to write; an earlier export in its place is replaced.")
@options_of(ExportSettings, "settings")
@options_of(Hints, "hints")
@json_option
def command(model: str, output: str, settings: ExportSettings, hints: Hints, json_path: str | None) -> None:
    """Write a folder with which another program runs MODEL; its README says how.

    \b
    Targets:
    {targets}
    \b
    Examples:
      edgecnn export lite0.tflite --for python -o classifier
      edgecnn export lite0.tflite --for web -o page
    """
    from edgecnn.exports import export

    done = export(hints.read(model), settings.target, output, settings.options)
    show_notes(done.notes)
    emit(done.to_dict(), json_path, lambda: say(f"Wrote {done.folder}: {', '.join(done.files)}"))


def _targets() -> str:
    """Name and summary of every target."""
    return "\n".join(f"      {name:<8}  {EXPORTS.literal(name, 'SUMMARY')}" for name in EXPORTS.names()).lstrip()


command.help = (command.help or "").replace("{targets}", f"  {_targets()}")
