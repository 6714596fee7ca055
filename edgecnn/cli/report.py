"""`edgecnn report`: the page, from what was measured before."""

from __future__ import annotations

from pathlib import Path

import click

from edgecnn.cli._arguments import TFLITE
from edgecnn.cli._options import Command, options_of
from edgecnn.cli._output import say
from edgecnn.cli._outputs import OutputFile
from edgecnn.core.hints import Hints
from edgecnn.estimation.settings import EstimateSettings

GROUP = "Look inside"
POSITION = 330


@click.command(cls=Command)
@click.argument("model", type=TFLITE)
@click.option(
    "-o",
    "--output",
    type=OutputFile(".html"),
    required=True,
    metavar="FILE",
    help="HTML page to write; ends with .html.",
)
@click.option("--verification", type=click.Path(), metavar="FILE", help="Output of `edgecnn verify --json FILE`.")
@click.option(
    "--profile",
    "profiles",
    type=click.Path(),
    multiple=True,
    metavar="FILE",
    help="Output of `edgecnn profile --json FILE`; may be given more than once.",
)
@options_of(EstimateSettings, "place")
@options_of(Hints, "hints")
def command(
    model: str,
    output: str,
    verification: str | None,
    profiles: tuple[str, ...],
    place: EstimateSettings,
    hints: Hints,
) -> None:
    """Write one self-contained HTML page about the artifact MODEL.

    \b
    Example:
      edgecnn report m.tflite -o m.html --verification v.json --profile pi.json
      edgecnn report m.tflite -o m.html --board raspberry_pi_4
    """
    from edgecnn import reporting
    from edgecnn.core.files import read_record
    from edgecnn.estimation import estimate
    from edgecnn.profiling.results import Results
    from edgecnn.verification import Verification

    measured = [read_record(path, Results, "the output of `edgecnn profile --json FILE`") for path in profiles]
    found = None
    if verification:
        found = read_record(verification, Verification, "the output of `edgecnn verify --json FILE`")
    reporting.write(
        output, model, found, [profile for results in measured for profile in results.profiles],
        per_op=[entry for results in measured for entry in results.per_op],
        sustained=[entry for results in measured for entry in results.sustained],
        hints=hints,
        estimates=estimate(model, place) if place.is_given else (),
    )  # fmt: skip
    say(f"Wrote {Path(output).resolve().as_uri()}")
