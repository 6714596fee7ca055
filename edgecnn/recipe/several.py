"""A recipe with several models: a run each, in folders of their names, and the comparison of what they made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edgecnn.comparison.candidate import candidates
from edgecnn.comparison.leaderboard import Leaderboard, leaderboard
from edgecnn.comparison.page import leaderboard_page
from edgecnn.comparison.settings import CompareSettings
from edgecnn.core import files
from edgecnn.core.errors import BoundNotMetError
from edgecnn.core.progress import Progress, silent
from edgecnn.recipe import sections
from edgecnn.recipe.each_model import each_model
from edgecnn.recipe.run import Result, context_of, refuse, run_stages
from edgecnn.recipe.run import run as run_one
from edgecnn.recipe.section import Recipe

PAGE, TABLE = "comparison.html", "comparison.json"


@dataclass(frozen=True)
class ComparedRuns:
    """What the runs made.

    Attributes:
        runs: result of each model.
        board: their comparison, the best first.
        page: the comparison as a page; beside it is `comparison.json`.
    """

    runs: Mapping[str, Result]
    board: Leaderboard
    page: Path


def run(path: str | Path, *, folder: str | Path | None = None, progress: Progress = silent) -> Result | ComparedRuns:
    """Run a recipe of one model or of several; a run that was stopped goes on.

    Args:
        path: the recipe, a TOML file.
        folder: where to write; by default `runs/NAME` under the current folder; each of several models has a folder in
            it.
        progress: called with (stage, done, total).

    Raises:
        RecipeError: the recipe is wrong, or asks for what its data doesn't have.
        BoundNotMetError: a bound in [prune], [qat] or [verify] was not met; all files are there all the same, and so is
            the comparison.
        EdgecnnError: a stage failed; what was finished before is kept.
    """
    recipe, text = sections.read(path)
    alone = each_model(recipe)
    if not alone:
        return run_one(path, folder=folder, progress=progress)
    return _run_each(path, alone, text, Path(folder or Path("runs") / Path(path).stem), progress)


def _run_each(
    path: str | Path, alone: Mapping[str, Recipe], text: str, folder: Path, progress: Progress
) -> ComparedRuns:
    contexts = {
        name: context_of(path, recipe, f"# The run of {name}.\n{text}", folder / name, _named(name, progress))
        for name, recipe in alone.items()
    }
    for context in contexts.values():
        refuse(context, path)
    results, missed = {}, []
    for name, context in contexts.items():
        try:
            results[name] = run_stages(context)
        except BoundNotMetError as error:
            missed.append(f"{name}: {error}")
    board = leaderboard(candidates([str(context.folder) for context in contexts.values()]), CompareSettings())
    files.write_text(folder / PAGE, leaderboard_page(board))
    files.write_json(folder / TABLE, board.to_dict())
    if missed:
        raise BoundNotMetError("\n".join(missed))
    return ComparedRuns(results, board, folder / PAGE)


def _named(name: str, progress: Progress) -> Progress:
    """Progress that says whose run it is."""
    return lambda stage, done, total: progress(f"{name}: {stage}", done, total)
