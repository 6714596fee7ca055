"""The page about all that a run did."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgecnn import files
from edgecnn.stages._stage import Context, Stage, digest


class Report(Stage):
    """Artifact, verification, profile and training -> one page."""

    name = "report"

    def inputs(self, context: Context) -> Any:
        return [context.text, *map(digest, (context.artifact, context.verification, context.profile, context.training))]

    def outputs(self, context: Context) -> list[Path]:
        return [context.report]

    def work(self, context: Context) -> None:
        from edgecnn import report

        profiles = [profile] if context.recipe.profile and (profile := files.read_json(context.profile)) else []
        verification = files.read_json(context.verification) if context.recipe.verify else None
        training = files.read_json(context.training) if context.recipe.train else None
        report.write(context.report, context.artifact, verification, profiles, context.text, training=training)
