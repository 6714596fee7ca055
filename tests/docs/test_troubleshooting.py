"""Every message that docs/troubleshooting.md explains is still in the package."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator

import pytest
from documents import ROOT, TEXT

FRAGMENTS = re.findall(r"^### `(.*)`$", TEXT["docs/troubleshooting.md"], re.MULTILINE)
_VARIES = "\0"


@functools.cache
def _texts() -> tuple[str, ...]:
    """The texts in the package's code but its docstrings; what varies is one character that no fragment has."""
    return tuple(text for path in sorted((ROOT / "edgecnn").rglob("*.py")) for text in _of(ast.parse(path.read_text())))


def _of(tree: ast.AST) -> Iterator[str]:
    docstrings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if node in docstrings:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else _VARIES for part in node.values)


def test_there_are_messages() -> None:
    assert len(FRAGMENTS) >= 40
    assert len(set(FRAGMENTS)) == len(FRAGMENTS)


@pytest.mark.parametrize("fragment", FRAGMENTS)
def test_message_is_in_the_package(fragment: str) -> None:
    pattern = re.compile(".*".join(re.escape(part.strip()) for part in fragment.split("...")), re.DOTALL)
    assert any(pattern.search(text) for text in _texts())
