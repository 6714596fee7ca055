"""What every stage of a run is, what stages share, and which ones a recipe asks for.

A stage is done again when its section of the recipe, an input file or a data set changed. Since stages are
deterministic, a stage that was done again with the same result leaves the later ones alone.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from edgecnn.core import files
from edgecnn.core.errors import RecipeError
from edgecnn.core.file_kind import kind_of
from edgecnn.core.progress import Progress
from edgecnn.core.registry import STAGES
from edgecnn.float_model.converters.converter import CONVERTERS, files_of
from edgecnn.recipe.section import Recipe, Section
from edgecnn.runtime.regular_file import likely_meant

if TYPE_CHECKING:
    from edgecnn.profiling import Profile
    from edgecnn.verification import Verification


QUANTIZED = {
    "saved_model": "a SavedModel folder",
    "tflite": "a float .tflite",
    "onnx": "an .onnx file",
    "pt2": "a .pt2 file",
}
"""What else is quantized, by kind of file."""


@dataclass(frozen=True)
class Context:
    """What the stages share.

    Attributes:
        recipe: what to do.
        text: the recipe as it was written.
        folder: where the files of the run are.
        name: the recipe's name; the artifact is `folder/name.tflite`.
        progress: called with (stage, done, total).
    """

    recipe: Recipe
    text: str
    folder: Path
    name: str
    progress: Progress

    @property
    def built(self) -> Path:
        """The Keras model as it was built, or the file of a model that exists already."""
        file = self.recipe.keys_of("model").get("file")
        return Path(file) if file else self.folder / "model.keras"

    @property
    def trust(self) -> bool:
        """Whether code that this file contains may be run."""
        return bool(self.recipe.keys_of("model").get("trust"))

    def model_before(self, stage: Stage) -> Path:
        """The Keras model that a stage starts from: what the last stage before it made, or what was built."""
        made = self.built
        for each in stages_of(self.recipe):
            if each.name == stage.name:
                break
            made = self.folder / each.model if each.model else made
        return made

    @property
    def float_model(self) -> Path:
        """The model that is quantized: the last one."""
        made = [stage.model for stage in stages_of(self.recipe) if stage.model]
        return self.folder / made[-1] if made else self.built

    @property
    def training(self) -> Path:
        """What happened in training, as JSON."""
        return self.folder / "training.json"

    @property
    def quantized(self) -> Path:
        """The artifact before its accuracy was measured."""
        return self.folder / "quantized.tflite"

    @property
    def artifact(self) -> Path:
        """The artifact with the measured accuracy in its contract."""
        return self.folder / f"{self.name}.tflite"

    @property
    def verification(self) -> Path:
        """The verification as JSON."""
        return self.folder / "verification.json"

    @property
    def profile(self) -> Path:
        """The profile as JSON."""
        return self.folder / "profile.json"

    def found_verification(self) -> Verification | None:
        """What the stage verify found; None where the recipe has none."""
        from edgecnn.verification import Verification

        if not self.recipe.has("verify"):
            return None
        return files.read_record(self.verification, Verification, "the output of the stage verify")

    def found_profile(self) -> Profile | None:
        """What the stage profile measured; None where the recipe has none."""
        from edgecnn.profiling import Profile

        if not self.recipe.has("profile"):
            return None
        return files.read_record(self.profile, Profile, "the output of the stage profile")

    @property
    def report(self) -> Path:
        """The page."""
        return self.folder / "report.html"


class Stage(abc.ABC):
    """One step.

    Attributes:
        name: for people, and in the state of a run.
        model: name of the file of the Keras model that it makes; empty if it makes none.
    """

    name: str
    model: str = ""

    def refuse(self, context: Context) -> None:  # noqa: B027 (most stages have nothing to refuse)
        """Say before any stage works what is bound to fail after hours.

        Raises:
            UsageError: the recipe asks for what can't be, here or with this data.
            DataError: the data can't be read.
        """

    @abc.abstractmethod
    def inputs(self, context: Context) -> Any:
        """What it depends on besides the program: JSON values, with the digests of files and data sets.

        A `Path` stands for what is in the file.
        """

    @abc.abstractmethod
    def outputs(self, context: Context) -> list[Path]:
        """The files that it writes."""

    @abc.abstractmethod
    def work(self, context: Context) -> None:
        """Do it."""

    def check_bounds(self, context: Context) -> None:  # noqa: B027 (most stages have none)
        """Hold the finished work against the recipe's bounds.

        Raises:
            BoundNotMetError: it costs more than the recipe allows.
        """


class StageKind(Protocol):
    """A file of `edgecnn/recipe/stages/`.

    Attributes:
        POSITION: where its stages stand in a run; the lowest runs first.
    """

    POSITION: int

    @property
    def SECTIONS(self) -> tuple[Section[Any], ...]:  # noqa: N802
        """What it reads of a recipe."""

    def stages(self, recipe: Recipe) -> Sequence[Stage]:
        """The stages that the recipe asks for; none where its section is missing."""


def kinds() -> list[StageKind]:
    """All kinds of stages, in the order of a run."""
    found = [STAGES.plugin(name, StageKind) for name in STAGES.names()]
    return sorted(found, key=lambda kind: kind.POSITION)


def stages_of(recipe: Recipe) -> list[Stage]:
    """The stages that a recipe asks for, in order; each step of pruning is one: a later one can be changed alone."""
    return [stage for kind in kinds() for stage in kind.stages(recipe)]


def check_model_file(key: str, path: str, *, others: Mapping[str, str] | None = None) -> None:
    """Refuse what is no Keras model before any stage works.

    Args:
        key: of the recipe, for the message.
        path: of the file.
        others: kinds of files that will do besides, with words for each.

    Raises:
        RecipeError: it is missing, or of another kind.
    """
    kind = kind_of(path)
    if kind is None and not Path(path).exists():
        raise RecipeError(f"{key} is {path!r}, but this file does not exist.{likely_meant(path) or ' Check the path.'}")
    others = others or {}
    if kind is None or kind.name not in ("keras", "saved_model", *others):
        words = f"{path} is {kind.words}; " if kind else ""
        expected = ", ".join(("a Keras model, a .keras file", *others.values()))
        raise RecipeError(f"{key} is {path!r}; {words}expected {expected}.")


def digest(path: str | Path) -> str:
    """Of a file, and of those beside it that hold its weights, or of all files in a folder (a SavedModel).

    "missing" leaves the message to the stage.
    """
    path = Path(path)
    if path.suffix.lower() in CONVERTERS and path.is_file():
        return files.sha256("".join(map(files.file_sha256, files_of(path))).encode())
    if path.is_dir():
        parts = (part for part in sorted(path.rglob("*")) if part.is_file())
        return files.sha256("".join(f"{digest(part)} {part.name}" for part in parts).encode())
    return files.file_sha256(path) if path.is_file() else "missing"
