"""`edgecnn label`: label images by their classes' names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from edgecnn.cli._options import Command, options_of
from edgecnn.cli._output import emit, json_option, output_option, print_table, say, show_notes, wide_option
from edgecnn.labeling.settings import LabelOptions

if TYPE_CHECKING:
    from edgecnn.labeling import Labeling

GROUP = "Make a model"
POSITION = 25


@click.command(cls=Command)
@click.argument("data", metavar="DATA")
@output_option("Manifest to write; ends with .csv.")
@options_of(LabelOptions, "options")
@json_option
@wide_option
def command(data: str, output: str, options: LabelOptions, json_path: str | None) -> None:
    """Label the images of DATA by an image encoder and a text encoder (CLIP), for `edgecnn train --data`.

    Images whose best class has less than the minimum confidence are left out. The share of wrong labels is estimated,
    or measured on a few labeled images.

    \b
    Example:
      edgecnn label pictures --encoder e.onnx --embeddings text.npz -o l.csv
    """
    from edgecnn.core.progress import Terminal
    from edgecnn.labeling import label

    progress = Terminal()
    try:
        found = label(data, output, options, progress=progress)
    finally:
        progress.close()
    show_notes(found.notes)
    emit(found.to_dict(), json_path, lambda: _show(found))


def _show(found: Labeling) -> None:
    rows = [(each.name, str(each.images), str(each.kept)) for each in found.classes]
    print_table(("class", "images", "labeled"), rows)
    kept = found.kept
    say(f"{found.output}: {kept.count:,} of {kept.total:,} images labeled ({kept.percent:.1f} %).")
    if found.unreadable:
        say(f"{found.unreadable:,} more can't be read.")
    measured = found.measured_error
    if measured is not None:
        say(
            f"Wrong labels, measured on {found.labeled} labeled images: {measured.count} of the {measured.total} that "
            f"would be kept, {measured}."
        )
    basis = {
        "CLIP's": "from the model's own confidence, which nothing was compared with",
        "given": "from the model's confidence at the given scale",
        "fitted": f"from probabilities that were fitted to {found.labeled} labeled images",
    }
    say(f"Wrong labels, an estimate {basis[found.scale_from]}: {found.estimated_error_percent:.1f} %.")
