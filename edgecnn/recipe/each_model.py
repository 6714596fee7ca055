"""A recipe that names several models, taken apart."""

from __future__ import annotations

from typing import Any

from edgecnn.recipe.section import Recipe

_SECTION = "model"


def each_model(recipe: Recipe) -> dict[str, Recipe]:
    """Name -> the recipe for that model alone; empty for a recipe of one model."""
    names = recipe.keys_of(_SECTION).get("name") or ()
    if len(names) < 2:
        return {}
    section: Any = getattr(recipe, _SECTION)
    alone = {name: section.model_copy(update={"name": (name,)}) for name in names}
    return {name: recipe.model_copy(update={_SECTION: keys}) for name, keys in alone.items()}
