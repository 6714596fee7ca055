"""Settings that are declared once: a field of a frozen dataclass carries type, default, range, unit, choices and help.

    @dataclass(frozen=True)
    class Fit(Settings):
        epochs: int = option("Passes over the training images.", default=10, low=1, high=100_000)
        augment: str = option("Augmentation preset.", default="light", choices=lambda: presets())

From the field come the check when the value is made, the option of the command line (`edgecnn.cli`), the key of the
recipe and its JSON schema (`edgecnn.recipe`), and the reference pages. A class that holds settings imports nothing
heavy: `--help` reads it. Choices may be a function, which is called when they are shown or checked.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, TypeVar

from edgecnn.core.option import REQUIRED, Choices, Key, Option, SettingError, kind_of
from edgecnn.core.ranges import Range
from edgecnn.core.registry import Registry
from edgecnn.core.text import did_you_mean

__all__ = [
    "COMMANDS",
    "EVERYWHERE",
    "PROGRAMS",
    "REQUIRED",
    "Key",
    "NoOptions",
    "Option",
    "SettingError",
    "Settings",
    "changes",
    "option",
    "optional",
    "options",
    "options_kind",
    "part",
    "plugin_options",
    "same_as",
    "unknown",
]

EVERYWHERE, COMMANDS, PROGRAMS = ("command", "recipe"), ("command",), ()
"""Where a setting is offered; a Python program can always set it."""
S = TypeVar("S", bound="Settings")


def option(  # noqa: PLR0913 (a declaration, read field by field)
    help: str,
    default: Any = None,
    *,
    low: float | None = None, high: float | None = None, above: float | None = None, below: float | None = None,
    unit: str = "",
    choices: Choices = (),
    instead: Mapping[str, str] = MappingProxyType({}),
    takes_argument: bool = False,
    listed_by: str = "",
    metavar: str = "",
    key: str = "",
    repeated: bool = False,
    default_help: str = "",
    offered: tuple[str, ...] = EVERYWHERE,
    writes: bool = False,
    also: tuple[str, ...] = (),
) -> Any:  # fmt: skip
    """Declare a setting: the value of a field of a `Settings` class.

    Args:
        help: one sentence or two; the default and the choices are added to it.
        default: of the field; `REQUIRED` for none. None leaves the value to what `default_help` says.
        low, high, above, below: limits of a number; the last two are not valid themselves.
        unit: of a number, for messages, e.g. "pixels".
        choices: valid values of a text, or a function that gives them.
        instead: a text that is no choice, though people try it -> a sentence on what to do.
        takes_argument: whether `CHOICE:ARGUMENT` is valid too.
        listed_by: the command that lists the choices, where there are too many for a message.
        metavar: stands for the value in help; by default the choices, N, F or TEXT.
        key: its name in a recipe and on the command line, where that is not the field's.
        repeated: whether several values are given by repeating the option, not by commas.
        default_help: what happens without a value, where the default is None.
        offered: `EVERYWHERE`, `COMMANDS` or `PROGRAMS`.
        writes: whether the value is a file that is written.
        also: options of other programs that mean it, without the dashes; the command line suggests this one then.
    """
    declared = {name: value for name, value in locals().items() if name != "default"}
    return dataclasses.field(default=default, metadata={"option": declared})


def same_as(settings: type[Settings], name: str) -> Any:
    """A field that another class declares."""
    found = next(field for field in dataclasses.fields(settings) if field.name == name)
    return dataclasses.field(
        default=found.default, metadata={**({"title": settings.TITLE} if settings.TITLE else {}), **found.metadata}
    )


def part(settings: type[Settings]) -> Any:
    """A field that is a settings object itself; its settings stand beside those of the class around it."""
    return dataclasses.field(default_factory=settings, metadata={"part": settings})


def changes(settings: type[Settings], *, default_help: str = "") -> Any:
    """A field that maps keys of another class to values: only those that replace defaults which are made later.

    Args:
        settings: the other class.
        default_help: what these defaults are, where they are not the class's own.
    """
    return dataclasses.field(default_factory=dict, metadata={"changes": settings, "default_help": default_help})


def plugin_options(registry: Registry, *, chosen_by: str) -> Any:
    """A field that holds the `Options` of the plug-in that another field names; each plug-in declares its own."""
    return dataclasses.field(default=None, metadata={"registry": registry, "chosen_by": chosen_by})


@dataclass(frozen=True)
class Settings:
    """Base of all classes that hold settings; every value is checked when it is made.

    Attributes:
        TITLE: heads these settings in the help of a command; those without stand among the command's other options.
    """

    TITLE: ClassVar[str] = ""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if "option" in field.metadata:
                value = declared(type(self), field).checked(value)
            elif "changes" in field.metadata:
                value = _checked_changes(field.metadata["changes"], value)
            elif "registry" in field.metadata and value is None:
                chosen = getattr(self, field.metadata["chosen_by"])
                value = options_kind(field.metadata["registry"], chosen)()
            object.__setattr__(self, field.name, value)

    @classmethod
    def of(cls: type[S], given: Mapping[str, Any], **fields: Any) -> S:
        """The settings from keys; those of the parts stand beside the others, and None is what is not given.

        Args:
            given: values by key.
            **fields: of the class, those that are no settings.

        Raises:
            SettingError: a key is unknown or missing, or a value is not valid.
        """
        known = [each.key for each in options(cls)]
        for key in given:
            if key not in known:
                raise unknown(key, known)
        return cls(**_values(cls, given), **fields)


def unknown(key: str, known: Iterable[str]) -> SettingError:
    """There is no setting of that key."""
    names = list(known)
    meant = did_you_mean(key, names)
    return SettingError(Key(key), f": unknown key. {meant}{' ' if meant else ''}Valid keys: {', '.join(names)}.")


def _values(settings: type[Settings], given: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of a class from flat keys."""
    values: dict[str, Any] = {}
    for field in dataclasses.fields(settings):
        if "option" in field.metadata:
            each = declared(settings, field)
            if given.get(each.key) is not None:
                values[field.name] = given[each.key]
            elif each.required:
                raise SettingError(Key(each.key), f" is missing. {each.help}")
        elif "part" in field.metadata:
            inner = field.metadata["part"]
            keys = {each.key for each in options(inner)}
            values[field.name] = inner.of({key: value for key, value in given.items() if key in keys})
        elif "changes" in field.metadata:
            keys = {each.key for each in options(field.metadata["changes"])}
            values[field.name] = {key: value for key, value in given.items() if key in keys and value is not None}
        elif "registry" in field.metadata:
            values[field.name] = _chosen_options(settings, field, given)
    return values


