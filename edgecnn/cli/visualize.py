"""`edgecnn visualize`: what a model sees in an image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edgecnn.cli._arguments import ANY_MODEL_AND_IMAGE, IMAGE
from edgecnn.cli._options import Command, options_of
from edgecnn.cli._output import emit, json_option, note, trust_option
from edgecnn.cli._outputs import OutputFile
from edgecnn.core.hints import Hints
from edgecnn.visualization.settings import Request

GROUP = "Look inside"
POSITION = 320


@click.command(cls=Command)
@click.argument("model", type=ANY_MODEL_AND_IMAGE)
@click.argument("image", type=IMAGE)
@click.option(
    "-o",
    "--output",
    type=OutputFile(),
    required=True,
    metavar="FILE|DIR",
    help="HTML page (.html), or folder for PNG files, to write.",
)
@options_of(Request, "given", partial=True)
@options_of(Hints, "hints")
@trust_option
@json_option
def command(
    model: str, image: str, output: str, given: dict[str, Any], hints: Hints, trust: bool, json_path: str | None
) -> None:
    """Draw what MODEL sees in IMAGE.

    First-layer filters, feature maps, Grad-CAM, occlusion, and how the answer changes when the image is shifted. With
    --data, the patches that activate a channel most; with --against, the quantized model's maps beside the float
    model's. Of a detector also what each level sees, with its anchors.
    MODEL is a .keras or .tflite file.

    \b
    Examples:
      edgecnn visualize lite0.keras cat.jpg -o cat.html --data photos
      edgecnn visualize lite0.tflite cat.jpg -o cat.html --against lite0.keras
      edgecnn visualize lite0.keras cat.jpg -o out --only gradcam --class tabby
    """
    from edgecnn.core.progress import Terminal
    from edgecnn.runtime.run.preprocess import read_picture
    from edgecnn.visualization import page
    from edgecnn.visualization.class_choice import check_classes
    from edgecnn.visualization.draw import draw
    from edgecnn.visualization.subject import open_subject

    request = Request.of(given, trust=trust)
    picture = read_picture(image)
    check_classes(model, hints, request.classes)
    found = open_subject(model, hints, trust=trust)
    progress = Terminal()
    try:
        panels = draw(found, picture, request, progress)
    finally:
        progress.close()
    fitted = found.fitted(picture)
    written = page.write(output, found, fitted, Path(image).name, panels)
    values = {**page.values(found, fitted, Path(image).name, panels), "files": written}
    for panel in panels:
        if panel.missing:
            note(f"Panel {panel.name} was not drawn: {panel.missing}")
    emit(values, json_path, lambda: _show(written, output))


def _show(written: list[str], output: str) -> None:
    note(f"Wrote {written[0]}" if len(written) == 1 else f"Wrote {len(written)} files to {output}.")
