"""`edgecnn quantize`: a Keras model becomes a `.tflite` artifact."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgecnn.cli._output import emit, json_option, note, print_table
from edgecnn.core.registry import SCHEMES

if TYPE_CHECKING:
    from edgecnn.ladder import Bounds, Climb


@click.command()
@click.argument("model", type=click.Path())
@click.option("-o", "--output", required=True, metavar="FILE", help="Where to write the artifact; ends with .tflite.")
@click.option("--scheme", type=click.Choice(SCHEMES.names()), help="See below.  [default: int8]")
@click.option(
    "--keep-float",
    metavar="LAYER,...",
    help="These layers and what reads them stay in float: for int8_mixed, which else chooses them itself.",
)
@click.option(
    "--calibration", "data", default="photos", show_default=True, metavar="DATA", help="Pictures to calibrate on."
)
@click.option(
    "--samples", type=int, metavar="N", help="How many of them.  [default: 100; 256 for --improve best and for a bound]"
)
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
@click.option("--data", "held_out", metavar="DATA", help="Pictures to judge by; those calibrated on are left out.")
@click.option("--train-data", metavar="DATA", help="Allows rungs that train on these; none of them is judged by.")
@click.option("--epochs", type=int, metavar="N", help="Of the rungs that train.  [default: 3; 2 with int8's rounding]")
@click.option("--edge-tpu", is_flag=True, help="Only what an Edge TPU can run: int8 throughout.")
@click.option("--integer", is_flag=True, help="No float operators: for processors without a floating point unit.")
@json_option
def command(model: str, output: str, json_path: str | None, **options: Any) -> None:
    """Convert MODEL (.keras, .h5 or a SavedModel folder) to a .tflite that carries its contract.

    \b
    Schemes:
      int8             int8 weights (per channel) and activations: for CPUs and the Edge TPU
      int8_per_tensor  int8, one weight scale per tensor: accelerators without per-channel scales
      int8_mixed       int8, the layers that lose most in float: CPU only
      int8_int16       int8, int16 activations around the layers that lose most: integer CPUs, slow
      int16x8          int8 weights, int16 activations: nearly float accuracy, slower
      dynamic_int8     int8 weights, activations quantized at run time: no calibration
      float16          float16 weights, float activations: half the file
      float32          float weights and activations
      float32_sparse   float, zeros not stored: pruned models, and XNNPACK's sparse kernels on ARM
    \b
    Example:
      edgecnn quantize lite0.keras -o lite0.tflite --calibration photos
      edgecnn quantize lite0.keras -o lite0.tflite --scheme int8_mixed --keep-float stem_conv,block0_depthwise_conv
      edgecnn quantize lite0.keras -o lite0.tflite --max-drop 0.5 --data pictures/
      edgecnn quantize mine.keras -o mine.tflite --max-drop 0.2 --data mine/test --train-data mine/train
    """
    if options["max_drop"] is not None or options["min_agreement"] is not None:
        _refuse_given(options, _SCHEMES_OWN, "A bound doesn't go with {}: the ladder tries its own schemes.")
        _climb(model, output, json_path, options)
    else:
        _refuse_given(options, _LADDERS_OWN, "{} goes with --max-drop or --min-agreement.")
        _convert(model, output, json_path, options)


_SCHEMES_OWN = ("labels", "mean", "std", "input_size", "improve", "keep_float")
_LADDERS_OWN = ("held_out", "train_data", "epochs", "edge_tpu", "integer")


def _refuse_given(options: dict[str, Any], names: tuple[str, ...], message: str) -> None:
    given = [name for name in names if options[name] not in (None, False)]
    if given:
        option = "--data" if given[0] == "held_out" else f"--{given[0].replace('_', '-')}"
        raise click.UsageError(message.format(option))


def _convert(model: str, output: str, json_path: str | None, options: dict[str, Any]) -> None:
    """By one scheme."""
    from edgecnn.core.progress import Terminal
    from edgecnn.quantization import Calibration, Hints, quantize

    hints = Hints(
        _numbers("--mean", options["mean"]), _numbers("--std", options["std"]), options["labels"], options["input_size"]
    )
    calibration = Calibration(options["data"], options["samples"], options["seed"], options["improve"])
    progress = Terminal()
    try:
        file = quantize(
            model, output, scheme=_scheme(options), calibration=calibration, io=options["io"], trust=options["trust"],
            hints=hints, progress=progress,
        )  # fmt: skip
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


def _scheme(options: dict[str, Any]) -> str:
    if options["keep_float"] is None:
        return options["scheme"] or "int8"
    if options["scheme"] not in (None, "int8_mixed"):
        raise click.UsageError(f"--keep-float goes with --scheme int8_mixed, not with {options['scheme']}.")
    return f"int8_mixed:{options['keep_float']}"


def _climb(model: str, output: str, json_path: str | None, options: dict[str, Any]) -> None:
    """With a bound: the first rung of the ladder that is within it."""
    from edgecnn.core.progress import Terminal
    from edgecnn.ladder import Training, blame, check, climb
    from edgecnn.quantization import Calibration

    bounds = _bounds(options)
    training = Training(options["train_data"], options["epochs"]) if options["train_data"] else None
    progress = Terminal()
    try:
        climbed = climb(
            model, output, bounds, options["held_out"], training=training, trust=options["trust"], progress=progress,
            calibration=Calibration(options["data"], options["samples"], options["seed"]),
        )  # fmt: skip
    finally:
        progress.close()
    emit(climbed.record().to_dict(), json_path, lambda: _show(climbed))
    _notes(climbed)
    if not climbed.reached:
        check(climbed, bounds, blame(climbed, model, options["held_out"], trust=options["trust"]))


def _bounds(options: dict[str, Any]) -> Bounds:
    from edgecnn.ladder import Bounds

    if not options["held_out"]:
        raise click.UsageError("--max-drop and --min-agreement need --data: pictures to judge by.")
    if options["epochs"] is not None and not options["train_data"]:
        raise click.UsageError("--epochs needs --train-data: pictures to train on.")
    if options["scheme"] not in (None, "int8", "int8_per_tensor"):
        raise click.UsageError(
            f"A bound doesn't go with --scheme {options['scheme']}: the ladder tries its own. Give int8_per_tensor "
            "for an accelerator that has one scale per tensor; or no bound."
        )
    per_tensor = options["scheme"] == "int8_per_tensor"
    wanted = {name: options[name] for name in ("max_drop", "min_agreement", "edge_tpu", "integer", "io")}
    return Bounds(**wanted, per_tensor=per_tensor)


def _show(climbed: Climb) -> None:
    from edgecnn.ladder import Tried

    rows = [
        [entry.configuration, entry.verdict, str(entry.agreement), str(entry.drop or "").replace(" %", ""),
         f"{entry.size_bytes / 1e6:.2f}", f"{entry.latency_ms:.1f}", f"{entry.added_latency_ms:+.1f}", entry.what]
        if isinstance(entry, Tried) else [entry.configuration, "skipped", *[""] * 5, entry.what]
        for entry in climbed.entries
    ]  # fmt: skip
    print_table(
        ["configuration", "verdict", "agreement", "drop, points", "MB", "ms here", "added ms", "what it is"], rows
    )
    if climbed.reached:
        click.echo(f"{climbed.path}: {climbed.tried[-1].configuration}")


def _notes(climbed: Climb) -> None:
    from edgecnn.ladder import Skipped

    if climbed.left_out:
        note(f"Note: {climbed.left_out} images were calibrated or trained on, and left out of the evaluation.")
    for entry in climbed.entries:
        if isinstance(entry, Skipped):
            note(f"Note: {entry.configuration} skipped: {entry.reason.rstrip('.')}.")
        elif entry.verdict == "inconclusive":
            needed = (
                f"about {entry.pictures_needed:,} images are needed" if entry.pictures_needed else "no number is enough"
            )
            note(f"Note: {entry.configuration} is within the bound on {entry.pictures} images. Inconclusive: {needed}.")


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
