"""`edgecnn classify`: classify images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import click

from edgecnn.cli._arguments import IMAGE, TFLITE_AND_IMAGES
from edgecnn.cli._images import looked_at, opened, shown
from edgecnn.cli._options import Command, options_of
from edgecnn.cli._output import json_option, say
from edgecnn.core.hints import Hints
from edgecnn.core.options import Settings, option

GROUP = "Boards and cameras"
POSITION = 220


@dataclass(frozen=True)
class ClassifySettings(Settings):
    """How images are classified."""

    top: int = option("Number of classes to name.", 3, low=1, metavar="K")
    threads: int | None = option(
        "Processor threads.", low=1, high=256, metavar="N", default_help="all processors, at most 4"
    )


@click.command(cls=Command)
@click.argument("model", type=TFLITE_AND_IMAGES)
@click.argument("images", nargs=-1, required=True, type=IMAGE, metavar="IMAGE...")
@options_of(ClassifySettings, "settings")
@options_of(Hints, "hints")
@json_option
def command(
    model: str, images: tuple[str, ...], settings: ClassifySettings, hints: Hints, json_path: str | None
) -> None:
    """Classify each IMAGE with the .tflite MODEL, ours or by others.

    \b
    Example:
      edgecnn classify lite0.tflite cat.jpg --top 5
    """
    from edgecnn.runtime.run.answers import answer_files
    from edgecnn.runtime.tasks import task_of

    file = opened(model, hints, "classify")
    results = looked_at(file, images, answer_files, settings.top, settings.threads)
    key = task_of(file.contract).answers_key
    shown(results, json_path, lambda: _show(results, key))


def _show(results: list[dict[str, Any]], key: str) -> None:
    for result in results:
        for rank, found in enumerate(result.get(key, [])):
            name = result["path"] if rank == 0 else ""
            share = found["probability"]  # "none of these" has none
            say(f"{name:<40} {'' if share is None else f'{100 * share:5.1f} %':>7}  {found['label']}")
