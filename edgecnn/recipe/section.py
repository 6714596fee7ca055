"""A section of a recipe, declared by a stage's file: its name, and the class of its settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model, model_validator

from edgecnn.core.errors import EdgecnnError
from edgecnn.core.option import Option, SettingError
from edgecnn.core.options import Settings, options

T = TypeVar("T", bound=Settings)


class Keys(BaseModel):
    """Base of the recipe and of its sections: unknown keys are errors, values can't change."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def given(self) -> dict[str, Any]:
        """What was written, by key."""
        return {key: value for key, value in self if value is not None}


class Recipe(Keys):
    """The whole file. A section that is left out is a stage that is left out; [model] and [quantize] always run.

    The sections are fields that the stages' files declare; `Section.of` has them with their types.
    """

    def has(self, section: str) -> bool:
        """Whether there is a section of that name."""
        return bool(getattr(self, section, None))

    def keys_of(self, section: str) -> dict[str, Any]:
        """What was written in a section, by key; empty where there is none."""
        found: Keys | None = getattr(self, section, None)
        return found.given() if found else {}


@dataclass(frozen=True)
class Section(Generic[T]):
    """A section of the recipe.

    Attributes:
        name: as it is written.
        settings: their class.
        required: whether every recipe has it.
        always: whether a recipe without it has its defaults.
        several: whether it may be written several times, `[[name]]`, in the order in which they are done.
        alone: whether a file without the required sections may hold it, and leave its own required keys to the command
            line or another section: another command than `edgecnn run` reads it then.
        check: refuses, as a `ValueError`, what doesn't go with the other sections.
    """

    name: str
    settings: type[T]
    required: bool = False
    always: bool = False
    several: bool = False
    alone: bool = False
    check: Callable[[Recipe], None] = lambda recipe: None

    def all_of(self, recipe: Recipe) -> tuple[T, ...]:
        """Each of these sections of a recipe, in order."""
        found = getattr(recipe, self.name)
        written = found if isinstance(found, tuple) else (found,)
        return tuple(self.settings.of(keys.given()) for keys in written if keys is not None)

    def of(self, recipe: Recipe) -> T | None:
        """This section of a recipe; None where it was left out."""
        return next(iter(self.all_of(recipe)), None)

    def always_of(self, recipe: Recipe) -> T:
        """This section of a recipe, of those that every recipe has."""
        return self.all_of(recipe)[0]

    def field(self) -> tuple[Any, Any]:
        """The recipe's field: annotation and default."""
        keys = keys_of(self.settings, self.name)
        if self.several:
            return Annotated[tuple[keys, ...], BeforeValidator(_several)], ()  # type: ignore[valid-type]
        if self.always:
            return keys, Field(default_factory=keys)
        return (keys, ...) if self.required else (keys | None, None)


def _several(value: Any) -> Any:
    """[prune] is one step, [[prune]] are several."""
    return (value,) if isinstance(value, Mapping) else value


def keys_of(settings: type[Settings], name: str) -> type[Keys]:
    """A section's keys as a pydantic model: it finds all faults at once, and knows the JSON schema."""
    fields: Any = {each.key: _field(each) for each in options(settings) if "recipe" in each.offered}

    def complete(keys: Keys) -> Keys:
        try:
            settings.of(keys.given())
        except EdgecnnError as error:
            raise ValueError(str(error)) from error
        return keys

    return create_model(
        f"{name.capitalize()}Section",
        __base__=Keys,
        __doc__=(settings.__doc__ or "").partition("\n")[0],
        __validators__={"complete": model_validator(mode="after")(complete)},  # type: ignore[dict-item]
        **fields,
    )


def _field(option: Option) -> tuple[Any, Any]:
    def check(value: Any) -> Any:
        try:
            return option.checked(value)
        except SettingError as error:
            raise ValueError(str(error)) from error

    def describe(found: dict[str, Any]) -> None:
        found.clear()  # what pydantic says of it: a title that repeats the key, and null, which TOML can't say
        found.update(option.schema())

    field: Any = Field(... if option.required else None, json_schema_extra=describe)
    return Annotated[Any, BeforeValidator(check)], field
