"""`edgecnn compare`: several models side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from edgecnn.cli._arguments import TFLITE, DeviceName
from edgecnn.cli._options import Command, options_of
from edgecnn.cli._output import emit, json_option, note, print_table, say, wide_option
from edgecnn.cli._outputs import OutputFile
from edgecnn.comparison.settings import CompareSettings
from edgecnn.estimation.settings import EstimateSettings

if TYPE_CHECKING:
    from edgecnn.comparison.leaderboard import Leaderboard

GROUP = "Look inside"
POSITION = 325


@click.command(cls=Command)
@click.argument("models", nargs=-1, required=True, type=TFLITE, metavar="MODEL...")
@options_of(CompareSettings, "settings")
@click.option("--verification", "verifications", type=click.Path(), multiple=True, metavar="FILE",
              help="Result of `edgecnn verify --json FILE` of one of the models; repeatable.")  # fmt: skip
@click.option("--profile", "profiles", type=click.Path(), multiple=True, metavar="FILE",
              help="Result of `edgecnn profile --json FILE`; repeatable.")  # fmt: skip
@click.option("--measure", type=DeviceName(), metavar="DEVICE",
              help="Also time the models on this device, interleaved with the first one.")  # fmt: skip
@options_of(EstimateSettings, "place")
@click.option("--html", "html_path", type=OutputFile(".html"), metavar="FILE", help="Self-contained page to write.")
@json_option
@wide_option
def command(
    models: tuple[str, ...],
    settings: CompareSettings,
    verifications: tuple[str, ...],
    profiles: tuple[str, ...],
    measure: str | None,
    place: EstimateSettings,
    html_path: str | None,
    json_path: str | None,
) -> None:
    """Compare models: accuracy with paired tests on the same images, size, latency, frames per second, energy.

    MODEL is a .tflite file, or a folder that `edgecnn run` wrote, whose verification and profile are used. Energy and
    latencies marked estimated come from --board or --device, as of `edgecnn estimate`.

    \b
    Example:
      edgecnn compare runs/* --html comparison.html
      edgecnn compare a.tflite b.tflite --board raspberry_pi_4
      edgecnn compare a.tflite b.tflite --measure pi4 --sort latency
    """
    from edgecnn.comparison.comparing import compare_candidates
    from edgecnn.core.progress import Terminal

    progress = Terminal()
    try:
        board = compare_candidates(
            models, settings, place, verifications=verifications, profiles=profiles, measure=measure,
            progress=progress, note=progress.between(note),
        )  # fmt: skip
    finally:
        progress.close()
    if html_path:
        from edgecnn.comparison.page import leaderboard_page
        from edgecnn.core.files import write_text

        write_text(html_path, leaderboard_page(board))
        note(f"Wrote {html_path}")
    emit(board.to_dict(), json_path, lambda: show(board))


def show(board: Leaderboard) -> None:
    """Print the models and what a reader should know."""
    from edgecnn.comparison import text

    print_table(*text.table(board), drop_first=text.DROP_FIRST)
    for sentence in text.sentences(board):
        say(sentence)
