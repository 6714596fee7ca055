"""contract.md: the fields of the contract that every model file carries."""

from __future__ import annotations

import dataclasses
import json
import re
import sys
from typing import Any

from . import docstrings, json_samples, markdown, surfaces
from .json_formats import MEANINGS

INTRODUCTION = (
    "The contract is all that a program must know to use a model. It travels inside the `.keras` file (as "
    "`edgecnn.json`) and inside the `.tflite` file (as the metadata buffer `edgecnn`), as JSON. Why it exists is told "
    "in [the artifact](../explanation/the_artifact.md)."
)
READING = """```python
import edgecnn

contract = edgecnn.load("lite0.tflite").contract
print(contract.preprocessing.shape, contract.output, contract.labels[:3])
```"""


def page() -> str:
    return markdown.page("Contract", INTRODUCTION, READING, *map(_record, surfaces.CONTRACT), _nested())


def _nested() -> str:
    """The objects of an artifact's contract that are no records."""
    fields = json.loads(json_samples.FIELDS.read_text())["quantize"]
    meanings = MEANINGS["contract"]
    rows = [
        (markdown.code(path), kind if kind != "null" else "", meanings[path])
        for path, kind in ((path.removeprefix("contract."), kind) for path, kind in fields.items())
        if path in meanings
    ]
    introduction = "What `model`, `provenance` and `golden` of an artifact hold; some keys depend on how it was made."
    return f"## Objects inside\n\n{introduction}\n\n{markdown.table(('field', 'type', 'meaning'), rows)}"


def _record(kind: type) -> str:
    parsed = docstrings.parse(kind.__doc__)
    described = parsed.sections.get("Attributes", {})
    rows = [
        (
            markdown.code(field.name),
            markdown.code(str(field.type)),
            _default(field),
            _choices(kind, described.get(field.name, "")),
        )
        for field in dataclasses.fields(kind)
    ]
    columns = ("field", "type", "default", "meaning")
    return "\n\n".join([f"## {kind.__name__}", parsed.text, markdown.table(columns, rows)])


def _choices(kind: type, text: str) -> str:
    """The text with the names of constants that hold choices replaced by the choices."""
    constants = vars(sys.modules[kind.__module__])
    return re.sub(r"`([A-Z]+)`", lambda found: ", ".join(map(markdown.code, constants.get(found[1], [found[1]]))), text)


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default is not dataclasses.MISSING:
        return markdown.code(repr(field.default))
    if field.default_factory is not dataclasses.MISSING:
        return markdown.code(repr(field.default_factory()))
    return "required"
