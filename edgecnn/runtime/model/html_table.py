"""JSON values as a table of HTML: how a notebook shows a record."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

_MOST_ITEMS = 12
_MOST_CHARACTERS = 120
_DEEPEST = 3


def html_table(value: Any, depth: int = 0) -> str:
    """Nested tables; long texts, long lists and what lies deep is cut short, and says so."""
    if isinstance(value, Mapping) and value and depth < _DEEPEST:
        rows = (
            f"<tr><th>{escape(str(name))}</th><td>{html_table(each, depth + 1)}</td></tr>"
            for name, each in value.items()
        )
        return f"<table>{''.join(rows)}</table>"
    if isinstance(value, (list, tuple)) and value and depth < _DEEPEST:
        more = f"and {len(value) - _MOST_ITEMS} more" if len(value) > _MOST_ITEMS else ""
        return "<br>".join([*(html_table(each, depth + 1) for each in value[:_MOST_ITEMS]), more]).removesuffix("<br>")
    text = str(value)
    return escape(text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}...")
