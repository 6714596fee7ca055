"""Bars of the house: few long functions, few long files."""

from __future__ import annotations

import ast
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "edgecnn"
LONG_FUNCTION_LINES, LONG_FUNCTIONS = 40, 5
LONG_FILE_LINES, LONG_FILES = 300, 2


def test_few_functions_and_files_are_long() -> None:
    functions, files = [], []
    for path in sorted(PACKAGE.rglob("*.py")):
        text = path.read_text()
        if text.count("\n") > LONG_FILE_LINES:
            files.append(f"{path.relative_to(PACKAGE)}: {text.count(chr(10))}")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > LONG_FUNCTION_LINES:
                    functions.append(f"{path.relative_to(PACKAGE)}:{node.name}: {lines}")
    assert len(functions) <= LONG_FUNCTIONS, functions
    assert len(files) <= LONG_FILES, files
