"""A recipe as TOML."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def toml(sections: Mapping[str, Any]) -> str:
    """The text of some sections, each a mapping of keys to texts, numbers, booleans or lists of those."""
    parts = []
    for name, keys in sections.items():
        lines = [f"{key} = {_value(value)}" for key, value in keys.items() if value is not None]
        parts.append("\n".join([f"[{name}]", *lines]))
    return "\n\n".join(parts) + "\n"


def _value(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_value, value))}]"
    return json.dumps(value, ensure_ascii=False)
