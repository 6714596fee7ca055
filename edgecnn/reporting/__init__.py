"""One page that says what an artifact is, how good it is, how fast it is, and how to repeat that."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgecnn.core import files
from edgecnn.core.errors import UsageError
from edgecnn.core.hints import NO_HINTS, Hints
from edgecnn.estimation import Estimate
from edgecnn.html.page import Section, cards, page
from edgecnn.profiling import Profile
from edgecnn.profiling.per_op import PerOperator
from edgecnn.profiling.sustained import Sustained
from edgecnn.reporting import sections as parts
from edgecnn.reporting.boxes import boxes, worst
from edgecnn.reporting.confidence import trusted
from edgecnn.reporting.estimates import estimated
from edgecnn.reporting.ladder import ladder
from edgecnn.reporting.operators import operators
from edgecnn.reporting.sustained import sustained as minutes
from edgecnn.reporting.training import compressed, trained
from edgecnn.runtime.model.model_file import ModelFile
from edgecnn.runtime.run.engine import Interface
from edgecnn.training.record import TrainingRecord
from edgecnn.verification import Verification

__all__ = ["report", "write"]


def report(  # noqa: PLR0913 (the parts of a page)
    artifact: str | Path,
    verification: Verification | None = None,
    profiles: Sequence[Profile] = (),
    recipe: str = "",
    per_op: Sequence[PerOperator] = (),
    sustained: Sequence[Sustained] = (),
    training: TrainingRecord | None = None,
    hints: Hints = NO_HINTS,
    estimates: Sequence[Estimate] = (),
) -> str:
    """The page as HTML.

    Args:
        artifact: the `.tflite` file.
        verification: if one was made.
        profiles: of each device that it was measured on.
        recipe: text of the recipe that made it, if there was one.
        per_op: of each device where operators were timed one by one.
        sustained: of each device where it ran for minutes.
        training: if the model was trained here.
        hints: what is known of a model by others.
        estimates: for boards that are not at hand.

    Raises:
        ModelFileError: the artifact is damaged, or its outputs aren't those of its task.
        UsageError: the verification or a profile is of another file.
    """
    file = hints.read(artifact)
    _refuse_others(file, verification, profiles)
    Interface(file)  # refuses what is no classifier, or not the contract's
    sections = [
        *_quality(file, verification),
        *_speed(profiles, per_op, sustained),
        Section("Speed, estimated and not measured", estimated(estimates)),
        *_origin(file, recipe, training),
    ]
    top = cards(parts.figures(file, verification, profiles))
    return page(f"{file.contract.name}: {file.name}", parts.lead(file), sections, top=top)


def _refuse_others(file: ModelFile, verification: Verification | None, profiles: Sequence[Profile]) -> None:
    if verification and verification.model_sha256 != file.sha256 and file.contract.accuracy != verification.summary():
        _refuse("verification", verification.model, file)  # a recipe writes what it verified into the artifact
    for profile in profiles:
        if profile.model.sha256 != file.sha256:
            _refuse("profile", profile.model.name, file)


def _refuse(what: str, measured: str, file: ModelFile) -> None:
    raise UsageError(
        f"The {what} is of another file, {measured}: its digest is not that of {file.name}. Measure this file, or "
        "give the file that was measured."
    )


def _quality(file: ModelFile, verification: Verification | None) -> list[Section]:
    return [
        Section("Predictions on images", parts.answers(verification)),
        Section("Size and accuracy", parts.accuracy(file, verification)),
        Section("Configurations tried to meet the accuracy bound", ladder(file)),
        Section("How far the probabilities can be trusted", trusted(verification)),
        Section("What the boxes get wrong", boxes(verification)),
        Section("Images on which most boxes are wrong", worst(verification, parts.worst_image)),
        Section("Images on which the artifact and the float model differ", parts.flipped(verification)),
    ]


def _speed(profiles: Sequence[Profile], per_op: Sequence[PerOperator], sustained: Sequence[Sustained]) -> list[Section]:
    return [
        *(Section(f"Speed on {parts.device_name(profile)}", parts.speed(profile)) for profile in profiles),
        *(Section(f"Where the time goes on {parts.device_name(entry)}", operators(entry)) for entry in per_op),
        *(Section(f"Speed over {entry.seconds:.0f} s on {entry.device}", minutes(entry)) for entry in sustained),
    ]


def _origin(file: ModelFile, recipe: str, training: TrainingRecord | None) -> list[Section]:
    return [
        Section("How it was trained", trained(training)),
        Section("How it was compressed", compressed(file.contract.model.compression)),
        Section("How to use it", parts.usage(file)),
        Section("Where it comes from", parts.provenance(file)),
        Section("How to reproduce it", parts.repeat(file, recipe)),
    ]


def write(path: str | Path, *arguments: Any, **options: Any) -> None:
    """Write `report(...)` to a file, whole or not at all."""
    files.write_text(path, report(*arguments, **options))
