"""`edgecnn compile`: an int8 model for an accelerator with a compiler of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from edgecnn.cli._arguments import TFLITE
from edgecnn.cli._options import Command, options_of
from edgecnn.cli._output import emit, json_option, note, print_table, say, wide_option
from edgecnn.cli._outputs import OutputFile
from edgecnn.core.options import REQUIRED, Settings, option
from edgecnn.core.registry import TARGETS

GROUP = "Quantize and check"
POSITION = 140


@dataclass(frozen=True)
class CompileSettings(Settings):
    """What for."""

    target: str = option("Accelerator to compile for.", REQUIRED, choices=TARGETS.names)


@click.command(cls=Command)
@click.argument("model", type=TFLITE, metavar="MODEL.tflite")
@options_of(CompileSettings, "settings")
@click.option(
    "-o", "--output", type=OutputFile(), metavar="FILE", help="Model file to write.  [default: MODEL_TARGET.tflite]"
)
@json_option
@wide_option
def command(model: str, settings: CompileSettings, output: str | None, json_path: str | None) -> None:
    """Compile MODEL, any .tflite file, for an accelerator; a contract stays inside the file.

    The target's own compiler must be installed: for the Edge TPU `edgetpu_compiler` (x86-64 Linux). Without it,
    `edgecnn inspect MODEL --target edgetpu` estimates what it would do. The compiler decides: what the rules expect
    of it is only said before.

    \b
    Example:
        edgecnn compile mobilenet_v2_int8.tflite --target edgetpu
    """
    from edgecnn import targets
    from edgecnn.targets.model import read
    from edgecnn.targets.text import DROP_FIRST, table

    path, target = Path(model), settings.target
    destination = Path(output) if output else path.with_name(f"{path.stem}_{target}.tflite")
    source = read(path)
    for sentence in targets.expectation(source.model, target, path.name):
        note(f"Before compilation: {sentence}")
    report = targets.compile(source, destination, target)
    note(f"Wrote {destination}.")

    def show() -> None:
        print_table(*table(report), title=f"{path.name} on the {report.target}", drop_first=DROP_FIRST)
        for line in report.summary():
            say(line)

    emit({"output": str(destination), **report.to_dict()}, json_path, show)
