"""`edgecnn open-set`: when is the answer "none of these"?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from edgecnn.cli._arguments import TFLITE
from edgecnn.cli._options import Command, options_of
from edgecnn.cli._output import emit, json_option, note, output_option, print_table, show_notes, wide_option
from edgecnn.core.hints import Hints
from edgecnn.open_set.settings import OpenSetSettings

GROUP = "Quantize and check"
POSITION = 115

if TYPE_CHECKING:
    from edgecnn.open_set import OpenSet


@click.command(cls=Command)
@click.argument("model", type=TFLITE)
@output_option("Artifact to write; ends with .tflite.")
@options_of(OpenSetSettings, "settings")
@options_of(Hints, "hints")
@json_option
@wide_option
def command(model: str, output: str, settings: OpenSetSettings, hints: Hints, json_path: str | None) -> None:
    """Let a .tflite MODEL answer "none of these", by a threshold that is set to a false-alarm rate.

    On held-out images, the temperature of the probabilities is fitted (temperature scaling) and the threshold is set.
    Both are in the contract, so that classify, demo and exports answer alike; the graph stays the same.

    \b
    Examples:
      edgecnn open-set m.tflite --data held-out:p/ --others street/ -o o.tflite
      edgecnn open-set m.tflite --data held-out:p/ --background empty -o o.tflite
    """
    from edgecnn.core.progress import Terminal
    from edgecnn.open_set import set_rejection

    progress = Terminal()
    try:
        found = set_rejection(model, output, settings, hints=hints, progress=progress)
    finally:
        progress.close()
    emit(found.to_dict(), json_path, lambda: _show(found, output))
    for name, reason in found.skipped.items():
        note(f"Note: skipped {name}: {reason}")
    show_notes(found.notes)


def _show(found: OpenSet, output: str) -> None:
    rejection, confidence = found.rejection, found.confidence
    threshold = "none: the background classes suffice"
    if rejection.threshold is not None:
        threshold = f"{rejection.score} below {rejection.threshold:.4g}"
    rows = [["none of these", threshold]]
    rows += [["background classes", ", ".join(rejection.background)]] if rejection.background else []
    if found.others_accepted is not None:
        rows.append(["images of other things that are accepted", str(found.others_accepted)])
    rows.append(["images of the classes that are rejected", str(found.own_rejected)])
    if found.auroc is not None:
        rows.append(["AUROC of the score", f"{found.auroc:.3f}"])
    before = confidence.ece_without_temperature_percent
    calibrated = f", {before:.1f} points without the temperature" if before is not None else ""
    rows += [
        ["temperature", f"{rejection.temperature:.3g}"],
        ["expected calibration error", f"{confidence.ece_percent:.1f} points{calibrated}"],
    ]
    rate = f"{rejection.asked_percent:g} % of the {rejection.rate_sentence()}"
    print_table(["", "value [95 % interval]"], rows, title=f"{output}: set for a false-alarm rate of {rate}")
