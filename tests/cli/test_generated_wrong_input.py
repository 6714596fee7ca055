"""Wrong inputs that are generated over all commands and options, and over all keys of recipes.

Each ends with exit status 2, without a traceback, and with a message that says what was received, what was expected,
and what to do. They run in this process: a wrong word is refused before anything is loaded.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click
import pytest
from click.testing import CliRunner

from edgecnn.cli import cli
from edgecnn.core.errors import EdgecnnError, RecipeError
from edgecnn.core.option import Option
from edgecnn.core.options import options
from edgecnn.recipe import sections

NOT_FINITE = ("nan", "inf", "-inf", "1e999")
EVERYTHING = frozenset({"mean", "encoder_mean"})
"""Numbers that have no smallest value: a mean is in pixel values of any normalization."""


class Case(NamedTuple):
    """A command line, the option that is wrong in it, and the value."""

    words: tuple[str, ...]
    flag: str
    value: str

    def __str__(self) -> str:
        return " ".join(self.words)


def commands(group: click.Group = cli, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


def required(command: click.Command, without: str = "") -> list[str]:
    """Words that satisfy what a command requires, but for one option; none of the files is there."""
    words: list[str] = []
    for param in command.params:
        if isinstance(param, click.Argument) and param.required:
            words.append(param.type.choices[0] if isinstance(param.type, click.Choice) else f"none.{param.name}")
        elif isinstance(param, click.Option) and param.required and param.opts[-1] != without:
            declared = getattr(param, "declared", None)
            value = declared.choices[0] if declared and declared.choices else "none.html"
            words += [param.opts[-1], value]
    return words


def declared_options() -> Iterator[tuple[tuple[str, ...], click.Command, str, Option]]:
    for path, command in commands():
        for param in command.params:
            declared = getattr(param, "declared", None)
            if declared is not None:
                yield path, command, param.opts[0], declared


def outside(declared: Option) -> list[str]:
    """Numbers beyond the limits of a setting, and what is no number."""
    limits = declared.range
    found = [*NOT_FINITE, "many", "" if not declared.several else "1,,2"]
    found += [] if limits.low is None else [f"{limits.low - 1:g}"]
    found += [] if limits.high is None else [f"{limits.high * 2 + 1:.0f}"]
    found += [] if limits.above is None else [f"{limits.above:g}", f"{limits.above - 1:g}"]
    found += [] if limits.below is None else [f"{limits.below:g}"]
    return [*found, *(["1.5"] if limits.whole else [])]


def numbers() -> list[Case]:
    return [
        Case((*path, *required(command, flag), f"{flag}={value}"), flag, value)
        for path, command, flag, declared in declared_options()
        if declared.kind in ("int", "float")
        for value in outside(declared)
    ]


def choices() -> list[Case]:
    return [
        Case((*path, *required(command, flag), f"{flag}={value}"), flag, value)
        for path, command, flag, declared in declared_options()
        if declared.choices
        for value in (f"{declared.choices[0]}x", "no_such_choice")
    ]


def misspelled() -> list[Case]:
    """Options with a letter too many, commands with one too few, and what is missing."""
    found = []
    for path, command in commands():
        long = [
            name for param in command.params if isinstance(param, click.Option) for name in param.opts if "--" in name
        ]
        found += [Case((*path, *required(command), f"{name}q"), f"{name}q", "") for name in long[:3]]
        found.append(Case((*path[:-1], path[-1][:-1]), path[-1][:-1], ""))
        if required(command):
            found.append(Case(path, "Missing", ""))
    return found


NUMBERS, CHOICES, MISSPELLED = numbers(), choices(), misspelled()


def refused(case: Case) -> str:
    """The message of a command that was refused."""
    done = CliRunner().invoke(cli, list(case.words), standalone_mode=False)
    error = done.exception
    assert error is not None, f"{case}: exit status 0\n{done.output}"
    assert isinstance(error, (EdgecnnError, click.ClickException)), f"{case}: {error!r}"
    status = error.exit_status if isinstance(error, EdgecnnError) else error.exit_code
    assert status == 2, f"{case}: exit status {status}, {error}"
    from edgecnn.core.option import SettingError

    if isinstance(error, SettingError):
        return error.spelled(lambda key: f"--{key.replace('_', '-')}")
    return error.format_message() if isinstance(error, click.ClickException) else str(error)


def test_there_are_enough_of_them() -> None:
    assert len(NUMBERS) + len(CHOICES) + len(MISSPELLED) >= 150
    assert {case.words[0] for case in MISSPELLED} >= {path[0] for path, _ in commands() if path[0] != "devices"}


@pytest.mark.parametrize("path", sorted({case.words[0] for case in NUMBERS}))
def test_numbers_that_can_not_be(path: str) -> None:
    """NaN, infinity, beyond the limits, no number: received, expected, and the limits are the remedy."""
    for case in (case for case in NUMBERS if case.words[0] == path):
        message = refused(case)
        assert message.startswith(f"{case.flag} is "), f"{case}: {message}"
        assert "expected" in message and "number" in message, f"{case}: {message}"
        assert case.value in message, f"{case}: {message}"


@pytest.mark.parametrize("path", sorted({case.words[0] for case in CHOICES}))
def test_choices_that_are_none(path: str) -> None:
    for case in (case for case in CHOICES if case.words[0] == path):
        message = refused(case)
        assert message.startswith(f"{case.flag} is '{case.value}'; expected one of"), f"{case}: {message}"
        assert case.value == "no_such_choice" or "Did you mean" in message, f"{case}: {message}"


def test_words_that_are_misspelled_or_missing() -> None:
    for case in MISSPELLED:
        message = refused(case)
        assert case.flag in message, f"{case}: {message}"
        if case.flag.startswith("-"):
            assert "--" in message.replace(case.flag, "", 1), f"{case}: no similar option is named: {message}"


def test_every_number_has_a_smallest_value() -> None:
    """Or a negative count would be taken."""
    free = {
        declared.key
        for *_, declared in declared_options()
        if declared.kind in ("int", "float") and declared.range.low is None and declared.range.above is None
    }
    assert free == EVERYTHING


def test_shares_and_percentages_have_a_largest_value() -> None:
    """Agreement of 200 %, a drop of 200 points, a share of 2."""
    percent = {"max_drop", "min_agreement"}
    for path, _, flag, declared in declared_options():
        if declared.key in percent or declared.metavar in ("SHARE", "PERCENT", "POINTS"):
            high = declared.range.high if declared.range.high is not None else declared.range.below
            assert high is not None and high <= 100, (path, flag)


def recipe_numbers() -> Iterator[tuple[str, Option]]:
    for name, section in sections.sections().items():
        for declared in options(section.settings):
            if "recipe" in declared.offered and declared.kind in ("int", "float"):
                yield name, declared


def _toml(value: str) -> str:
    return {"inf": "inf", "-inf": "-inf", "nan": "nan"}.get(value, value)


@pytest.mark.parametrize("section", sorted({name for name, _ in recipe_numbers()}))
def test_numbers_of_recipes_that_can_not_be(section: str, tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    for name, declared in recipe_numbers():
        if name != section:
            continue
        for value in outside(declared):
            if not _is_toml(value):
                continue
            head = "" if name == "model" else '[model]\nname = "mobilenet_v1"\n'
            path.write_text(f"{head}[{name}]\n{declared.key} = {_toml(value)}\n")
            with pytest.raises(RecipeError) as found:
                sections.read(path)
            message = str(found.value)
            assert f"{name}.{declared.key} is " in message or f"{name}.0.{declared.key} is " in message, message
            assert "expected" in message, message


def _is_toml(value: str) -> bool:
    try:
        return not math.isinf(float(value)) or value in ("inf", "-inf")
    except ValueError:
        return False


@pytest.mark.parametrize("section", list(sections.sections()))
def test_misspelled_keys_of_recipes(section: str, tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    key = next(each.key for each in options(sections.sections()[section].settings) if len(each.key) > 4)
    head = "" if section == "model" else '[model]\nname = "mobilenet_v1"\n'
    path.write_text(f"{head}[{section}]\n{key}q = 1\n")
    with pytest.raises(RecipeError) as found:
        sections.read(path)
    message = str(found.value)
    assert f"{section}." in message and f"{key}q: unknown key. Did you mean" in message and key in message
