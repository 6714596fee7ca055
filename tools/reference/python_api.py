"""python_api.md: the functions and classes that `edgecnn` exports."""

from __future__ import annotations

import inspect
import pydoc
import re
from typing import Any

from . import docstrings, markdown, surfaces

INTRODUCTION = (
    "What the commands do, as functions of the package `edgecnn`. Everything else in the package may change without "
    "notice. Errors are subclasses of `edgecnn.core.errors.EdgecnnError`; their text says what was received, what was "
    "expected, and the remedy."
)
EXAMPLE = """```python
import edgecnn

model = edgecnn.build("efficientnet_lite0", weights="imagenet")
edgecnn.quantize(model, "lite0.tflite")
edgecnn.verify("lite0.tflite", model, "pictures/").agreement
edgecnn.load("lite0.tflite").classify("cat.jpg")
```"""
_LINE = 88


def page() -> str:
    entries = surfaces.public()
    functions = [_function(f"edgecnn.{name}", value) for name, value in entries.items() if inspect.isfunction(value)]
    classes = [_class(name, value) for name, value in entries.items() if inspect.isclass(value)]
    return markdown.page("Python API", INTRODUCTION, EXAMPLE, *functions, *classes)


def _function(name: str, function: Any, level: int = 2) -> str:
    parsed = docstrings.parse(function.__doc__)
    parts = [f"{'#' * level} {name}", _signature(name, function)]
    delegate = re.search(r" ?; see `(edgecnn[\w.]+)`\.$| See `(edgecnn[\w.]+)`\.$", parsed.text)
    target = pydoc.locate((delegate[1] or delegate[2]).strip()) if delegate else None
    if target is None or not callable(target):
        return "\n\n".join([*parts, *_documented(parsed)])
    # The function passes its options on: those of the function that takes them are what a caller needs.
    return "\n\n".join([*parts[:1], _signature(name, target), *_documented(docstrings.parse(target.__doc__))])


def _class(name: str, kind: type) -> str:
    parts = [f"## {name}", *_documented(docstrings.parse(kind.__doc__))]
    members = {member: value for each in reversed(kind.__mro__) for member, value in vars(each).items()}
    for member, value in members.items():
        if member.startswith("_"):
            continue
        if isinstance(value, property):
            parts += [f"### {name}.{member}", docstrings.parse(value.__doc__).text]
        elif inspect.isfunction(value):
            parts.append(_function(f"{name}.{member}", value, level=3))
    return "\n\n".join(parts)


def _signature(name: str, function: Any) -> str:
    signature = inspect.signature(function)
    parameters = _texts([each for each in signature.parameters.values() if each.name != "self"])
    returned = f" -> {signature.return_annotation}" if signature.return_annotation is not signature.empty else ""
    text = f"{name}({', '.join(parameters)}){returned}"
    if len(text) > _LINE:
        text = f"{name}(\n{''.join(f'    {each},{chr(10)}' for each in parameters)}){returned}"
    return f"```python\n{text}\n```"


def _texts(parameters: list[inspect.Parameter]) -> list[str]:
    """Parameters as they are written; `*` stands before the first that is given by name only."""
    named = [each.kind is inspect.Parameter.KEYWORD_ONLY for each in parameters]
    texts = [_parameter(each) for each in parameters]
    return [*texts[: named.index(True)], "*", *texts[named.index(True) :]] if any(named) else texts


def _parameter(parameter: inspect.Parameter) -> str:
    star = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
    annotation = "" if parameter.annotation is parameter.empty else f": {parameter.annotation}"
    default = "" if parameter.default is parameter.empty else f" = {_shown(parameter.default)}"
    return f"{star}{parameter.name}{annotation}{default}"


def _shown(value: Any) -> str:
    """A default; a function, whose text would hold its address, by its name."""
    return str(getattr(value, "__name__", None) or repr(value))


def _documented(parsed: docstrings.Docstring) -> list[str]:
    parts = [parsed.text]
    columns = {"Args": "argument", "Attributes": "attribute", "Raises": "raises"}
    for section, entries in parsed.sections.items():
        rows = [(markdown.code(name), text) for name, text in entries.items()]
        parts.append(markdown.table((columns[section], "meaning"), rows))
    return [*parts, *(f"{name}: {' '.join(text.split())}" for name, text in parsed.prose.items())]
