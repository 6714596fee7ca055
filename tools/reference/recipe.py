"""recipe.md: the sections and keys of a recipe, from its JSON schema."""

from __future__ import annotations

import json
from typing import Any

import click

from . import markdown, surfaces
from .commands import split_default

INTRODUCTION = (
    "A recipe is one TOML file that `edgecnn run` carries out: a section per stage. A section that is left out is a "
    "stage that is left out; `[model]` and `[quantize]` always run. Paths are relative to the folder in which the "
    "command is started. `[prune]` may be given several times, as `[[prune]]`. An unknown key, a wrong type or a "
    "value out of range is one error that names the key, the value and what is expected. See "
    "[recipes in use](../get_started.md#recipes) and the files in `recipes/`."
)
COMMANDS = {"model": "build", "qat": "train"}
"""Sections whose keys mean what the options of a command of another name mean."""


MANY = 20
"""So many choices are not listed."""


def page() -> str:
    schema = surfaces.recipe_schema()
    required = schema.get("required", [])
    parts = [_section(name, _resolved(entry, schema), name in required) for name, entry in schema["properties"].items()]
    return markdown.page("Recipe", INTRODUCTION, *parts)


def _resolved(entry: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """The definition that a property refers to: directly, as one of several, or as the items of an array."""
    for candidate in (entry, entry.get("items", {}), *entry.get("anyOf", []), *entry.get("allOf", [])):
        if "$ref" in candidate:
            found: dict[str, Any] = schema["$defs"][candidate["$ref"].rpartition("/")[2]]
            return found
    return entry


def _section(name: str, section: dict[str, Any], needed: bool) -> str:
    what = section.get("description", "").rstrip(".")
    required = section.get("required", [])
    meanings = _meanings(COMMANDS.get(name, name))
    rows = []
    for key, entry in section["properties"].items():
        meaning, default = _split(entry.get("description") or meanings.get(key, ""))
        rows.append(
            (markdown.code(key), _type(entry), "required" if key in required else default or _default(entry), meaning)
        )
    sentence = f"{what[:1].upper()}{what[1:]}." + (" Required." if needed else "")
    return "\n\n".join([f"## [{name}]", sentence, markdown.table(("key", "value", "default", "meaning"), rows)])


def _split(description: str) -> tuple[str, str]:
    """(meaning, default) of a key whose default is computed."""
    meaning, _, default = description.partition(" Default: ")
    return meaning, default.rstrip(".")


def _meanings(command: str) -> dict[str, str]:
    """Key -> help of the option of the same name, for keys that the schema doesn't describe."""
    found = {path[1]: each for path, each in surfaces.commands() if len(path) == 2}
    if command not in found:
        return {}
    options = [option for option in found[command].params if isinstance(option, click.Option)]
    return {name.lstrip("-").replace("-", "_"): split_default(option)[0] for option in options for name in option.opts}


def _type(entry: dict[str, Any]) -> str:
    """The type with its range or choices."""
    kinds = [kind for kind in entry.get("anyOf", [entry]) if kind.get("type") != "null"]
    return " or ".join(_kind(kind) for kind in kinds)


def _kind(kind: dict[str, Any]) -> str:
    if len(kind.get("enum", ())) > MANY:
        return "one of [many](models.md)"
    if "enum" in kind:
        return ", ".join(markdown.code(json.dumps(choice)) for choice in kind["enum"])
    if kind.get("type") == "array":
        return f"list of {_kind(kind.get('items', {}))}"
    names = {"integer": "whole number", "boolean": "true or false", "string": "text", "number": "number"}
    limits = _limits(kind)
    return names.get(kind.get("type", ""), "value") + (f", {limits}" if limits else "")


def _limits(kind: dict[str, Any]) -> str:
    if "minimum" in kind and "maximum" in kind:
        return f"{kind['minimum']:,} to {kind['maximum']:,}"
    words = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}
    return ", ".join(f"{words[name]} {kind[name]:,}" for name in words if name in kind)


def _default(entry: dict[str, Any]) -> str:
    default = entry.get("default")
    return "" if default in (None, [], ()) else markdown.code(json.dumps(default))
