"""One setting: its type, default, range, unit, choices and help, and the check of its value."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import Any, Union

from edgecnn.core.errors import UsageError
from edgecnn.core.ranges import Range
from edgecnn.core.text import did_you_mean

REQUIRED: Any = MISSING
"""The default of a setting that has none."""
_MANY = 20  # so many choices are not listed in a message

Choices = Union[Iterable[str], Callable[[], Iterable[str]]]


class Key(str):
    """The key of a setting inside a message: `batch_size` in a recipe, `--batch-size` on the command line."""


class SettingError(UsageError):
    """A setting is not valid.

    Args:
        parts: a sentence in pieces; those that are a `Key` are written as the user writes them.
    """

    def __init__(self, *parts: str) -> None:
        super().__init__("".join(parts))
        self._parts = parts

    def spelled(self, spell: Callable[[str], str]) -> str:
        """The message with every key as the user writes it."""
        return "".join(spell(part) if isinstance(part, Key) else part for part in self._parts)


@dataclass(frozen=True, eq=False, repr=False)
class Option:
    """One setting, as its field declares it; see `option`.

    Attributes:
        name: of the field.
        key: as it is written in a recipe.
        kind: "int", "float", "str", "bool" or "Path".
        several: whether the value is a tuple of these.
        default: `REQUIRED` for none.
        title: of the settings that it belongs to, for help.
        inherited: what the defaults of its class are, where those are another's.
    """

    name: str
    key: str
    kind: str
    several: bool
    default: Any
    title: str
    help: str
    range: Range
    choices_from: Choices
    instead: Mapping[str, str]
    takes_argument: bool
    listed_by: str
    metavar: str
    repeated: bool
    default_help: str
    offered: tuple[str, ...]
    writes: bool
    also: tuple[str, ...]
    inherited: str = ""

    @property
    def required(self) -> bool:
        """Whether there is no default."""
        return self.default is REQUIRED

    @property
    def choices(self) -> tuple[str, ...]:
        """Valid values of a text; empty if every text is."""
        return tuple(self.choices_from() if callable(self.choices_from) else self.choices_from)

    def checked(self, value: Any) -> Any:
        """The value in the field's type.

        Raises:
            SettingError: it is not valid.
        """
        if value is None and self.default is None:
            return None
        if not self.several:
            return self._checked(value, value)
        values = value if isinstance(value, (list, tuple)) else (value,)
        return tuple(self._checked(each, value) for each in values)

    def parsed(self, text: str) -> Any:
        """The value that a person wrote on a command line; several are separated by commas, unless repeated.

        Raises:
            SettingError: it is not valid.
        """
        if self.several and not self.repeated:
            return tuple(self._parsed(part.strip(), text) for part in text.split(","))
        return self._parsed(text, text)

    def expected(self) -> str:
        """What is valid, in words."""
        if self.kind in ("int", "float"):
            return f"{self.range.plural()}, e.g. 1,2,4" if self.several else str(self.range)
        if self.kind == "bool":
            return "true or false"
        choices = self.choices
        if not choices:
            return "text"
        return f"one of: {', '.join(choices)}" if len(choices) <= _MANY else f"one of {len(choices)} names"

    def schema(self) -> dict[str, Any]:
        """As JSON schema."""
        one = self._schema_of_one()
        found: dict[str, Any] = {"anyOf": [one, {"type": "array", "items": one}]} if self.several else one
        found["description"] = f"{self.help} Default: {self.default_help}." if self.default_help else self.help
        if self.default not in (None, REQUIRED):
            found["default"] = list(self.default) if self.several else self.default
        return found

    def _schema_of_one(self) -> dict[str, Any]:
        if self.kind in ("int", "float"):
            return self.range.schema()
        if self.kind == "bool":
            return {"type": "boolean"}
        listed = {"type": "string", **({"enum": list(self.choices)} if self.choices else {})}
        return {"anyOf": [listed, {"type": "string", "pattern": "^[a-z0-9_]+:"}]} if self.takes_argument else listed

    def _checked(self, value: Any, whole: Any) -> Any:
        try:
            if self.kind in ("int", "float"):
                return self.range.checked(value)
        except ValueError:
            raise self.error(whole) from None
        if self.kind == "bool":
            if not isinstance(value, bool):
                raise self.error(whole)
            return value
        if not isinstance(value, (str, os.PathLike)):
            raise self.error(whole)
        text = os.fspath(value)
        choices = self.choices
        chosen = text.partition(":")[0] if self.takes_argument else text
        if choices and chosen not in choices:
            raise self.error(whole)
        return Path(text) if self.kind == "Path" else text

    def _parsed(self, text: str, whole: str) -> Any:
        if self.kind not in ("int", "float"):
            return self._checked(text, whole)
        try:
            return self.range.parsed(text)
        except ValueError:
            raise self.error(whole, typed=True) from None

    def error(self, value: Any, *, typed: bool = False) -> SettingError:
        """A value that is not valid: received, expected, and what it may have meant.

        Args:
            value: what was received.
            typed: whether it is the text of a number on a command line, which has no quotes there.
        """
        meant = self.instead.get(value) or did_you_mean(value, self.choices) if isinstance(value, str) else ""
        listed = f"`{self.listed_by}` lists them." if self.listed_by else ""
        received = value if typed and _is_number(value) else repr(value)
        sentences = (f" is {received}; expected {self.expected()}.", meant, listed)
        return SettingError(Key(self.key), " ".join(sentence for sentence in sentences if sentence))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


_KINDS = ("int", "float", "str", "bool", "Path")


def kind_of(field: dataclasses.Field[Any]) -> tuple[str, bool]:
    """The type of a field's values, and whether there are several, from the annotation as it is written."""
    text = field.type if isinstance(field.type, str) else getattr(field.type, "__name__", str(field.type))
    text = text.replace(" ", "").removesuffix("|None")
    inner = text.removeprefix("tuple[").removesuffix(",...]")
    if inner not in _KINDS:
        raise TypeError(f"The setting {field.name} has the type {text}; expected one of {', '.join(_KINDS)}.")
    return inner, inner != text
