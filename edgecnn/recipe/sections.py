"""A recipe: one validated TOML file = one run. Paths in it are relative to where the command is started.

An unknown key, a wrong type or an impossible combination is one clear error that names the key, the value, what was
expected and the valid choices.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from edgecnn import builder
from edgecnn.compression.options import options_of
from edgecnn.core.errors import EdgecnnError, RecipeError
from edgecnn.core.registry import COMPRESSION, SCHEMES, TRAINING_STRATEGIES, Registry
from edgecnn.core.text import counted
from edgecnn.data.augmentation import PRESETS
from edgecnn.models import spec
from edgecnn.quantization.levels import LEVELS
from edgecnn.training.settings import RANGES

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def _registered(registry: Registry) -> Callable[[str], str]:
    def check(name: str) -> str:
        if name not in registry.names():
            raise ValueError(f"expected one of: {', '.join(registry.names())}")
        return name

    return check


def _architecture(name: str) -> str:
    try:
        spec(name)
    except EdgecnnError as error:
        raise ValueError(str(error)) from error
    return name


class Section(BaseModel):
    """Base of every section: unknown keys are errors, values can't change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _within(limits: tuple[float, float], default: Any = None) -> Any:
    """A field with the range that the library itself checks."""
    return Field(default, ge=limits[0], le=limits[1])


class ModelSection(Section):
    """[model]: what `edgecnn build` takes, or the file of a model that exists already."""

    name: Annotated[str | None, AfterValidator(_architecture)] = None
    file: str | None = None
    input_size: int | None = _within(builder.INPUT_SIZES)
    width: float = _within(builder.WIDTHS, 1.0)
    classes: int | None = _within(builder.CLASSES)
    color: Annotated[str, AfterValidator(lambda value: _one_of(value, builder.COLORS))] = "rgb"
    weights: str = "none"
    seed: int = _within(builder.SEEDS, 0)

    @model_validator(mode="after")
    def _name_or_file(self) -> ModelSection:
        if (self.name is None) == (self.file is None):
            raise ValueError("expected either name (an architecture) or file (a saved model), and not both")
        if self.file is not None and self.model_fields_set != {"file"}:
            others = ", ".join(sorted(self.model_fields_set - {"file"}))
            raise ValueError(f"a saved model is taken as it is: remove {others}")
        return self


def _one_of(value: str, choices: tuple[str, ...]) -> str:
    if value not in choices:
        raise ValueError(f"expected one of: {', '.join(choices)}")
    return value


class TrainSection(Section):
    """[train]: what `edgecnn train` takes; a setting that is left out is the strategy's own."""

    data: str
    strategy: Annotated[str, AfterValidator(_registered(TRAINING_STRATEGIES))] = "auto"
    validation: str | None = None
    validation_share: float = Field(0.1, gt=0, le=0.9)
    test: str | None = None
    strict: bool = False
    crop: float | None = Field(None, gt=0, le=1)
    unfreeze: int | None = Field(None, ge=0)
    teacher: str | None = None
    epochs: int | None = _within(RANGES["epochs"])
    batch_size: int | None = _within(RANGES["batch_size"])
    learning_rate: float | None = _within(RANGES["learning_rate"])
    backbone_learning_rate: float | None = _within(RANGES["backbone_learning_rate"])
    weight_decay: float | None = _within(RANGES["weight_decay"])
    warmup: float | None = _within(RANGES["warmup"])
    label_smoothing: float | None = _within(RANGES["label_smoothing"])
    patience: int | None = _within(RANGES["patience"])
    augment: Annotated[str | None, AfterValidator(lambda value: value and _one_of(value, tuple(PRESETS)))] = None
    class_weights: bool | None = None
    temperature: float | None = _within(RANGES["temperature"])
    distillation_weight: float | None = _within(RANGES["distillation_weight"])
    seed: int | None = _within(RANGES["seed"])

    def options(self) -> dict[str, Any]:
        """The arguments of `edgecnn.training.TrainOptions`."""
        from edgecnn.training import FitSettings

        values = self.model_dump()
        fields = [field.name for field in dataclasses.fields(FitSettings) if field.name in values]
        overrides = {name: value for name in fields if (value := values.pop(name)) is not None}
        return {**values, "overrides": overrides}


_SPLITS = ("data", "validation", "validation_share", "test")


class TuningSection(Section):
    """What [prune] and [qat] share: how a trained model is trained further; `data` is [train]'s unless it is given.

    `max_drop` bounds the points of top-1 that the step costs the float model; [verify] compares with what it left.
    """

    data: str | None = None
    validation: str | None = None
    validation_share: float = Field(0.1, gt=0, le=0.9)
    test: str | None = None
    distill: bool = True
    max_drop: float | None = None
    epochs: int | None = _within(RANGES["epochs"])
    batch_size: int | None = _within(RANGES["batch_size"])
    learning_rate: float | None = _within(RANGES["learning_rate"])
    augment: Annotated[str | None, AfterValidator(lambda value: value and _one_of(value, tuple(PRESETS)))] = None
    seed: int | None = _within(RANGES["seed"])

    def tuning(self, train: TrainSection | None) -> dict[str, Any]:
        """The arguments of `edgecnn.compression.Tuning`."""
        names = ("epochs", "batch_size", "learning_rate", "augment", "seed")
        overrides = {name: value for name in names if (value := getattr(self, name)) is not None}
        own = {name for name in _SPLITS if train is None or self.data is not None or name in self.model_fields_set}
        given = {name: getattr(self if name in own else train, name) for name in _SPLITS}
        return {**given, "distill": self.distill, "overrides": overrides}


