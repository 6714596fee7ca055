"""`edgecnn doctor`: why is the int8 model worse than the float model, and what helps?"""

from __future__ import annotations

from typing import Any

import click

from edgecnn.cli._arguments import AGAINST_FLOAT, ARTIFACT
from edgecnn.cli._options import Command, options_of
from edgecnn.cli._output import emit, json_option, note, print_table, say, show_notes, trust_option, wide_option
from edgecnn.cli._outputs import OutputFile
from edgecnn.core.hints import Hints
from edgecnn.verification.settings import DoctorSettings

GROUP = "Quantize and check"
POSITION = 130


@click.command(cls=Command)
@click.argument("model", type=ARTIFACT)
@click.option(
    "--against", type=AGAINST_FLOAT, required=True, metavar="FLOAT", help="The float model that MODEL was made from."
)
@options_of(DoctorSettings, "settings")
@options_of(Hints, "hints")
@click.option(
    "-o", "--output", type=OutputFile(".html"), metavar="FILE", help="HTML page with charts to write; ends with .html."
)
@trust_option
@json_option
@wide_option
def command(
    model: str,
    against: str,
    settings: DoctorSettings,
    hints: Hints,
    output: str | None,
    trust: bool,
    json_path: str | None,
) -> None:
    """Diagnose the int8 artifact MODEL layer by layer: causes of its loss, evidence, remedies, and their gain.

    \b
    Example:
      edgecnn doctor m.tflite --against m.keras --data photos -o doctor.html
    """
    from edgecnn.core.progress import Terminal
    from edgecnn.data import open_data
    from edgecnn.verification.doctor import diagnose

    progress = Terminal()
    try:
        pictures = open_data(settings.data).part("test", "validation").sample(settings.samples)
        show_notes(pictures.notes)
        diagnosis, case = diagnose(hints.read(model), against, pictures, hints=hints, trust=trust, progress=progress)
    finally:
        progress.close()
    if output:
        from edgecnn.core.files import write_text
        from edgecnn.verification.doctor.page import render

        write_text(output, render(diagnosis, case))
        note(f"Wrote {output}.")
    emit(diagnosis.to_dict(), json_path, lambda: _show(diagnosis))


def _show(diagnosis: Any) -> None:
    say(f"{diagnosis.model}: {diagnosis.snr_db:.1f} dB SQNR of the outputs, {diagnosis.pictures} images")
    rows = [
        [layer.layer, layer.operator, f"{layer.share_percent:.1f}", f"{layer.alone_snr_db:.1f}",
         f"{layer.all_but_snr_db:.1f}", f"{layer.snr_db:.1f}"]
        for layer in diagnosis.worst()
    ]  # fmt: skip
    columns = (
        "worst layers", "operator", "% of noise", "only this layer, dB", "all but this layer, dB", "own output, dB",
    )  # fmt: skip
    print_table(columns, rows, drop_first=("operator", "own output, dB"))
    for finding in diagnosis.findings:
        say(f"{finding.cause}: {finding.summary}\n  {finding.evidence}\n  Remedy: {finding.remedy}")
        if finding.after_snr_db is not None:
            say(f"  Remedy applied: {finding.before_snr_db:.1f} to {finding.after_snr_db:.1f} dB SQNR")
    if not diagnosis.findings:
        say("No single cause stands out: the loss is spread over the layers.")
