"""`edgecnn build`: a model by name, with or without pretrained weights, as a `.keras` file."""

from __future__ import annotations

import dataclasses
from typing import Any

import click

from edgecnn.cli._arguments import ModelName
from edgecnn.cli._options import Command, options_of
from edgecnn.cli._output import emit, json_option, note, output_option, say
from edgecnn.models.settings import BuildSettings

GROUP = "Make a model"
POSITION = 20


@click.command(cls=Command)
@click.argument("model", type=ModelName())
@output_option("Model file to write; ends with .keras.")
@options_of(BuildSettings, "settings")
@json_option
def command(model: str, output: str, settings: BuildSettings, json_path: str | None) -> None:
    """Build MODEL, one of `edgecnn models`, and write it with its contract.

    \b
    Example:
      edgecnn build efficientnet_lite0 --weights imagenet -o lite0.keras
    """
    from edgecnn import targets
    from edgecnn.builder import build_model
    from edgecnn.float_model import keras_file

    keras_file.checked_name(output)
    keras_model, contract = build_model(model, **dataclasses.asdict(settings))
    keras_file.save(keras_model, contract, output)
    warnings = targets.warn_before_training(keras_model)
    for warning in warnings:
        note(f"Before training: {warning}")
    result = {
        **contract.model.to_dict(), "output": output, "provenance": contract.provenance.to_dict(), "warnings": warnings
    }  # fmt: skip
    emit(result, json_path, lambda: say(_sentence(result)))


def _of_file(result: dict[str, Any]) -> str:
    origin = result["provenance"]["weights"]
    if "published" not in origin:
        return "weights from a file"
    return f"weights of {origin['published']} (license: {origin['license']})"


def _sentence(result: dict[str, Any]) -> str:
    arguments = result["arguments"]
    weights = {"none": "random weights", "imagenet": "ImageNet weights"}.get(result["weights"], _of_file(result))
    size = " x ".join(str(arguments[key]) for key in ("input_size", "input_width") if key in arguments)
    return (
        f"{result['output']}: {result['name']}, {size} px {arguments['color']}, "
        f"{arguments['classes']} classes, {result['parameters']:,} parameters, "
        f"{result['macs'] / 1e6:,.0f} million multiply-accumulates, {weights}."
    )
