"""`edgecnn quantize`: a float model becomes a `.tflite` artifact."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from edgecnn.cli._arguments import FLOAT
from edgecnn.cli._options import Command, flag, options_of
from edgecnn.cli._output import (
    emit,
    json_option,
    note,
    output_option,
    print_table,
    say,
    show_notes,
    trust_option,
    wide_option,
)
from edgecnn.core.registry import SCHEMES
from edgecnn.core.text import counted
from edgecnn.ladder.settings import LadderSettings
from edgecnn.quantization.settings import QuantizeSettings

if TYPE_CHECKING:
    from edgecnn.ladder import Climb
    from edgecnn.runtime.model.model_file import ModelFile


GROUP = "Quantize and check"
POSITION = 110


@click.command(cls=Command)
@click.argument("model", type=FLOAT)
@output_option("Artifact to write; ends with .tflite.")
@options_of(QuantizeSettings, "settings")
@trust_option
@options_of(LadderSettings, "ladder")
@json_option
@wide_option
def command(
    model: str,
    output: str,
    settings: QuantizeSettings,
    trust: bool,
    ladder: LadderSettings,
    json_path: str | None,
) -> None:
    """Convert MODEL (.keras, .h5, SavedModel folder, .onnx, .pt2, float .tflite) to a .tflite with its contract.

    \b
    Schemes:
    {schemes}
    \b
    Examples:
      edgecnn quantize lite0.keras -o lite0.tflite --calibration photos
      edgecnn quantize m.keras -o m.tflite --keep-float stem_conv,block0_bn
      edgecnn quantize lite0.keras -o lite0.tflite --max-drop 0.5 --data pictures/
      edgecnn quantize m.keras -o m.tflite --min-agreement 98 --data pictures/
      edgecnn quantize theirs.onnx -o m.tflite --mean 127.5 --std 127.5
    """
    if ladder.bounded:
        _refuse_of_schemes(settings)
        _climb(model, output, settings, ladder, trust, json_path)
        return
    for key in ladder.given():
        raise click.UsageError(f"{flag(key)} needs --max-drop or --min-agreement.")
    _convert(model, output, settings, trust, json_path)


def _schemes() -> str:
    """Name and summary of every scheme."""
    return "\n".join(f"      {name:<15}  {SCHEMES.literal(name, 'SUMMARY')}" for name in SCHEMES.names()).lstrip()


command.help = (command.help or "").replace("{schemes}", f"  {_schemes()}")


def _refuse_of_schemes(settings: QuantizeSettings) -> None:
    """Refuse what the ladder decides itself."""
    if settings.probabilities:
        raise click.UsageError(
            "--probabilities can't be used with --max-drop or --min-agreement, which compare logits. Remove it;"
            " `edgecnn export` adds a softmax where a program needs one."
        )
    own = {"improve": settings.calibration.improve, "keep_float": settings.keep_float, "raw": settings.raw}
    for key in (key for key, value in own.items() if value):
        raise click.UsageError(
            f"{flag(key)} can't be used with --max-drop or --min-agreement, which choose its value themselves. "
            "Remove one of them."
        )
    if settings.scheme not in ("int8", "int8_per_tensor"):
        raise click.UsageError(
            f"--scheme {settings.scheme} can't be used with --max-drop or --min-agreement, which choose the scheme "
            "themselves. Use --scheme int8_per_tensor for an accelerator with per-tensor weights, or remove the bound."
        )


def _convert(model: str, output: str, settings: QuantizeSettings, trust: bool, json_path: str | None) -> None:
    """By one scheme."""
    from edgecnn.core.progress import Terminal
    from edgecnn.data import open_data
    from edgecnn.quantization import quantize

    progress = Terminal()
    try:
        file = quantize(
            model, output, scheme=settings.plugin, calibration=settings.calibration, io=settings.io, raw=settings.raw,
            probabilities=settings.probabilities, trust=trust, hints=settings.hints, progress=progress,
        )  # fmt: skip
    finally:
        progress.close()
    show_notes(file.contract.assumed)
    if file.contract.provenance.calibration is not None:
        show_notes(open_data(settings.calibration.data).part("train").notes)
    result = {
        "output": output,
        "size_bytes": len(file.data),
        "sha256": file.sha256,
        "contract": file.contract.to_dict(),
    }
    emit(result, json_path, lambda: say(_sentence(file, output)))


def _climb(
    model: str, output: str, settings: QuantizeSettings, ladder: LadderSettings, trust: bool, json_path: str | None
) -> None:
    """With a bound: the first configuration of the ladder that meets it."""
    from edgecnn.core.progress import Terminal
    from edgecnn.ladder.climb import blame, check, climb

    bounds, data, training = ladder.checked(settings)
    progress = Terminal()
    try:
        climbed = climb(
            model, output, bounds, data, calibration=settings.calibration, training=training, trust=trust,
            hints=settings.hints, progress=progress,
        )  # fmt: skip
    finally:
        progress.close()
    emit(climbed.record().to_dict(), json_path, lambda: _show(climbed))
    _notes(climbed)
    if not climbed.reached:
        check(climbed, bounds, blame(climbed, model, data, trust=trust))


def _show(climbed: Climb) -> None:
    from edgecnn.ladder import Tried

    rows = [
        [entry.configuration, entry.verdict, str(entry.agreement), str(entry.drop or "").replace(" %", ""),
         f"{entry.size_bytes / 1e6:.2f}", f"{entry.latency_ms:.1f}", f"{entry.added_latency_ms:+.1f}", entry.what]
        if isinstance(entry, Tried) else [entry.configuration, "skipped", *[""] * 5, entry.what]
        for entry in climbed.entries
    ]  # fmt: skip
    columns = ["configuration", "verdict", "agreement", "drop, points", "MB", "ms here", "added ms", "description"]
    print_table(columns, rows, drop_first=("description", "added ms", "MB", "ms here"))
    if climbed.reached:
        say(f"{climbed.path}: {climbed.tried[-1].configuration}")


def _notes(climbed: Climb) -> None:
    from edgecnn.ladder import Skipped

    if climbed.left_out:
        note(
            f"Note: excluded {counted(climbed.left_out, 'image')} used for calibration or training from the evaluation."
        )
    for entry in climbed.entries:
        if isinstance(entry, Skipped):
            note(f"Note: {entry.configuration} was skipped: {entry.reason.rstrip('.')}.")
        elif entry.verdict == "inconclusive":
            needed = (
                f"about {entry.pictures_needed:,} images are needed"
                if entry.pictures_needed
                else "no number of images would be enough"
            )
            met = f"{entry.configuration} is within the bound on {entry.pictures} images"
            note(f"Note: {met}, but the result is inconclusive: {needed}.")


def _sentence(file: ModelFile, output: str) -> str:
    from edgecnn.runtime.run.engine import Interface

    provenance, interface = file.contract.provenance, Interface(file)
    calibration = provenance.calibration
    on = f", calibrated on {calibration.samples} images of {calibration.data}" if calibration else ""
    if provenance.qat:
        on = ", with the activation ranges that were trained"
    taken, given = interface.input.dtype.name, " and ".join(sorted({info.dtype.name for info in interface.outputs}))
    types = f"{taken} input and output" if taken == given else f"{taken} input, {given} output"
    return f"{output}: {provenance.scheme}, {types}, {len(file.data) / 1e6:.2f} MB{on}."
