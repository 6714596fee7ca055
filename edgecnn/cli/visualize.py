"""`edgecnn visualize`: what a model sees in a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edgecnn.cli._output import emit, json_option, note

PANELS = ("filters", "features", "gradcam", "occlusion", "patches", "int8", "translation")


@click.command()
@click.argument("model", type=click.Path())
@click.argument("image", type=click.Path())
@click.option("-o", "--output", required=True, metavar="FILE|DIR", help="A page (.html), or a folder for PNG files.")
@click.option("--only", metavar="NAME[,NAME...]", help=f"Some of: {', '.join(PANELS)}.")
@click.option("--layer", "layers", multiple=True, metavar="NAME", help="Draw this layer's maps; may be repeated.")
@click.option(
    "--class", "classes", multiple=True, metavar="CLASS", help="Explain this class, not the best two; name or number."
)
@click.option("--against", metavar="FLOAT", help="Float model (.keras or .tflite) to set beside a quantized MODEL.")
@click.option("--data", metavar="DATA", help="Pictures to search for patches that excite a channel.")
@click.option(
    "--samples", type=click.IntRange(1), default=200, show_default=True, metavar="N", help="How many of them."
)
@click.option(
    "--shift", type=click.IntRange(1, 64), default=16, show_default=True, metavar="N", help="Largest shift in pixels."
)
@click.option("--trust", is_flag=True, help="Run code that a Keras file carries (Lambda and custom layers).")
@json_option
def command(model: str, image: str, output: str, json_path: str | None, **options: Any) -> None:
    """Draw what MODEL sees in IMAGE.

    First-layer filters, feature maps, Grad-CAM, occlusion, and how the answer wavers when the picture moves. With
    --data the patches that excite a channel most; with --against the quantized model's maps beside the float model's.
    MODEL is a .keras or .tflite file.

    \b
    Examples:
      edgecnn visualize lite0.keras cat.jpg -o cat.html --data photos
      edgecnn visualize lite0.tflite cat.jpg -o cat.html --against lite0.keras
      edgecnn visualize lite0.keras cat.jpg -o drawings --only gradcam,occlusion --class "tabby cat"
    """
    from edgecnn.core.progress import Terminal
    from edgecnn.inspection.opening import open_model
    from edgecnn.runtime.run.preprocess import read_picture
    from edgecnn.visualization import page
    from edgecnn.visualization.draw import Request, draw
    from edgecnn.visualization.subject import subject

    names = _names(options["only"], options)
    picture = read_picture(image)
    found = subject(open_model(model, trust=options["trust"]))
    request = Request(
        panels=names,
        layers=options["layers"],
        classes=options["classes"],
        against=options["against"],
        data=options["data"],
        samples=options["samples"],
        shift=options["shift"],
        trust=options["trust"],
    )
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
            note(f"No {panel.name}: {panel.missing}")
    emit(values, json_path, lambda: _show(written, output))


def _show(written: list[str], output: str) -> None:
    note(f"Wrote {written[0]}" if len(written) == 1 else f"Wrote {len(written)} files into {output}")


def _names(only: str | None, options: dict[str, Any]) -> tuple[str, ...]:
    """The panels that were asked for, or all that can be drawn with the options given."""
    if only is None:
        missing = {"patches": options["data"], "int8": options["against"]}
        return tuple(name for name in PANELS if missing.get(name, True))
    names = tuple(part.strip() for part in only.split(","))
    for name in names:
        if name not in PANELS:
            raise click.UsageError(f"--only {name}: unknown. Choose some of: {', '.join(PANELS)}.")
    for name, option in (("patches", "data"), ("int8", "against")):
        if name in names and not options[option]:
            raise click.UsageError(f"--only {name} needs --{option}.")
    return names