class PruneSection(TuningSection):
    """[prune], or several [[prune]] one after the other: what `edgecnn prune` takes."""

    method: Annotated[str, AfterValidator(_registered(COMPRESSION))]
    keep: float | None = None
    cost: str | None = None
    criterion: str | None = None
    floor: float | None = None
    rounds: int | None = None
    divisor: int | None = None
    sparsity: float | None = None
    scope: str | None = None
    target: str | None = Field(None, alias="for")
    clusters: int | None = None
    bits: float | None = None
    to: str | None = None

    @model_validator(mode="after")
    def _options_of_method(self) -> PruneSection:
        try:
            options_of(self.method, self.options(), lambda name: name)
        except EdgecnnError as error:
            raise ValueError(str(error)) from error
        return self

    def options(self) -> dict[str, Any]:
        """Fields of the method's `Options`."""
        own = self.model_dump(exclude={*TuningSection.model_fields, "method"})
        return {name: value for name, value in own.items() if value is not None}


class QatSection(TuningSection):
    """[qat]: what `edgecnn train --qat` takes."""


class QuantizeSection(Section):
    """[quantize]: what `edgecnn quantize` takes."""

    scheme: Annotated[str, AfterValidator(_registered(SCHEMES))] = "int8"
    calibration: str = "photos"
    samples: int | None = Field(None, ge=1)
    seed: int = 0
    improve: Annotated[str | None, AfterValidator(lambda value: value and _one_of(value, LEVELS))] = None
    io: str | None = None

    @model_validator(mode="after")
    def _io_of_scheme(self) -> QuantizeSection:
        choices = SCHEMES.load(self.scheme).IO
        if self.io is not None and self.io not in choices:
            raise ValueError(f"io is {self.io!r}; the scheme {self.scheme} has {', '.join(choices)}")
        return self


class VerifySection(Section):
    """[verify]: what `edgecnn verify` takes."""

    data: str
    samples: int | None = Field(None, ge=1)
    max_drop: float | None = None
    min_agreement: float | None = Field(None, ge=0, le=100)


class ProfileSection(Section):
    """[profile]: what `edgecnn profile` takes."""

    device: str = "local"
    delegate: str = "cpu"
    threads: tuple[Annotated[int, Field(ge=1)], ...] = ()
    runs: int = Field(100, ge=1)
    warmup: int = Field(10, ge=0)


class Recipe(Section):
    """The whole file. A section that is left out is a stage that is left out; [model] and [quantize] always run."""

    model: ModelSection
    train: TrainSection | None = None
    prune: Annotated[tuple[PruneSection, ...], BeforeValidator(lambda value: _several(value))] = ()
    qat: QatSection | None = None
    quantize: QuantizeSection = QuantizeSection.model_validate({})
    verify: VerifySection | None = None
    profile: ProfileSection | None = None

    @model_validator(mode="after")
    def _not_improved_after_qat(self) -> Recipe:
        if self.qat is not None and self.quantize.scheme == "int8" and self.quantize.improve not in (None, "none"):
            raise ValueError(
                f"quantize.improve is {self.quantize.improve!r}: after [qat] weights and ranges stay as they are; "
                "leave it out"
            )
        return self

    @model_validator(mode="after")
    def _something_to_tune_on(self) -> Recipe:
        for name, section in (*((f"prune.{n}", each) for n, each in enumerate(self.prune)), ("qat", self.qat)):
            if section is not None and section.data is None and self.train is None:
                raise ValueError(f"{name}.data: missing, and there is no [train] to take it from")
        return self


def _several(value: Any) -> Any:
    """[prune] is one step, [[prune]] are several."""
    return (value,) if isinstance(value, dict) else value


def read(path: str | Path) -> tuple[Recipe, str]:
    """Read and validate a recipe; returns it with its text.

    Raises:
        RecipeError: the file is missing, no TOML, or says something that can't be; all faults are listed at once.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
        values = tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"Can't read the recipe {path}: {error}.") from error
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"The recipe {path} is no valid TOML: {error}.") from error
    try:
        return Recipe.model_validate(values), text
    except ValidationError as error:
        faults = "\n".join(f"  {_sentence(dict(fault))}" for fault in error.errors())
        raise RecipeError(f"The recipe {path} has {counted(error.error_count(), 'fault')}:\n{faults}") from error


def _sentence(fault: dict[str, Any]) -> str:
    """One fault: key, value, what was expected."""
    place = [str(part) for part in fault["loc"]]
    key = ".".join(place)
    if fault["type"] == "extra_forbidden":
        return f"{key}: unknown key. {_valid_keys(place[:-1])}"
    if fault["type"] == "missing":
        return f"{key}: missing. {_valid_keys(place[:-1])}"
    message = str(fault["msg"]).removeprefix("Value error, ")
    if not key:  # of several sections together
        return message
    got = fault["input"]
    return f"{key}: {message}" if isinstance(got, dict) else f"{key} is {got!r}: {message}"


def section_of(section: type[Section], key: str) -> Any:
    """The class of a section's subsection, of which there may be several, or none."""
    annotation = section.model_fields[key].annotation
    return next(kind for kind in (annotation, *getattr(annotation, "__args__", ())) if hasattr(kind, "model_fields"))


def _valid_keys(place: list[str]) -> str:
    section: Any = Recipe
    for part in place:
        if part.isdigit():  # which of several [[prune]]
            continue
        section = section_of(section, part)
    return f"Valid keys: {', '.join(field.alias or name for name, field in section.model_fields.items())}."
