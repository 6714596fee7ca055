"""The part of YAML that `data.yaml` files are made of: texts, lists of texts and one level of keys below a key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from edgecnn.core.errors import DataError
from edgecnn.data.listing import printable
from edgecnn.runtime.regular_file import read_regular

Value = str | list[str] | dict[str, str]
_MOST_BYTES = 4 << 20


def read_flat_yaml(path: Path) -> dict[str, Value]:
    """Keys and values, all as they are written: no, 010 and 1e3 are texts. What is nested deeper is passed over.

    Raises:
        DataError: it can't be read, or is no YAML with keys and values.
    """
    try:
        text = read_regular(path, _MOST_BYTES).decode("utf-8-sig")
        found = yaml.load(text, Loader=yaml.BaseLoader)  # makes texts, lists and dictionaries, and nothing else
    except OSError as error:
        raise DataError(f"Can't read {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise DataError(f"Can't read {path}: {error}. Save it in UTF-8.") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise DataError(f"{path} is no YAML: {_said(error)}.") from error
    if found in ("", None):
        return {}
    if not isinstance(found, dict):
        kind = "list" if isinstance(found, list) else "text"
        raise DataError(f"{path} holds a {kind}; expected keys and values, `names: [cat, dog]`.")
    return {key: _flat(value) for key, value in found.items() if isinstance(key, str)}


def _said(error: Exception) -> str:
    """In one line: what is wrong, and where."""
    mark = getattr(error, "problem_mark", None)
    where = f"line {mark.line + 1}: " if mark else ""
    return where + printable(str(getattr(error, "problem", None) or error)).rstrip(".")


def _flat(value: Any) -> Value:
    if isinstance(value, list):
        return [item if isinstance(item, str) else "" for item in value]  # the others keep their numbers
    if isinstance(value, dict):
        pairs = value.items()
        return {key: item for key, item in pairs if isinstance(key, str) and isinstance(item, str)}
    return value if isinstance(value, str) else ""
