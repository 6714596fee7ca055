"""The reference pages name all that there is, and the fields of JSON results are those that the commands write."""

from __future__ import annotations

import dataclasses
import importlib
import json
import re
import sys

import click
import pytest
from documents import ROOT, TEXT

import edgecnn

sys.path.insert(0, str(ROOT / "tools"))
surfaces = importlib.import_module("reference.surfaces")
markdown = importlib.import_module("reference.markdown")
json_samples = importlib.import_module("reference.json_samples")


def _sections(page: str) -> dict[str, str]:
    """Heading -> text below it."""
    _, *parts = re.split(r"^## (.*)$", TEXT[f"docs/reference/{page}.md"], flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2]))


@pytest.mark.parametrize("name", [name for name in TEXT if name.startswith("docs/reference/")])
def test_page_says_that_it_is_generated(name: str) -> None:
    assert "generated from the code by `tools/docs`" in TEXT[name]


def test_every_command_and_option_is_on_the_page() -> None:
    sections = _sections("commands")
    found = {" ".join(path): each for path, each in surfaces.commands() if not isinstance(each, click.Group)}
    assert list(sections) == list(found)
    for name, command in found.items():
        for option in (each for each in command.params if isinstance(each, click.Option)):
            assert f"`{option.opts[-1]}`" in sections[name]


def test_every_recipe_key_is_on_the_page() -> None:
    sections, schema = _sections("recipe"), surfaces.recipe_schema()
    assert list(sections) == [f"[{name}]" for name in schema["properties"]]
    keys = {key for section in schema["$defs"].values() for key in section.get("properties", {})}
    assert len(keys) > 30
    assert keys == set(re.findall(r"^\| `(\w+)` \|", TEXT["docs/reference/recipe.md"], re.MULTILINE))


def test_every_public_function_is_on_the_page() -> None:
    sections = {section.removeprefix("edgecnn.") for section in _sections("python_api")}
    assert {name for name in edgecnn.__all__ if name != "__version__"} <= sections


def test_every_field_of_the_contract_is_on_the_page() -> None:
    for kind in surfaces.CONTRACT:
        rows = re.findall(r"^\| `(\w+)` .* \| (.+) \|$", _sections("contract")[kind.__name__], re.MULTILINE)
        assert [name for name, meaning in rows if meaning.strip()] == [field.name for field in dataclasses.fields(kind)]


def test_every_model_is_on_the_page() -> None:
    rows = surfaces.models()
    table = _sections("models")["Size and accuracy"]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == [row["name"] for row in rows]


def test_long_commands_are_broken_before_options() -> None:
    command = "$ edgecnn quantize lite0.keras -o lite0.tflite --scheme int8_mixed --keep-float stem_conv,block0_bn"
    lines = markdown.wrapped(command)
    assert [len(line) <= 80 for line in lines] == [True, True]
    assert lines[1].lstrip().startswith("--keep-float")
    assert " ".join(line.rstrip("\\").strip() for line in lines) == command


def test_json_types_are_merged() -> None:
    value = {"rows": [{"a": 1, "b": None}, {"a": 2.5, "b": "x"}], "block0_conv": [[1]], "n": True}
    assert json_samples.flatten(value) == {
        "rows": "array",
        "rows[]": "object",
        "rows[].a": "number",
        "rows[].b": "string",
        "*": "array",
        "*[]": "array",
        "*[][]": "integer",
        "n": "true or false",
    }


@pytest.mark.slow
def test_commands_write_the_fields_that_are_described(tmp_path) -> None:
    """Of the quick commands; `tools/docs --measure json` brings json_fields.json up to date."""
    known = json.loads(json_samples.FIELDS.read_text())
    found = json_samples.fields(tmp_path, json_samples.QUICK)
    for heading, fields in found.items():
        assert _not_in(fields, known[heading]) == [], heading
        assert _not_in(known[heading], fields) == [], heading


def _not_in(fields: dict[str, str], others: dict[str, str]) -> list[str]:
    """Paths that the others don't have, other than below a value that is null or empty there."""
    return [path for path in fields if path not in others and not _is_open(path, others)]


def _is_open(path: str, others: dict[str, str]) -> bool:
    parents = [other for other in others if path.startswith((f"{other}.", f"{other}["))]
    nearest = max(parents, key=len, default="")
    return (
        bool(nearest)
        and others[nearest] in ("null", "array", "object")
        and not any(other.startswith((f"{nearest}.", f"{nearest}[")) for other in others)
    )
