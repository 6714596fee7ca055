"""Records: frozen dataclasses that are written as JSON and read again, checked by the annotations of their fields.

What is read comes from strangers: a value of another type, a number that is none, a text that a terminal would obey,
too much or too deep of anything is one sentence that names the key, what was received and what was expected.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, TypeVar, Union, get_args, get_origin

from ..errors import RecordError
from .json_text import UNPRINTABLE, printable
from .limits import MAX_ITEMS, Length, Pattern, Range, wrong

__all__ = ["Length", "Pattern", "Range", "Record", "kinds_of", "plain", "renamed"]

MAX_DEPTH = 32
MAX_CHARACTERS = 1 << 16
MAX_INTEGER = (1 << 64) - 1
_SHOWN = 60  # characters of a value that a message repeats
R = TypeVar("R", bound="Record")


class Record:
    """Base of the frozen dataclasses whose `to_dict` and `from_dict` are inverse to each other.

    Attributes:
        DERIVED: properties that `to_dict` adds for those who read the JSON, and `from_dict` passes over.
        INLINE: a field that is a record itself and whose keys stand among this one's; empty for none.
        EXTRA: a field, dict[str, Any], that keeps the keys which this version doesn't know, as a newer version or a
            plug-in writes them; empty to ignore them.
        SPARSE: leave out fields that have their default.
    """

    DERIVED: ClassVar[tuple[str, ...]] = ()
    INLINE: ClassVar[str] = ""
    EXTRA: ClassVar[str] = ""
    SPARSE: ClassVar[bool] = False

    def _repr_html_(self) -> str:
        """A table, for notebooks."""
        from .html_table import html_table

        return html_table(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        values: dict[str, Any] = {}
        for field in dataclasses.fields(self):  # type: ignore[arg-type]  # every record is a dataclass
            value = getattr(self, field.name)
            if field.name in (self.INLINE, self.EXTRA):
                values = {**plain(value), **values}
            elif not (self.SPARSE and value == _default(field)):
                values[field.name] = plain(value)
        return {**values, **{name: plain(getattr(self, name)) for name in self.DERIVED}}

    @classmethod
    def from_dict(cls: type[R], values: Any, key: str = "") -> R:
        """The record that `to_dict` gave, perhaps by way of a file.

        Args:
            values: JSON values.
            key: where they stand, for messages; by default the kind of the record.

        Raises:
            RecordError: a value is missing or is none that can stand there.
        """
        key = key or cls.__name__.lower()
        if not isinstance(values, Mapping):
            raise wrong(key, values, "an object with keys")
        values = cls.upgraded(values)
        kinds, found = kinds_of(cls), {}  # type: ignore[arg-type]  # a class is hashable
        for field in dataclasses.fields(cls):  # type: ignore[arg-type]
            if field.name == cls.INLINE:
                found[field.name] = _read(kinds[field.name], values, key)
            elif field.name == cls.EXTRA:
                known = _keys(cls)
                extra = {name: value for name, value in values.items() if name not in known}
                found[field.name] = _read(kinds[field.name], extra, key)
            elif field.name in values:
                found[field.name] = _read(kinds[field.name], values[field.name], f"{key}.{field.name}")
            elif _default(field) is dataclasses.MISSING:
                raise RecordError(f"{key} has no {field.name}, which is required.")
        return cls(**found)

    @classmethod
    def upgraded(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """The same with the keys of this version, for what an earlier one wrote."""
        return values


def plain(value: Any) -> Any:
    """JSON values for a record, or for anything made of records, mappings, sequences, arrays and numbers."""
    if isinstance(value, Record):
        return value.to_dict()
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, Mapping):
        return {printable(str(name)): plain(entry) for name, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(entry) for entry in value]
    return value.tolist() if hasattr(value, "tolist") else value


def _keys(record: type[Record]) -> set[str]:
    """The keys that a record of this version writes by itself."""
    kinds = kinds_of(record)  # type: ignore[arg-type]
    return {*kinds, *record.DERIVED, *(_keys(kinds[record.INLINE]) if record.INLINE else ())}


def renamed(values: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """The same values with other keys: old name -> new name."""
    return {names.get(key, key): value for key, value in values.items()}


def _default(field: dataclasses.Field[Any]) -> Any:
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()


@functools.cache
def kinds_of(record: type[Record]) -> dict[str, Any]:
    """The types of a record's fields; `X | Y` is no value in Python 3.9, so it is read as Union[X, Y]."""
    texts = {name: (base, text) for base in reversed(record.__mro__) for name, text in _annotations(base).items()}
    fields = {field.name for field in dataclasses.fields(record)}  # type: ignore[arg-type]
    return {name: _evaluated(base, text) for name, (base, text) in texts.items() if name in fields}


def _annotations(base: type) -> Mapping[str, Any]:
    return vars(base).get("__annotations__") or getattr(base, "__annotations__", {})


def _evaluated(base: type, text: Any) -> Any:
    if not isinstance(text, str):
        return text
    tree = ast.fix_missing_locations(_Unions().visit(ast.parse(text, mode="eval")))
    names = {**vars(sys.modules[base.__module__]), "Union": Union}
    return eval(compile(tree, base.__module__, "eval"), names)


