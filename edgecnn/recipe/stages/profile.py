"""A recipe's [profile]: what `edgecnn profile` does."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgecnn.core import files
from edgecnn.core.errors import DeviceError, RecipeError
from edgecnn.core.registry import TARGETS
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

    def refuse(self, context: Context) -> None:
        from edgecnn.devices import delegates, open_device
        from edgecnn.devices.check import problems

        settings = self._settings
        delegates.resolve(settings.delegate)
        name = settings.delegate.partition(",")[0].partition(":")[0]
        if name in TARGETS.names():
            raise RecipeError(
                f"profile.delegate is {settings.delegate!r}, which runs only compiled models, but a recipe does "
                "not compile the model. Profile on the processor, or compile and profile afterwards: edgecnn "
                f"compile ARTIFACT --target {name}"
            )
        if settings.device == "local" or context.profile.exists():  # a board may be off once it was measured
            return
        context.progress(f"Checking {settings.device}", 0, 0)
        with open_device(settings.device) as device:
            found = problems(device.run("check"), settings.device)
        if found:
            raise DeviceError(f"{settings.device} can't run a model yet. {found[0]}")

    def inputs(self, context: Context) -> Any:
        return [dataclasses.asdict(self._settings), digest(context.artifact)]

    def outputs(self, context: Context) -> list[Path]:
        return [context.profile]

    def work(self, context: Context) -> None:
        from edgecnn.devices import open_device
        from edgecnn.profiling import profile

        settings = self._settings
        context.progress("Measuring the latency", 0, 0)
        with open_device(settings.device, progress=context.progress) as device:
            found = profile(
                context.artifact,
                device,
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
