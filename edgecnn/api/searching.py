"""From images and a device to a recipe: what `search` does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgecnn.api.notebook import progress_or
from edgecnn.core.progress import Progress

if TYPE_CHECKING:
    from edgecnn.recipe.search_settings import SearchSettings
    from edgecnn.searching import SearchResult


def search(
    settings: SearchSettings | Mapping[str, Any],
    recipe: Mapping[str, Any] | None = None,
    *,
    folder: str | Path = "runs/search",
    restart: bool = False,
    progress: Progress | None = None,
) -> SearchResult:
    """The most accurate model that meets a constraint on a device; a stopped search goes on in its folder.

    Args:
        settings: `edgecnn.recipe.search_settings.SearchSettings`, or its keys: data, device, fps, architectures, ...
        recipe: other sections that all candidates share, as in a recipe: train, prune, quantize, verify.
        folder: where the search is kept: `best.toml`, `search.html`, `search.json`, and all its steps.
        restart: forget what was done there.
        progress: called with (stage, done, total).

    Raises:
        UsageError: a setting is wrong, or the folder holds another search.
        BoundNotMetError: no candidate meets the constraints, or no finalist; the nearest is named.
        EdgecnnError: nothing is known of the device, or the time limit ended before a finalist was trained.
    """
    from edgecnn.recipe.search_settings import SearchSettings
    from edgecnn.searching import search as stage

    given = settings if isinstance(settings, SearchSettings) else SearchSettings.of(settings)
    return stage(given, recipe, folder=folder, restart=restart, progress=progress_or(progress))
