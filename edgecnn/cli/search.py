"""`edgecnn search`: the most accurate model that runs at a frame rate on a board."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgecnn.cli._arguments import RECIPE
from edgecnn.cli._options import Command, options_of
from edgecnn.cli._output import emit, json_option, print_table, restart_option, say, wide_option
from edgecnn.cli._outputs import OutputFile
from edgecnn.recipe.search_settings import SearchSettings

if TYPE_CHECKING:
    from edgecnn.searching import SearchResult

GROUP = "From a recipe"
POSITION = 420


@click.command(cls=Command, resumes=True)
@click.argument("recipe", type=RECIPE, required=False)
@options_of(SearchSettings, "given", partial=True)
@click.option(
    "-o", "--output", type=OutputFile(), metavar="FOLDER",
    help="Folder for the search.  [default: runs/NAME of the recipe, or runs/search]",
)  # fmt: skip
@restart_option
@json_option
@wide_option
def command(
    recipe: str | None, given: dict[str, Any], output: str | None, restart: bool, json_path: str | None
) -> None:
    """Find the most accurate model that meets a constraint on a device, for your images.

    Estimates discard what is too slow or too large, short trials rank the rest, and finalists are trained, quantized,
    verified and measured on the device. FOLDER/best.toml is the recipe of the best one, FOLDER/search.html shows all.
    RECIPE is a TOML file with a section [search], and sections that all candidates share. A stopped search goes on when
    it is started again.

    \b
    Examples:
      edgecnn search --fps 30 --device pi4 --data pictures/
      edgecnn search --max-latency-ms 20 --board raspberry_pi_4 \\
        --data pictures/ --budget 60
    """
    from edgecnn.core.progress import Terminal
    from edgecnn.searching import search
    from edgecnn.searching.task import read_recipe, settings_of

    sections = read_recipe(recipe) if recipe else {}
    folder = Path(output or Path("runs") / (Path(recipe).stem if recipe else "search"))
    progress = Terminal()
    try:
        found = search(settings_of(sections, given), sections, folder=folder, restart=restart, progress=progress)
    finally:
        progress.close()
    emit(found.to_dict(), json_path, lambda: _show(found, folder))


def _show(found: SearchResult, folder: Path) -> None:
    from edgecnn.searching import text

    print_table(text.COLUMNS, text.rows(found), drop_first=text.DROP_FIRST)
    for sentence in text.sentences(found):
        say(sentence)
    say(f"recipe    {folder / 'best.toml'}\npage      {(folder / 'search.html').resolve().as_uri()}")
