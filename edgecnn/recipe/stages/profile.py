"""A recipe's [profile]: what `edgecnn profile` does."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgecnn.core import files
from edgecnn.profiling.settings import ProfileSettings
from edgecnn.recipe.section import Recipe, Section
from edgecnn.recipe.stage import Context, Stage, digest

POSITION = 70
PROFILE = Section("profile", ProfileSettings)
SECTIONS = (PROFILE,)


class Profile(Stage):
    """Artifact -> profile."""

    name = "profile"

    def __init__(self, settings: ProfileSettings) -> None:
        self._settings = settings

    def inputs(self, context: Context) -> Any:
        return [dataclasses.asdict(self._settings), digest(context.artifact)]

    def outputs(self, context: Context) -> list[Path]:
        return [context.profile]

    def work(self, context: Context) -> None:
        from edgecnn.profiling import profile

        settings = self._settings
        context.progress("Measuring the latency", 0, 0)
        found = profile(
            context.artifact,
            settings.device,
            settings.delegate,
            list(settings.threads) or None,
            settings.runs,
            settings.warmup,
            settings.budget,
        )
        files.write_json(context.profile, found.to_dict())


def stages(recipe: Recipe) -> Sequence[Stage]:
    """Profiling, where there is a [profile]."""
    return [Profile(settings) for settings in PROFILE.all_of(recipe)]