class _Unions(ast.NodeTransformer):
    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        """Both sides first, which may be unions themselves."""
        if not isinstance(node.op, ast.BitOr):
            return node
        sides: list[ast.expr] = [self.visit(node.left), self.visit(node.right)]
        return ast.Subscript(ast.Name("Union", ast.Load()), ast.Tuple(sides, ast.Load()), ast.Load())


def _read(kind: Any, value: Any, key: str) -> Any:
    """The value as a field of that type holds it."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in _NESTED:
        return _NESTED[origin](arguments, value, key)
    if isinstance(kind, type) and issubclass(kind, Record):
        return kind.from_dict(value, key)
    return _PLAIN[kind](value, key)


def _annotated(arguments: tuple[Any, ...], value: Any, key: str) -> Any:
    kind, *limits = arguments
    # a text's own limit is in place of the usual one
    found = _text(value, key, math.inf) if kind is str else _read(kind, value, key)
    for limit in limits:
        limit.check(found, key)
    return found


def _union(arguments: tuple[Any, ...], value: Any, key: str) -> Any:
    kinds = [kind for kind in arguments if kind is not type(None)]
    if value is None and len(kinds) < len(arguments):
        return None
    for kind in kinds[:-1]:
        try:
            return _read(kind, value, key)
        except RecordError:
            continue
    return _read(kinds[-1], value, key)


def _literal(arguments: tuple[Any, ...], value: Any, key: str) -> Any:
    if not any(value is choice or (type(value) is type(choice) and value == choice) for choice in arguments):
        raise wrong(key, value, f"one of: {', '.join(map(str, arguments))}")
    return value


def _items(arguments: tuple[Any, ...], value: Any, key: str) -> list[Any]:
    if not isinstance(value, (list, tuple)):
        raise wrong(key, value, "a list")
    Length(MAX_ITEMS).check(value, key)
    return [_read(arguments[0], entry, f"{key}[{number}]") for number, entry in enumerate(value)]


def _tuple(arguments: tuple[Any, ...], value: Any, key: str) -> tuple[Any, ...]:
    if arguments[-1] is Ellipsis:
        return tuple(_items(arguments, value, key))
    if not isinstance(value, (list, tuple)) or len(value) != len(arguments):
        raise wrong(key, value, f"a list of {len(arguments)} values")
    return tuple(_read(kind, entry, f"{key}[{n}]") for n, (kind, entry) in enumerate(zip(arguments, value)))


def _mapping(arguments: tuple[Any, ...], value: Any, key: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise wrong(key, value, "an object with keys")
    Length(MAX_ITEMS).check(value, key)
    return {_name(name, key): _read(arguments[1], entry, f"{key}.{name[:_SHOWN]}") for name, entry in value.items()}


def _text(value: Any, key: str, most: float = MAX_CHARACTERS) -> str:
    if not isinstance(value, str):
        raise wrong(key, value, "a text")
    if len(value) > most:
        raise RecordError(f"{key} has {len(value):,} characters; expected at most {most:,}.")
    if found := UNPRINTABLE.search(value):
        raise RecordError(f"{key} has the character U+{ord(found.group()):04X}; expected printable text.")
    return value


def _name(value: Any, key: str) -> str:
    return _text(value, f"a name in {key}")


def _bool(value: Any, key: str) -> bool:
    if not isinstance(value, bool):
        raise wrong(key, value, "true or false")
    return value


def _int(value: Any, key: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > MAX_INTEGER:
        raise wrong(key, value, "a whole number")
    return value


def _float(value: Any, key: str) -> float:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or abs(value) > sys.float_info.max or value != value:
        raise wrong(key, value, "a finite number")
    return float(value)


def _any(value: Any, key: str, depth: int = 0) -> Any:
    """Any JSON value, not too deep."""
    if depth > MAX_DEPTH:
        raise RecordError(f"{key.split('.')[0]} is nested more than {MAX_DEPTH} levels deep.")
    if isinstance(value, (list, tuple)):
        Length(MAX_ITEMS).check(value, key)
        return [_any(entry, f"{key}[{number}]", depth + 1) for number, entry in enumerate(value)]
    if isinstance(value, Mapping):
        Length(MAX_ITEMS).check(value, key)
        return {_name(name, key): _any(entry, f"{key}.{name[:_SHOWN]}", depth + 1) for name, entry in value.items()}
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(value, key)
    return _int(value, key) if isinstance(value, int) else _float(value, key)


_PLAIN: dict[Any, Callable[[Any, str], Any]] = {str: _text, bool: _bool, int: _int, float: _float, Any: _any}
_NESTED: dict[Any, Callable[[tuple[Any, ...], Any, str], Any]] = {
    Annotated: _annotated,
    Union: _union,
    Literal: _literal,
    tuple: _tuple,
    **dict.fromkeys((list, Sequence), _items),
    **dict.fromkeys((dict, Mapping), _mapping),
}
