"""`edgecnn detect`: boxes of the objects in images."""

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
POSITION = 225


@dataclass(frozen=True)
class DetectSettings(Settings):
    """How objects are detected."""

    threshold: float = option("Least score of a box that is shown.", 0.3, low=0, high=1, metavar="SCORE")
    most: int = option("Number of boxes to show in an image.", 100, low=1, high=1000, metavar="N")
    draw: str | None = option("Folder for copies of the images with the boxes drawn in.", metavar="FOLDER")
    threads: int | None = option(
        "Processor threads.", low=1, high=256, metavar="N", default_help="all processors, at most 4"
    )


@click.command(cls=Command)
@click.argument("model", type=TFLITE_AND_IMAGES)
@click.argument("images", nargs=-1, required=True, type=IMAGE, metavar="IMAGE...")
@options_of(DetectSettings, "settings")
@options_of(Hints, "hints")
@json_option
def command(model: str, images: tuple[str, ...], settings: DetectSettings, hints: Hints, json_path: str | None) -> None:
    """Find objects in each IMAGE with the detector MODEL (.tflite).

    A box is shown as left, top, right and bottom in pixels of the image.

    \b
    Example:
      edgecnn detect detector.tflite street.jpg --draw found
    """
    from edgecnn.runtime.run.boxes import detect_files

    file = opened(model, hints, "detect")
    how = (settings.threshold, settings.most, settings.threads, settings.draw)
    results = looked_at(file, images, detect_files, *how)
    shown(results, json_path, lambda: _show(results))


def _show(results: list[dict[str, Any]]) -> None:
    for result in results:
        for rank, found in enumerate(result.get("boxes", [])):
            name = result["path"] if rank == 0 else ""
            corners = " ".join(f"{number:5}" for number in found["pixels"])
            say(f"{name:<40} {100 * found['probability']:5.1f} %  {corners}  {found['label']}")
        if result.get("boxes") == []:
            say(f"{result['path']:<40} nothing")
