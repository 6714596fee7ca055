"""A recipe's [verify]: what `edgecnn verify` does; the artifact gets the accuracy that was measured."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgecnn import artifact
from edgecnn.core import files
from edgecnn.core.errors import RecipeError
from edgecnn.core.hints import Hints
from edgecnn.core.options import option
from edgecnn.recipe.held_out import held_out_data
from edgecnn.recipe.known_labels import expected_contract
from edgecnn.recipe.section import Recipe, Section
from edgecnn.recipe.stage import Context, Stage, digest
from edgecnn.runtime.model.contract import Contract, Preprocessing
from edgecnn.runtime.model.label_file import read_labels
from edgecnn.verification.settings import VerifySettings

if TYPE_CHECKING:
    from edgecnn.data import DataSet

POSITION = 60


@dataclass(frozen=True)
class VerifySection(VerifySettings):
    """What an artifact is compared on, and how much it may lose."""

    data: str = option(
        "Evaluation set; with labels, accuracy is measured too.", "",
        metavar="DATA", default_help="what [train] holds out: its test images, or else its validation images",
    )  # fmt: skip


def _something_to_verify_on(recipe: Recipe) -> None:
    if recipe.has("verify") and not recipe.keys_of("verify").get("data") and held_out_data(recipe) is None:
        raise ValueError(
            "verify.data is missing; expected an evaluation set, or a [train] section that holds out images"
        )


VERIFY = Section("verify", VerifySection, check=_something_to_verify_on)
SECTIONS = (VERIFY,)


class Verify(Stage):
    """Artifact and float model -> verification, and the artifact that tells it.

    Args:
        settings: what to verify on; None leaves the artifact as it is.
    """

    name = "verify"

    def __init__(self, settings: VerifySettings | None) -> None:
        self._settings = settings

    def refuse(self, context: Context) -> None:
        from edgecnn.data import class_indices, open_data

        if self._settings is None:
            return
        data = open_data(self._settings.data)
        labeled, contract = data.classes, self._labels(context)
        if labeled and contract is not None and contract.labels:
            class_indices(data, contract)
        if self._settings.max_drop is not None and not labeled:
            raise RecipeError(
                f"verify.max_drop is {self._settings.max_drop}, which needs labels, but {self._settings.data} has "
                "none. Use verify.min_agreement."
            )

    @staticmethod
    def _labels(context: Context) -> Contract | None:
        """What the artifact will call its classes, as far as that is known."""
        given = context.recipe.keys_of("quantize").get("labels")
        if given is not None:
            return Contract(Preprocessing(32, 32), labels=read_labels(given))
        return expected_contract(context.recipe)

    def inputs(self, context: Context) -> Any:
        models = [digest(context.quantized), digest(context.float_model)]
        if self._settings is None:
            return models
        # The bounds are held against the stored result: to change one measures nothing again.
        return [self._settings.data, self._settings.samples, self._images(self._settings).digest(), *models]

    @staticmethod
    def _images(settings: VerifySettings) -> DataSet:
        """What is measured on."""
        from edgecnn.data import open_data

        data = open_data(settings.data).part("test", "validation")
        return data if settings.samples is None else data.sample(settings.samples)

    def outputs(self, context: Context) -> list[Path]:
        return [context.artifact, context.verification] if self._settings else [context.artifact]

    def work(self, context: Context) -> None:
        from edgecnn.runtime.model import model_file
        from edgecnn.verification import verify

        file = model_file.read(context.quantized)
        if self._settings is None:
            artifact.rewrite(context.artifact, file, file.contract)
            return
        data = self._images(self._settings)
        hints = Hints(input_size=context.recipe.keys_of("quantize").get("input_size"))
        found = verify(file, context.float_model, data, trust=context.trust, hints=hints, progress=context.progress)
        files.write_json(context.verification, found.to_dict())
        artifact.rewrite(context.artifact, file, file.contract.replace(accuracy=found.summary()))

    def check_bounds(self, context: Context) -> None:
        from edgecnn.verification import check_bounds

        found = context.found_verification()
        if self._settings is not None and found is not None:
            check_bounds(found, self._settings.max_drop, self._settings.min_agreement)


def stages(recipe: Recipe) -> Sequence[Stage]:
    """Always: without a [verify] the artifact stays as it is."""
    settings = VERIFY.of(recipe)
    if settings is not None and not settings.data:
        settings = dataclasses.replace(settings, data=held_out_data(recipe) or "")
    return [Verify(settings)]