def _chosen_options(settings: type[Settings], field: dataclasses.Field[Any], given: Mapping[str, Any]) -> Any:
    """The `Options` of the chosen plug-in, made of what was given; the options of other plug-ins are refused."""
    registry: Registry = field.metadata["registry"]
    chooser = next(each for each in options(settings) if each.name == field.metadata["chosen_by"])
    chosen = chooser.checked(given.get(chooser.key))
    kind = options_kind(registry, chosen)
    own = sorted(options(kind), key=lambda each: each.name)
    others = [each.key for each in _of_plugins(registry)]
    mine = {key: given[key] for key in given if key in others and given[key] is not None}
    for key in mine:
        if key not in [each.key for each in own]:
            listed = [part for each in own for part in (Key(each.key), ", ")][:-1] or ["none"]
            has = f" can't be used with the {registry.kind} {chosen}; it has: "
            raise SettingError(Key(key), has, *listed, ".")
    return kind.of(mine)


def _checked_changes(settings: type[Settings], given: Mapping[str, Any]) -> dict[str, Any]:
    fields = {field.name for field in dataclasses.fields(settings)}
    known = {each.key: each for each in options(settings, offered_only=False)}
    for key in given:
        if key not in known and key not in fields:
            raise unknown(key, known)
    return {
        key: known[key].checked(value) if key in known else value for key, value in given.items() if value is not None
    }


def options(settings: type[Settings], *, offered_only: bool = True) -> tuple[Option, ...]:
    """All settings of a class and of its parts, as they are declared.

    Args:
        settings: the class.
        offered_only: leave out those that only a program can set.
    """
    found: dict[str, Option] = {}
    for field in dataclasses.fields(settings):
        for each in _options_of(settings, field, offered_only):
            found.setdefault(each.key, each)
    return tuple(each for each in found.values() if each.offered or not offered_only)


def _options_of(settings: type[Settings], field: dataclasses.Field[Any], offered_only: bool) -> Iterable[Option]:
    if "option" in field.metadata:
        return (declared(settings, field),)
    if "part" in field.metadata:
        return options(field.metadata["part"], offered_only=offered_only)
    if "changes" in field.metadata:
        return optional(field.metadata["changes"], field.metadata["default_help"], offered_only=offered_only)
    return _of_plugins(field.metadata["registry"]) if "registry" in field.metadata else ()


def optional(settings: type[Settings], default_help: str = "", *, offered_only: bool = True) -> tuple[Option, ...]:
    """All settings of a class, where each may be left out; see `changes`."""

    def relaxed(each: Option) -> Option:
        if default_help:
            own = each.default_help or default_help
            return dataclasses.replace(each, default=None, default_help=own, inherited=default_help)
        return dataclasses.replace(each, default=None) if each.required else each

    return tuple(map(relaxed, options(settings, offered_only=offered_only)))


class NoOptions(Settings):
    """Of a plug-in that declares none."""


def options_kind(registry: Registry, name: str) -> type[Settings]:
    """The `Options` of a plug-in."""
    kind: type[Settings] = vars(registry.load(name)).get("Options", NoOptions)
    return kind


def _of_plugins(registry: Registry) -> list[Option]:
    """Of all plug-ins; several may share one."""
    found = [(name, each) for name in registry.names() for each in options(options_kind(registry, name))]
    owners: dict[str, list[str]] = {}
    for name, each in found:
        owners.setdefault(each.key, []).append(name)
    title = f"Options of the {registry.kind}"
    unique = {each.key: each for _, each in found}
    return [dataclasses.replace(each, title=f"{title} {' and '.join(owners[key])}") for key, each in unique.items()]


def declared(settings: type[Settings], field: dataclasses.Field[Any]) -> Option:
    """What a field declares.

    Raises:
        TypeError: a setting can't have the field's type.
    """
    values = dict(field.metadata["option"])
    kind, several = kind_of(field)
    limits = {name: values.pop(name) for name in ("low", "high", "above", "below", "unit")}
    choices = values.pop("choices")
    return Option(
        name=field.name,
        kind=kind,
        several=several,
        default=field.default,
        title=field.metadata.get("title", settings.TITLE),
        range=Range(kind == "int", **limits),
        choices_from=choices,
        **{**values, "key": values["key"] or field.name},
    )
