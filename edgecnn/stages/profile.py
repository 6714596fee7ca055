"""A recipe's [profile]: what `edgecnn profile` does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgecnn import files
from edgecnn.recipe import ProfileSection
from edgecnn.stages._stage import Context, Stage, digest


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
