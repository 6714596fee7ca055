"""What `--sink KIND[:ARGUMENT,KEY=VALUE...]` chooses, read and checked before anything is opened."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edgecnn.camera.rule import DEFAULT, Rule
from edgecnn.camera.sink import SinkKind, SinkOptions
from edgecnn.core.errors import UsageError
from edgecnn.core.option import Key, Option, SettingError
from edgecnn.core.options import options, unknown
from edgecnn.core.registry import CAMERA_SINKS
from edgecnn.runtime.home import expanded

_KEY = re.compile(r"([a-z][a-z0-9_-]*)=(.*)", re.DOTALL)
_ITEM = re.compile(r'((?:[^,"]|"[^"]*")*)(?:,|$)')
_WORDS = {"yes": True, "true": True, "no": False, "false": False}


@dataclass(frozen=True)
class Choice:
    """A sink that was asked for.

    Attributes:
        kind: name of the plug-in.
        plugin: its file.
        options: its settings.
        rule: which answers are an event.
    """

    kind: str
    plugin: SinkKind
    options: SinkOptions
    rule: Rule


def chosen(text: str, when: str = "") -> Choice:
    """Read one `--sink`.

    Args:
        text: what a person wrote.
        when: the rule of sinks that have none of their own.

    Raises:
        SettingError: there is no such kind, or it has no such setting or value.
    """
    kind, _, rest = text.partition(":")
    plugin = CAMERA_SINKS.plugin(kind, SinkKind)
    try:
        made = plugin.Options.of(_values(plugin, rest))
        plugin.check(made)
        return Choice(kind, plugin, made, Rule.parse(made.when or when or DEFAULT))
    except SettingError as error:
        raise SettingError(Key("sink"), f" {kind}: {error.spelled(str)}") from error
    except UsageError as error:
        raise SettingError(Key("sink"), f" {kind}: {error}") from error


def check_places(choices: Sequence[Choice]) -> None:
    """Refuse sinks that would overwrite each other.

    Raises:
        SettingError: two write to one place.
    """
    seen: set[str] = set()
    for choice in choices:
        places = choice.plugin.places(choice.options, choice.rule)
        taken = seen.intersection(places)
        if taken:
            raise SettingError(
                Key("sink"),
                f" {choice.kind}: two sinks write to {min(taken)}, and would overwrite each other. Give one of them a "
                "device=NAME of its own.",
            )
        seen.update(places)


def _values(plugin: SinkKind, text: str) -> dict[str, Any]:
    """Values by key: the first item needs none, it is the kind's `ARGUMENT`."""
    known = {each.key: each for each in options(plugin.Options)}
    values: dict[str, Any] = {}
    for number, item in enumerate(_items(text)):
        match = _KEY.fullmatch(item)
        key, value = (match[1].replace("-", "_"), match[2]) if match else (plugin.ARGUMENT, item)
        if not match and (number or not plugin.ARGUMENT):
            keys = ", ".join(known)
            raise UsageError(f"received {_shown(item)}; expected KEY=VALUE with one of the keys {keys}.")
        if key not in known:
            raise unknown(key, known)
        if key in values:
            raise UsageError(f"{key} is given twice. Remove one of them.")
        values[key] = _parsed(known[key], value)
    return values


def _items(text: str) -> list[str]:
    """What commas separate; those between double quotes don't."""
    if text.count('"') % 2:
        raise UsageError('a double quote has no other one. A value with commas is written as KEY="VALUE".')
    found = [match[1].replace('"', "").strip() for match in _ITEM.finditer(text)]
    return [item for item in found if item]


def _parsed(declared: Option, text: str) -> Any:
    if declared.kind == "Path":
        return expanded(text)  # behind a colon or an equals sign no shell replaces "~"
    return _WORDS.get(text.lower(), text) if declared.kind == "bool" else declared.parsed(text)


def _shown(item: str) -> str:
    """An address may hold a password."""
    return "an address" if "@" in item else repr(item)


def check_rule(text: str) -> None:
    """Refuse a `--when` that is no rule.

    Raises:
        SettingError: it is none; the message has the syntax.
    """
    try:
        Rule.parse(text)
    except UsageError as error:
        raise SettingError(Key("when"), f": {error}") from error
