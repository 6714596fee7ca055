"""`edgecnn compile`: an int8 model for an accelerator with a compiler of its own."""

from __future__ import annotations

from pathlib import Path

import click

from edgecnn.cli._output import emit, json_option, note, print_table


@click.command()
@click.argument("model", type=click.Path(), metavar="MODEL.tflite")
@click.option("--target", required=True, metavar="edgetpu", help="What to compile for.")
@click.option("-o", "--output", metavar="FILE", help="Where to write it.  [default: MODEL_TARGET.tflite]")
@json_option
def command(model: str, target: str, output: str | None, json_path: str | None) -> None:
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
    from edgecnn.targets.text import table

    path = Path(model)
    destination = Path(output) if output else path.with_name(f"{path.stem}_{target}.tflite")
    source = read(path)
    for sentence in targets.expectation(source.model, target, path.name):
        note(f"Before it is compiled: {sentence}")
    report = targets.compile(source, destination, target)
    note(f"Wrote {destination}.")

    def show() -> None:
        print_table(*table(report), title=f"{path.name} on the {report.target}")
        for line in report.summary():
            click.echo(line)

    emit({"output": str(destination), **report.to_dict()}, json_path, show)
