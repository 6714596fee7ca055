"""The page about all that a run did."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgecnn.core import files
from edgecnn.recipe.section import Recipe, Section
from edgecnn.recipe.stage import Context, Stage, digest

POSITION = 80
SECTIONS: tuple[Section[Any], ...] = ()


class Report(Stage):
    """Artifact, verification, profile and training -> one page."""

    name = "report"

    def inputs(self, context: Context) -> Any:
        return [context.text, *map(digest, (context.artifact, context.verification, context.profile, context.training))]

    def outputs(self, context: Context) -> list[Path]:
        return [context.report]

    def work(self, context: Context) -> None:
        from edgecnn import reporting
        from edgecnn.training.record import TrainingRecord

        verification = context.found_verification()
        profile = context.found_profile()
        training = None
        if context.recipe.has("train"):
            training = files.read_record(context.training, TrainingRecord, "the output of the stage train")
        profiles = [profile] if profile else []
        reporting.write(context.report, context.artifact, verification, profiles, context.text, training=training)


def stages(recipe: Recipe) -> Sequence[Stage]:
    """Always."""
    return [Report()]
