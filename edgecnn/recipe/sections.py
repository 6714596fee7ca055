"""A recipe: one validated TOML file = one run. Paths in it are relative to where the command is started.

An unknown key, a wrong type or an impossible combination is one clear error that names the key, the value, what was
expected and the valid choices. The sections are those that the files of `edgecnn/recipe/stages/` declare.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError, create_model, model_validator

from edgecnn.core.errors import RecipeError, RecordError
from edgecnn.core.files import MAX_RECORD_BYTES, parse_toml
from edgecnn.core.options import SettingError, options, unknown
from edgecnn.core.text import counted
from edgecnn.recipe.section import Recipe, Section
from edgecnn.recipe.stage import kinds
from edgecnn.runtime.regular_file import likely_meant, read_regular


@functools.cache
def sections() -> dict[str, Section[Any]]:
    """Every section that a recipe can have, by name, in the order of a run."""
    return {section.name: section for kind in kinds() for section in kind.SECTIONS}


@functools.cache
def recipe_model() -> type[Recipe]:
    """The recipe with all sections, as a pydantic model."""

    def check(recipe: Recipe) -> Recipe:
        for section in sections().values():
            section.check(recipe)
        return recipe

    fields: Any = {name: section.field() for name, section in sections().items()}
    return create_model(
        "Recipe",
        __base__=Recipe,
        __doc__=(Recipe.__doc__ or "").partition("\n")[0],
        __validators__={"check": model_validator(mode="after")(check)},  # type: ignore[dict-item]
        **fields,
    )


def schema() -> dict[str, Any]:
    """The JSON schema of recipes, for editors; `edgecnn run --schema` prints it, `schema.json` is it."""
    found = _tidy(recipe_model().model_json_schema())
    for name, section in sections().items():
        if section.several:
            one = found["properties"][name]["items"]
            found["properties"][name] = {"anyOf": [one, {"type": "array", "items": one}]}
    alone = [name for name, section in sections().items() if section.alone]
    for name in alone:
        found["$defs"][found["properties"][name]["$ref"].rpartition("/")[2]].pop("required", None)
    either = [{"required": [name]} for name in alone]
    found["anyOf"] = [{"required": found.pop("required")}, *either]
    return {"$schema": "http://json-schema.org/draft-07/schema#", **found, "title": "edgecnn recipe"}


def _tidy(node: Any) -> Any:
    """Without what pydantic adds: titles that repeat the keys, and null, which TOML can't say."""
    if isinstance(node, list):
        return [_tidy(each) for each in node]
    if not isinstance(node, dict):
        return node
    kept = {key: _tidy(value) for key, value in node.items() if not (key == "title" and isinstance(value, str))}
    if {"type": "null"} in kept.get("anyOf", ()):
        return next(each for each in kept["anyOf"] if each != {"type": "null"})
    return kept


def read(path: str | Path) -> tuple[Recipe, str]:
    """Read and validate a recipe; returns it with its text.

    Raises:
        RecipeError: the file is missing, no TOML, or says something that can't be; all faults are listed at once.
    """
    try:
        text = read_regular(path, MAX_RECORD_BYTES).decode("utf-8-sig")  # an editor may begin it with a BOM
        values = parse_toml(text)
    except UnicodeDecodeError as error:
        raise RecipeError(f"Can't read the recipe {path}: {error}; expected TOML in UTF-8.") from error
    except OSError as error:
        meant = likely_meant(path) if isinstance(error, FileNotFoundError) else ""
        reason = f"{error.strerror}; expected a TOML file."
        raise RecipeError(f"Can't read the recipe {path}: {reason}{meant}") from error
    except RecordError as error:
        raise RecipeError(f"The recipe {path} can't be read: {error}") from error
    if "search" in values and "model" not in values:
        raise RecipeError(f"The recipe {path} describes a search, not a run. Start it with: edgecnn search {path}")
    return validated(values, path), text


def validated(values: Mapping[str, Any], name: str | Path) -> Recipe:
    """A recipe from TOML values.

    Args:
        values: keys by section.
        name: of the recipe, for messages.

    Raises:
        RecipeError: it says something that can't be; all faults are listed at once.
    """
    try:
        return recipe_model().model_validate(values)
    except ValidationError as error:
        faults = "\n".join(f"  {_sentence(dict(fault))}" for fault in error.errors())
        raise RecipeError(f"The recipe {name} has {counted(error.error_count(), 'error')}:\n{faults}") from error


def _sentence(fault: dict[str, Any]) -> str:
    """One fault: key, value, what was expected."""
    place = [str(part) for part in fault["loc"]]
    key = ".".join(place)
    if fault["type"] == "extra_forbidden":
        return unknown(place[-1], _valid_keys(place[:-1])).spelled(lambda last: ".".join([*place[:-1], last]))
    if fault["type"] == "missing":
        return f"{key} is missing. Valid keys: {', '.join(_valid_keys(place[:-1]))}."
    if fault["type"] != "value_error":  # by pydantic itself: of the file's form, not of a setting
        return f"{key} is {fault['input']!r}; expected a section, [{key}]."
    error = fault["ctx"]["error"]
    if isinstance(error.__cause__, SettingError):
        return _of_setting(error.__cause__, place)
    return f"{key}: {error}" if key else str(error)


def _of_setting(error: SettingError, place: list[str]) -> str:
    """The message with the whole name of the setting that it is about; others that it names are in the same section."""
    names = iter([".".join(place)])

    def spell(key: str) -> str:
        first = next(names, None)
        return key if first is None else first if place[-1] == key else f"{first}.{key}"

    return error.spelled(spell)


def _valid_keys(place: list[str]) -> list[str]:
    if not place:
        return list(sections())
    return [each.key for each in options(sections()[place[0]].settings) if "recipe" in each.offered]
