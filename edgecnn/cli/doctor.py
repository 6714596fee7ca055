"""`edgecnn doctor`: why is the int8 model worse than the float model, and what helps?"""

from __future__ import annotations

from typing import Any

import click

from edgecnn.cli._output import emit, json_option, note, print_table


@click.command()
@click.argument("model", type=click.Path())
@click.option("--against", required=True, metavar="FLOAT", help="The Keras model that MODEL was made from.")
@click.option(
    "--data", required=True, metavar="DATA", help="Pictures like those of its use; half of them try remedies."
)
@click.option(
    "--samples", type=click.IntRange(1), default=64, show_default=True, metavar="N", help="Use N of the pictures."
)
@click.option("-o", "--output", metavar="FILE", help="Write a page with drawings, .html.")
@click.option("--trust", is_flag=True, help="Run code that the float model's file carries.")
@json_option
def command(model: str, against: str, data: str, json_path: str | None, **options: Any) -> None:
    """Examine the int8 artifact MODEL layer by layer: the cause, the evidence, the remedy, and what it gains.

    \b
    Example:
      edgecnn doctor lite0.tflite --against lite0.keras --data photos -o doctor.html
    """
    from edgecnn.core.progress import Terminal
    from edgecnn.data import open_data
    from edgecnn.runtime.model import model_file
    from edgecnn.verification.doctor import diagnose

    progress = Terminal()
    try:
        pictures = open_data(data).sample(options["samples"])
        diagnosis, case = diagnose(model_file.read(model), against, pictures, trust=options["trust"], progress=progress)
    finally:
        progress.close()
    if options["output"]:
        from edgecnn.core.files import write_bytes
        from edgecnn.verification.doctor.page import render

        write_bytes(options["output"], render(diagnosis, case).encode())
        note(f"Wrote {options['output']}.")
    emit(diagnosis.to_dict(), json_path, lambda: _show(diagnosis))


def _show(diagnosis: Any) -> None:
    click.echo(
        f"{diagnosis.model}: {diagnosis.snr_db:.1f} dB signal-to-noise of the scores, {diagnosis.pictures} pictures"
    )
    rows = [
        [layer.layer, layer.operator, f"{layer.share_percent:.1f}", f"{layer.alone_snr_db:.1f}",
         f"{layer.all_but_snr_db:.1f}", f"{layer.snr_db:.1f}"]
        for layer in diagnosis.worst()
    ]  # fmt: skip
    columns = ("worst layers", "operator", "% of noise", "alone dB", "all but it dB", "its output dB")
    print_table(columns, rows)
    for finding in diagnosis.findings:
        click.echo(f"{finding.cause}: {finding.summary}\n  {finding.evidence}\n  Remedy: {finding.remedy}")
        if finding.after_snr_db is not None:
            click.echo(f"  Tried: {finding.before_snr_db:.1f} to {finding.after_snr_db:.1f} dB")
    if not diagnosis.findings:
        click.echo("No cause stands out: what is lost is spread over the layers.")
