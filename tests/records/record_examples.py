"""An example of any record, made from the types of its fields, and ways to spoil JSON values."""

from __future__ import annotations

import importlib
import math
import pkgutil
import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import edgecnn
from edgecnn.compression.proof import Figures, Proof
from edgecnn.devices.answer_records import Conditions
from edgecnn.runtime.measure.latency import Measurement
from edgecnn.runtime.model.contract import Preprocessing
from edgecnn.runtime.model.rejection import ENERGY, OTHERS, Rejection
from edgecnn.runtime.model.validation import Length, Pattern, Range, Record, kinds_of

OWN: dict[Any, Any] = {
    Rejection: lambda: Rejection(
        ENERGY,
        1.5,
        2.0,
        background=("ä text",),
        rate_of=OTHERS,
        asked_percent=5.0,
        data="ä text",
        others="ä text",
        extra={"of_a_newer_version": [1, {"deep": None}]},
    ),
    Preprocessing: lambda: Preprocessing(8, 6, color="bgr", mean=(1.0, 2.0, 3.0), std=(4.0, 5.0, 6.0)),
    Proof: lambda: Proof({"int8": (Figures(3, 2, 1.5), Figures(2, 1, 0.5))}, (4, 2), (8, 4), True, {"SPMM": 3}),
}
"""What has rules that its types don't tell."""
CONDITIONS = {"before", "after"}
"""Fields that are dictionaries to one record and held against another's types by a second one."""
TEXTS = ("AAAA", "3.11.2", "aarch64")
HOSTILE = (
    None, True, -1, 10**30, 1e308, "", "<script>alert(1)</script>", "\x1b[2J", "\ud800", "x" * 100_000, [], {}, [[]],
    {"a": {"b": []}}, [None], "{}", "../../etc/passwd", 0, 0.5, -1e-300,
)  # fmt: skip


def packages() -> list[str]:
    """Every module of the package but those that are programs."""
    found = pkgutil.walk_packages(edgecnn.__path__, "edgecnn.")
    return [module.name for module in found if not module.name.endswith("__main__") and ".programs." not in module.name]


def records() -> list[type[Record]]:
    """Every record of the package."""
    for name in packages():
        importlib.import_module(name)
    found, waiting = [], [Record]
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        if kind.__module__.startswith("edgecnn.") and hasattr(kind, "__dataclass_fields__"):
            found.append(kind)
    return sorted(set(found), key=lambda kind: f"{kind.__module__}.{kind.__name__}")


def example(kind: Any) -> Any:
    """A value of that type."""
    if kind in OWN:
        return OWN[kind]()
    if isinstance(kind, type) and issubclass(kind, Record):
        made = {name: example(each) for name, each in kinds_of(kind).items() if name != kind.EXTRA}
        made.update({name: example(Conditions).to_dict() for name in CONDITIONS & made.keys() if kind is Measurement})
        return kind(**made, **({kind.EXTRA: {"of_a_newer_version": [1, {"deep": None}]}} if kind.EXTRA else {}))
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _limited(*arguments)
    if origin is Union:
        return example(next(each for each in arguments if each is not type(None)))
    if origin is Literal:
        return arguments[0]
    if origin is tuple and arguments[-1] is not Ellipsis:
        return tuple(map(example, arguments))
    if origin is tuple:
        return (example(arguments[0]), example(arguments[0]))
    if origin is list:
        return [example(arguments[0])]
    if origin is not None:  # a mapping
        return {"unheard_of": example(arguments[1])}
    return {str: "ä text", int: 3, float: 2.5, bool: True, Any: [1, {"deep": None}]}[kind]


def _limited(kind: Any, *limits: Any) -> Any:
    patterns = [limit.expression for limit in limits if isinstance(limit, Pattern)]
    if patterns:
        return next(text for text in TEXTS if all(re.fullmatch(pattern, text) for pattern in patterns))
    ranges = [limit for limit in limits if isinstance(limit, Range)]
    if ranges and ranges[0].high < 2:
        return 0.5
    assert all(isinstance(limit, (Range, Length)) for limit in limits)
    return example(kind)


def spoiled(value: Any, most: int = 1_000) -> Iterator[Any]:
    """The value with one place of it replaced or removed, again and again; of many such values `most`, evenly."""
    changes = [(path, new) for path in _paths(value) for new in (*HOSTILE, _GONE) if path or new is not _GONE]
    for path, new in changes[:: math.ceil(len(changes) / most)]:
        yield _changed(value, path, new)


_GONE = object()


def _paths(value: Any) -> Iterator[tuple[Any, ...]]:
    yield ()
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, entry in list(entries)[:30]:
        yield from ((key, *rest) for rest in _paths(entry))


def _changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    if len(path) == 1 and new is _GONE:
        del copy[path[0]]
    else:
        copy[path[0]] = _changed(value[path[0]], path[1:], new)
    return copy
