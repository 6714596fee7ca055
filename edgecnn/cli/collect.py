"""`edgecnn collect`: labeled images from a camera, in a browser."""

from __future__ import annotations

from typing import Any

import click

from edgecnn.cli._announcing import announce
from edgecnn.cli._options import Command, options_of
from edgecnn.cli._output import emit, json_option, note, say, wide_option
from edgecnn.collecting.settings import CollectOptions
from edgecnn.core.text import counted
from edgecnn.profiling.settings import Place

GROUP = "Boards and cameras"
POSITION = 225


@click.command(cls=Command)
@click.argument("data", metavar="DATA")
@options_of(CollectOptions, "given", partial=True)
@options_of(Place, "place", without=("delegate",))
@json_option
@wide_option
def command(data: str, given: dict[str, Any], place: Place, json_path: str | None) -> None:
    """Collect labeled images with a camera into DATA, a folder per class.

    The page in the browser shows the live image; images are taken while a class's button or key is held. DATA is what
    `edgecnn train --data DATA` reads, and what is there already is shown and added to.

    \b
    Examples:
      edgecnn collect pictures --classes cat,dog
      edgecnn collect pictures --host 0.0.0.0      the phone is the remote control
      edgecnn collect pictures --device pi4        a Raspberry Pi's camera
      edgecnn collect pictures --model m.tflite    keep what m.tflite is unsure of
    """
    from edgecnn.collecting.board import camera_of
    from edgecnn.collecting.collector import Collector
    from edgecnn.core.progress import Terminal
    from edgecnn.devices import delegates

    delegate = delegates.resolve(given.get("delegate", CollectOptions.delegate))
    options = CollectOptions.of({**given, "delegate": delegate}, data=data)
    progress = Terminal()
    with camera_of(place.device, options, note) as open_camera:
        try:
            collector = Collector(options, open_camera, note, progress)
        finally:
            progress.close()
        summary = collector.run(lambda: announce(collector.source, collector.addresses, "collecting"))
    emit(summary, json_path, lambda: _show(summary))


def _show(summary: dict[str, Any]) -> None:
    frames = summary["frames"]
    if frames["offered"]:
        note(
            f"{frames['offered']} frames taken: {frames['stored']} stored, {frames['near_duplicates']} near-duplicates "
            f"skipped, {frames['failed']} failed."
        )
    for name, count in summary["classes"].items():
        say(f"{name}: {counted(count, 'image')}")
    if summary["review"]:
        say(f"To review: {counted(summary['review'], 'image')}")
    say(f"Train on them: {summary['command']}")
