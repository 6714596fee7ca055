"""A recipe's [verify]: what `edgecnn verify` does; the artifact gets the accuracy that was measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgecnn import artifact
from edgecnn.core import files
from edgecnn.core.errors import RecipeError
from edgecnn.recipe.sections import Recipe, VerifySection
from edgecnn.recipe.stage import Context, Stage, data_digest, digest

POSITION = 60


class Verify(Stage):
    """Artifact and float model -> verification, and the artifact that tells it.

    Args:
        section: what to verify on; None leaves the artifact as it is.
    """

    name = "verify"

    def __init__(self, section: VerifySection | None) -> None:
        self._section = section

    def refuse(self, context: Context) -> None:
        from edgecnn.data import open_data

        if self._section is None:
            return
        labeled = open_data(self._section.data).classes
        if self._section.max_drop is not None and not labeled:
            raise RecipeError(
                f"verify.max_drop is {self._section.max_drop}, which needs labels, and {self._section.data} has none. "
                "Use min_agreement."
            )

    def inputs(self, context: Context) -> Any:
        models = [digest(context.quantized), digest(context.float_model)]
        if self._section is None:
            return models
        # The bounds are held against the stored result: to change one measures nothing again.
        settings = self._section.model_dump(exclude={"max_drop", "min_agreement"})
        return [settings, data_digest(self._section.data, self._section.samples), *models]

    def outputs(self, context: Context) -> list[Path]:
        return [context.artifact, context.verification] if self._section else [context.artifact]

    def work(self, context: Context) -> None:
        from edgecnn.data import open_data
        from edgecnn.runtime.model import model_file
        from edgecnn.verification import verify

        file = model_file.read(context.quantized)
        if self._section is None:
            artifact.rewrite(context.artifact, file, file.contract)
            return
        data = open_data(self._section.data)
        data = data if self._section.samples is None else data.sample(self._section.samples)
        found = verify(file, context.float_model, data, progress=context.progress)
        files.write_json(context.verification, found.to_dict())
        artifact.rewrite(context.artifact, file, file.contract.replace(accuracy=found.summary()))

    def check_bounds(self, context: Context) -> None:
        from edgecnn.verification import check_bounds

        found = context.found_verification()
        if self._section is not None and found is not None:
            check_bounds(found, self._section.max_drop, self._section.min_agreement)


def stages(recipe: Recipe) -> Sequence[Stage]:
    """Always: without a [verify] the artifact stays as it is."""
    return [Verify(recipe.verify)]
