"""`edgecnn quantize`: a Keras model becomes a `.tflite` artifact."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edgecnn.cli._output import emit, json_option, note, print_table
from edgecnn.registry import SCHEMES


@click.command()
@click.argument("model", type=click.Path())
@click.option("-o", "--output", required=True, metavar="FILE", help="Where to write the artifact; ends with .tflite.")
@click.option("--scheme", type=click.Choice(SCHEMES.names()), default="int8", show_default=True, help="See below.")
@click.option(
    "--calibration", "data", default="photos", show_default=True, metavar="DATA", help="Pictures to calibrate on."
)
@click.option("--samples", type=int, default=100, show_default=True, metavar="N", help="How many of them.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of their choice.")
@click.option(
    "--improve",
    type=click.Choice(["none", "fast", "best"]),
    help="Better rounding and biases: for int8.  [default: fast]",
)
@click.option(
    "--io",
    type=click.Choice(["uint8", "int8", "int16", "float32"]),
    help="Type of input and output.  [default: uint8 for int8]",
)
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Class names, one per line, for a model by others.",
)
@click.option("--mean", metavar="M[,M,M]", help="Input normalization in pixel values, for a model by others.")
@click.option("--std", metavar="S[,S,S]", help="The model sees (pixel - mean) / std.")
@click.option("--input-size", type=int, metavar="N", help="For a model by others that leaves it open.")
@click.option("--trust", is_flag=True, help="Run code that the model file carries (Lambda and custom layers).")
@click.option(
    "--max-drop", type=float, metavar="POINTS", help="Try schemes until top-1 drops by no more; needs --data."
)
@click.option("--min-agreement", type=float, metavar="PERCENT", help="The same for pictures with the float answer.")
@click.option("--data", "held_out", metavar="DATA", help="Pictures to judge by; never those of --calibration.")
@click.option("--edge-tpu", is_flag=True, help="Only what an Edge TPU can run: int8 throughout.")
@json_option
def command(model: str, output: str, json_path: str | None, **options: Any) -> None:
    """Convert MODEL (.keras, .h5 or a SavedModel folder) to a .tflite that carries its contract.

    \b
    Schemes:
      int8             int8 weights (per channel) and activations: CPUs and the Edge TPU
      int8_per_tensor  one weight scale per tensor: accelerators without per-channel scales
      int8_mixed       int8, the layers that lose most in float: CPU only
      int16x8          int8 weights, int16 activations: nearly float accuracy, slower
      dynamic_int8     int8 weights, activations quantized at run time: no calibration
      float16          half the file, float speed
      float32          no quantization
    \b
    Example:
      edgecnn quantize lite0.keras -o lite0.tflite --calibration photos
      edgecnn quantize lite0.keras -o lite0.tflite --max-drop 0.5 --data pictures/
    """
    if options["max_drop"] is not None or options["min_agreement"] is not None:
        _climb(model, output, json_path, options)
        return
    from edgecnn.progress import Terminal
    from edgecnn.quantize import Calibration, Hints, quantize

    hints = Hints(
        _numbers("--mean", options["mean"]), _numbers("--std", options["std"]), options["labels"], options["input_size"]
    )
    progress = Terminal()
    try:
        file = quantize(
            model,
            output,
            scheme=options["scheme"],
            calibration=Calibration(options["data"], options["samples"], options["seed"], options["improve"]),
            io=options["io"],
            trust=options["trust"],
            hints=hints,
            progress=progress,
        )
    finally:
        progress.close()
    for sentence in file.contract.assumed:
        note(f"Note: {sentence}")
    result = {
        "output": output,
        "size_bytes": len(file.data),
        "sha256": file.sha256,
        "contract": file.contract.to_dict(),
    }
    emit(result, json_path, lambda: click.echo(_sentence(result)))


def _climb(model: str, output: str, json_path: str | None, options: dict[str, Any]) -> None:
    """With a bound: the first rung of the ladder that is within it."""
    from edgecnn.progress import Terminal
    from edgecnn.quantize import Calibration
    from edgecnn.quantize.ladder import Bounds, blame, check, climb

    if not options["held_out"]:
        raise click.UsageError("--max-drop and --min-agreement need --data: pictures to judge by.")
    given = [name for name in ("labels", "mean", "std", "input_size", "improve") if options[name] is not None]
    if given:
        raise click.UsageError(
            f"A bound doesn't go with --{given[0].replace('_', '-')}: the ladder tries its own schemes."
        )
    bounds = Bounds(options["max_drop"], options["min_agreement"], options["edge_tpu"])
    progress = Terminal()
    try:
        climbed = climb(
            model, output, bounds, options["held_out"], io=options["io"], trust=options["trust"], progress=progress,
            calibration=Calibration(options["data"], options["samples"], options["seed"]),
        )  # fmt: skip
    finally:
        progress.close()
    result = {
        "output": climbed.file.name,
        "reached": climbed.reached,
        "steps": [step.to_dict() for step in climbed.steps],
    }
    emit(result, json_path, lambda: _show(climbed))
    for step in climbed.steps:
        if step.verdict == "not shown":
            enough = f"about {step.pictures_needed:,} would do" if step.pictures_needed else "no number would do"
            note(f"Note: {step.rung} is within the bound on these {step.pictures} pictures. Not shown: {enough}.")
    if not climbed.reached:
        check(climbed, bounds, blame(climbed, model, options["held_out"], trust=options["trust"]))


def _show(climbed: Any) -> None:
    rows = [
        [step.rung, step.verdict, str(step.agreement), str(step.drop or "").replace(" %", ""),
         f"{step.size_bytes / 1e6:.2f}", f"{step.latency_ms:.1f}", step.what]
        for step in climbed.steps
    ]  # fmt: skip
    columns = ["rung", "verdict", "agreement", "drop, points", "MB", "ms here", "what it is"]
    print_table(columns, rows)
    if climbed.reached:
        click.echo(f"{climbed.file.name}: {climbed.steps[-1].rung}")


def _numbers(option: str, text: str | None) -> tuple[float, ...] | None:
    if text is None:
        return None
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise click.UsageError(
            f"{option} is {text!r}; expected one number, or one per channel: 123.7,116.3,103.5"
        ) from error


def _sentence(result: dict[str, Any]) -> str:
    provenance = result["contract"]["provenance"]
    calibration = provenance.get("calibration")
    on = f", calibrated on {calibration['samples']} pictures of {calibration['data']}" if calibration else ""
    size = result["size_bytes"] / 1e6
    return f"{result['output']}: {provenance['scheme']}, {provenance['io']} input and output, {size:.2f} MB{on}."
