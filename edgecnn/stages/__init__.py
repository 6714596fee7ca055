"""The stages of a run, a file each: from files to files.

A stage is done again when its section of the recipe, an input file or a data set changed. Since stages are
deterministic, a stage that was done again with the same result leaves the later ones alone.
"""

from __future__ import annotations

from edgecnn.recipe import Recipe
from edgecnn.stages._stage import Context, Stage
from edgecnn.stages.build import Build
from edgecnn.stages.compress import Prune, Qat
from edgecnn.stages.profile import Profile
from edgecnn.stages.quantize import Quantize
from edgecnn.stages.report import Report
from edgecnn.stages.train import Train
from edgecnn.stages.verify import Verify

__all__ = ["Context", "Stage", "stages_of"]


def stages_of(recipe: Recipe) -> list[Stage]:
    """The stages that a recipe asks for, in order; each step of pruning is one: a later one can be changed alone."""
    stages: list[Stage | None] = [
        Build() if recipe.model.file is None else None,
        Train(recipe.train) if recipe.train else None,
        *(Prune(step, number, len(recipe.prune)) for number, step in enumerate(recipe.prune, 1)),
        Qat(recipe.qat) if recipe.qat else None,
        Quantize(),
        Verify(recipe.verify),
        Profile(recipe.profile) if recipe.profile else None,
        Report(),
    ]
    return [stage for stage in stages if stage]
