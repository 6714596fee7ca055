"""What `--sink KIND[:ARGUMENT,KEY=VALUE...]` chooses, read and checked before anything is opened."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
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


def with_paths(text: str, place: Callable[[Option, str], str]) -> str:
    """The same choice with other files.

    Args:
        text: as for `chosen`.
        place: gives the path to use for a setting that is a path, and what it was: as it is written, or its default.

    Raises:
        SettingError: as of `chosen`.
    """
    kind, _, rest = text.partition(":")
    plugin = CAMERA_SINKS.plugin(kind, SinkKind)
    known = {each.key: each for each in options(plugin.Options)}
    paths = {key: str(each.default) for key, each in known.items() if each.kind == "Path" and each.default is not None}
    try:
        written = {**paths, **dict(_pairs(plugin, rest))}
    except UsageError as error:
        raise SettingError(Key("sink"), f" {kind}: {error}") from error
    for key, value in written.items():
        if known[key].kind == "Path":
            written[key] = place(known[key], value)
    items = ",".join(f'"{key}={value}"' for key, value in written.items())
    return f"{kind}:{items}" if items else kind


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
    """Values by key."""
    known = {each.key: each for each in options(plugin.Options)}
    return {key: _parsed(known[key], value) for key, value in _pairs(plugin, text)}


def _pairs(plugin: SinkKind, text: str) -> Iterator[tuple[str, str]]:
    """Keys with what is written for them: the first item needs no key, it is the kind's `ARGUMENT`."""
    known = {each.key: each for each in options(plugin.Options)}
    seen: set[str] = set()
    for number, item in enumerate(_items(text)):
        match = _KEY.fullmatch(item)
        key, value = (match[1].replace("-", "_"), match[2]) if match else (plugin.ARGUMENT, item)
        if not match and (number or not plugin.ARGUMENT):
            keys = ", ".join(known)
            raise UsageError(f"received {_shown(item)}; expected KEY=VALUE with one of the keys {keys}.")
        if key not in known:
            raise unknown(key, known)
        if key in seen:
            raise UsageError(f"{key} is given twice. Remove one of them.")
        seen.add(key)
        yield key, value


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
