"""A recipe's [profile]: what `edgecnn profile` does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgecnn.core import files
from edgecnn.recipe.sections import ProfileSection, Recipe
from edgecnn.recipe.stage import Context, Stage, digest

POSITION = 70


class Profile(Stage):
    """Artifact -> profile."""

    name = "profile"

    def __init__(self, section: ProfileSection) -> None:
        self._section = section

    def inputs(self, context: Context) -> Any:
        return [self._section.model_dump(), digest(context.artifact)]

    def outputs(self, context: Context) -> list[Path]:
        return [context.profile]

    def work(self, context: Context) -> None:
        from edgecnn.profiling import profile

        section = self._section
        context.progress("Measuring the latency", 0, 0)
        found = profile(
            context.artifact,
            section.device,
            section.delegate,
            list(section.threads) or None,
            section.runs,
            section.warmup,
        )
        files.write_json(context.profile, found.to_dict())


def stages(recipe: Recipe) -> Sequence[Stage]:
    """Profiling, where there is a [profile]."""
    return [Profile(recipe.profile)] if recipe.profile else []
