"""`edgecnn estimate`: latency and energy on a board that is not at hand."""

from __future__ import annotations

from typing import Any

import click

from edgecnn.cli._arguments import ANY_MODEL
from edgecnn.cli._options import Command, options_of
from edgecnn.cli._output import emit, json_option, print_table, say, trust_option, wide_option
from edgecnn.estimation.settings import EstimateSettings
from edgecnn.models.settings import BuildSettings

GROUP = "Boards and cameras"
POSITION = 205


@click.command(cls=Command)
@click.argument("models", nargs=-1, required=True, type=ANY_MODEL, metavar="MODEL...")
@options_of(EstimateSettings, "settings")
@options_of(BuildSettings, "build", partial=True, without=("weights", "weights_of", "seed"))
@trust_option
@json_option
@wide_option
def command(
    models: tuple[str, ...], settings: EstimateSettings, build: dict[str, Any], trust: bool, json_path: str | None
) -> int:
    """Estimate a model's latency and energy on a board that is not at hand; nothing is run.

    MODEL is a name that `edgecnn models` lists, a .keras or .h5 file, or a .tflite file. A float model is estimated as
    it is and quantized to int8. The interval holds 9 of 10 models that the estimate was not made from. Exits with 1 if
    a model is not estimated: it has an operator that was not measured, or is far larger than what was.

    \b
    Example:
      edgecnn estimate mobilenet_v2 efficientnet_lite0 --board raspberry_pi_4
      edgecnn estimate model.tflite --device pi4 --threads 1
    """
    from edgecnn.estimation import estimate

    _check(models, build)
    found = [each for model in models for each in estimate(model, settings, BuildSettings.of(build), trust=trust)]
    emit({"estimates": [each.to_dict() for each in found]}, json_path, lambda: _show(found))
    return int(any(each.refusal for each in found))


def _check(models: tuple[str, ...], build: dict[str, Any]) -> None:
    from edgecnn.core.file_kind import kind_of

    files = [model for model in models if kind_of(model) is not None]
    if build and files:
        name = next(iter(build)).replace("_", "-")
        raise click.UsageError(f"--{name} can't be used with the file {files[0]}, only with a model's name. Remove it.")


def _show(found: list[Any]) -> None:
    from edgecnn.estimation import text

    print_table(text.COLUMNS, text.rows(found), title=text.TITLE, drop_first=text.DROP_FIRST)
    for sentence in text.sentences(found):
        say(sentence)
