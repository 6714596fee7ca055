"""`edgecnn build`: a model by name, with or without pretrained weights, as a `.keras` file."""

from __future__ import annotations

from typing import Any

import click

from edgecnn.cli._output import emit, json_option, note


@click.command()
@click.argument("model")
@click.option("-o", "--output", required=True, metavar="FILE", help="Where to write the model; ends with .keras.")
@click.option("--input-size", type=int, metavar="N", help="Height and width in pixels.  [default: the paper's]")
@click.option("--width", type=float, default=1.0, show_default=True, metavar="F", help="Factor on the channel counts.")
@click.option("--classes", type=int, metavar="N", help="Number of classes.  [default: ImageNet's 1000]")
@click.option(
    "--color", type=click.Choice(["rgb", "gray"]), default="rgb", show_default=True, help="Color or grayscale."
)
@click.option(
    "--weights",
    default="none",
    show_default=True,
    metavar="none|imagenet|FILE",
    help="Random weights, pretrained on ImageNet, or from a .keras or .h5 file.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the random weights.")
@json_option
def command(model: str, output: str, json_path: str | None, **options: Any) -> None:
    """Build MODEL, one of `edgecnn models`, and write it with its contract.

    \b
    Example:
      edgecnn build efficientnet_lite0 --weights imagenet -o lite0.keras
    """
    from edgecnn import targets
    from edgecnn.builder import build_model
    from edgecnn.float_model import keras_file

    keras_file.checked_name(output)
    keras_model, contract = build_model(model, **options)
    keras_file.save(keras_model, contract, output)
    warnings = targets.warn_before_training(keras_model)
    for warning in warnings:
        note(f"Before you train it: {warning}")
    result = {
        **contract.model.to_dict(), "output": output, "provenance": contract.provenance.to_dict(), "warnings": warnings
    }  # fmt: skip
    emit(result, json_path, lambda: click.echo(_sentence(result)))


def _sentence(result: dict[str, Any]) -> str:
    arguments = result["arguments"]
    weights = {"none": "random weights", "imagenet": "ImageNet weights"}.get(result["weights"], "weights of a file")
    return (
        f"{result['output']}: {result['name']}, {arguments['input_size']} px {arguments['color']}, "
        f"{arguments['classes']} classes, {result['parameters']:,} parameters, "
        f"{result['macs'] / 1e6:,.0f} million multiply-accumulates, {weights}."
    )
