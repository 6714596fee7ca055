"""A recipe's [search]: what `edgecnn search` does; `edgecnn run` has no stage for it."""

from __future__ import annotations

from collections.abc import Sequence

from edgecnn.recipe.search_settings import SearchSettings
from edgecnn.recipe.section import Recipe, Section
from edgecnn.recipe.stage import Stage

POSITION = 90


def _check(recipe: Recipe) -> None:
    if recipe.has("search"):
        raise ValueError("search: this recipe describes a search, not a run. Start it with: edgecnn search RECIPE")


SEARCH = Section("search", SearchSettings, alone=True, check=_check)
SECTIONS = (SEARCH,)


def stages(recipe: Recipe) -> Sequence[Stage]:
    """None: a search makes recipes."""
    return ()
