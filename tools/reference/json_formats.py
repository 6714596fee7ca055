"""json.md: what the commands write with `--json`."""

from __future__ import annotations

import json
from pathlib import Path

from . import docstrings, json_samples, markdown, surfaces

MEANINGS: dict[str, dict[str, str]] = json.loads((Path(__file__).parent / "json_meanings.json").read_text())
"""What no record's docstring says: heading of the page -> path of a field -> meaning."""
INTRODUCTION = (
    "`--json FILE` writes the result of a command as JSON; `--json -` prints it, and nothing else, on standard output. "
    "Units are part of the names (`_ms`, `_bytes`, `_percent`, `_s`). `[]` stands for the items of an array, `*` for "
    "keys that depend on the model or the data. A value that is not known is null. New fields may be added; existing "
    "ones keep their names."
)
COMPILE = """## edgecnn compile

The fields that `edgecnn inspect MODEL --target edgetpu` writes under `target`, and `output`, the file's name."""


SHARED = {
    "share": "A share of images with its 95 % confidence interval (Wilson's; of a drop, the paired difference)",
    "class": "A class that the model answered",
    "system": "A machine",
    "conditions": "The state of a machine, before or after a measurement",
    "golden": "The result of replaying the golden vectors",
    "layer": "A layer with its arithmetic, cost and receptive field",
    "cost": "What an operator computes and moves",
    "estimate": "An estimate of a model's latency and energy",
}
"""Objects that occur in several places, by the path at which they are found first."""
_FIRST = {
    "share": "verify:agreement",
    "class": "classify:[].classes[]",
    "system": "devices check:inventory.system",
    "conditions": "devices check:inventory.conditions",
    "golden": "verify:golden",
    "layer": "inspect:last_feature_map",
    "cost": "profile:per_op[].operators[].cost",
    "estimate": "estimate:estimates[]",
}
_LINKED = {
    ("*", "contract"): "the [contract](contract.md)",
    ("run", "verification"): "what `edgecnn verify` writes",
    ("run", "profile"): "an entry of `profiles` of `edgecnn profile`",
}


def page() -> str:
    known = json.loads(json_samples.FIELDS.read_text())
    shared = {name: _below(known[first.partition(":")[0]], first.partition(":")[2]) for name, first in _FIRST.items()}
    parts = [_command(heading, fields, shared) for heading, fields in known.items()]
    return markdown.page(
        "JSON formats", INTRODUCTION, *parts, COMPILE, "## Objects in several places", *_objects(shared)
    )


def _objects(shared: dict[str, dict[str, str]]) -> list[str]:
    others = {name: {key: value for key, value in shared.items() if key != name} for name in shared}
    return [f"### {name}\n\n{SHARED[name]}.\n\n{_table(fields, others[name], name)}" for name, fields in shared.items()]


def _command(heading: str, fields: dict[str, str], shared: dict[str, dict[str, str]]) -> str:
    return f"## edgecnn {heading}\n\n{_table(fields, shared, heading)}"


def _below(fields: dict[str, str], parent: str) -> dict[str, str]:
    """The fields of one object, with paths relative to it."""
    return {path[len(parent) + 1 :]: kind for path, kind in fields.items() if path.startswith(f"{parent}.")}


def _table(fields: dict[str, str], shared: dict[str, dict[str, str]], heading: str = "") -> str:
    described = {**_descriptions(fields), **MEANINGS.get(heading, {})}
    rows = [
        (markdown.code(path), kind, described.get(path, "")) for path, kind in _folded(fields, shared, heading).items()
    ]
    return markdown.table(("field", "type", "meaning"), rows)


def _folded(fields: dict[str, str], shared: dict[str, dict[str, str]], heading: str) -> dict[str, str]:
    """Path -> type in words; an array is one row with its items, and what is described elsewhere is one row."""
    found: dict[str, str] = {}
    hidden: tuple[str, ...] = ()
    for path, kind in fields.items():
        if path == "[]" or path.startswith(hidden):
            continue
        items, depth = path, 0
        while fields.get(items) == "array" and f"{items}[]" in fields:
            items, depth = f"{items}[]", depth + 1
        elsewhere = _LINKED.get(("*", path)) or _LINKED.get((heading, path)) or _same(_below(fields, items), shared)
        if elsewhere or fields[items] not in ("object", "array"):
            hidden = (*hidden, f"{path}.", f"{path}[")
        named = elsewhere or (f"{fields[items]}s" if depth else kind)
        found[path] = "array of " * depth + named if named != "null" else ""
    return {path: kind for path, kind in found.items() if not path.endswith("[]")}


def _same(fields: dict[str, str], shared: dict[str, dict[str, str]]) -> str:
    """A link to the object in several places that has the same keys, if there is one."""
    keys = _keys(fields)
    names = [name for name, entries in shared.items() if keys and keys == _keys(entries)]
    return f"[{names[0]}](#{names[0]})" if names else ""


def _keys(fields: dict[str, str]) -> set[str]:
    return {path.partition(".")[0].rstrip("[]") for path in fields}


def _descriptions(fields: dict[str, str]) -> dict[str, str]:
    """Path -> what the docstring of the record says whose attributes the object's keys are."""
    groups: dict[str, list[str]] = {}
    for path in fields:
        parent, _, key = path.rpartition(".")
        groups.setdefault(parent, []).append(key.rstrip("[]"))
    found = {}
    for parent, keys in groups.items():
        record = _record(set(keys))
        prefix = f"{parent}." if parent else ""
        found.update({f"{prefix}{key}": record.get(key, "") for key in keys})
    return found


def _record(keys: set[str]) -> dict[str, str]:
    """The record whose attributes these keys are, and perhaps more: three at least, and three quarters of its own."""
    candidates = docstrings.records(surfaces.PACKAGE)
    common = {name: len(keys & set(attributes)) for name, attributes in candidates.items()}
    fitting = [name for name, count in common.items() if count > 2 and count >= 0.75 * len(candidates[name])]
    best = max(fitting, key=lambda name: (common[name], -len(candidates[name]), name), default="")
    return candidates.get(best, {})
