"""Docstrings of the Google style: an introduction, and sections such as Args, Attributes, Returns, Raises."""

from __future__ import annotations

import ast
import functools
import inspect
import re
from dataclasses import dataclass, field
from pathlib import Path

_SECTION = re.compile(r"^(Args|Attributes|Returns|Yields|Raises):$", re.MULTILINE)
_ENTRY = re.compile(r"^(\w+(?:, \w+)*): ", re.MULTILINE)


@dataclass(frozen=True)
class Docstring:
    """A docstring in parts.

    Attributes:
        text: what stands before the first section.
        sections: "Args", "Attributes" or "Raises" -> name -> description.
        prose: "Returns" or "Yields" -> text.
    """

    text: str
    sections: dict[str, dict[str, str]] = field(default_factory=dict)
    prose: dict[str, str] = field(default_factory=dict)


def parse(docstring: str | None) -> Docstring:
    """The parts of a docstring; an empty one for None."""
    text, *rest = _SECTION.split(inspect.cleandoc(docstring or ""))
    sections, prose = {}, {}
    for name, body in zip(rest[::2], rest[1::2]):
        # What follows the section without an indent is not part of it.
        body = inspect.cleandoc(re.split(r"\n(?=\S)", body)[0])
        if name in ("Returns", "Yields"):
            prose[name] = body
        else:
            sections[name] = _entries(body)
    return Docstring(text.strip(), sections, prose)


def _entries(body: str) -> dict[str, str]:
    _, *parts = _ENTRY.split(body)
    named = zip(parts[::2], parts[1::2])
    return {name: " ".join(text.split()) for names, text in named for name in names.split(", ")}


@functools.cache
def records(package: Path) -> dict[str, dict[str, str]]:
    """The attributes of all classes of a package that document any: "file.py:Class" -> name -> description.

    They are read from the source, so that it doesn't matter which module a class is in.
    """
    found = {}
    for path in sorted(package.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                attributes = parse(ast.get_docstring(node)).sections.get("Attributes")
                if attributes:
                    found[f"{path.relative_to(package)}:{node.name}"] = attributes
    return found
