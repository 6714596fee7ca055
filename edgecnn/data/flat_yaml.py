"""The little of YAML that `data.yaml` files are written in: scalars, lists and one level of keys below a key."""

from __future__ import annotations

import re
from pathlib import Path

from edgecnn.core.errors import DataError
from edgecnn.data.listing import printable
from edgecnn.runtime.regular_file import read_regular

Value = str | list[str] | dict[str, str]
_MOST_BYTES = 4 << 20
_COMMENT = re.compile(r"""('[^']*'|"[^"]*")|(?:^|\s)#.*$""")  # none begins between quotes
_KEY = re.compile(r"""(?P<key>'[^']*'|"[^"]*"|[^\s:#'"\[{][^:#]*?)\s*:(?:\s+(?P<rest>.*))?$""")
_ITEM = re.compile(r"""'(?:[^']|'')*'|"(?:[^"\\]|\\.)*"|[^,]+""")


def read_flat_yaml(path: Path) -> dict[str, Value]:
    """Keys and values; what is nested deeper than one level is passed over.

    Raises:
        DataError: it can't be read, or a value stands where none can.
    """
    try:
        text = read_regular(path, _MOST_BYTES).decode("utf-8-sig")
    except OSError as error:
        raise DataError(f"Can't read {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise DataError(f"Can't read {path}: {error}. Save it in UTF-8.") from error
    found: dict[str, Value] = {}
    key, indent = "", -1
    for number, line in enumerate(_joined(text), 1):
        depth = len(line) - len(line.lstrip())
        if depth == 0 and not line.startswith("-"):
            key, value = _pair(line, path, number)
            found[key], indent = value, -1
            continue
        indent = depth if indent < 0 else indent
        if depth == indent:
            found[key] = _grown(found.get(key, ""), line.strip(), path, number)
    return found


def _joined(text: str) -> list[str]:
    """Lines without comments; a list in brackets that goes over several of them is one."""
    lines: list[str] = []
    for raw in text.splitlines():
        line = _COMMENT.sub(r"\1", raw.replace("\t", "  ")).rstrip()
        if not line or line in ("---", "..."):
            continue
        if lines and (_is_open(lines[-1], "[", "]") or _is_open(lines[-1], "{", "}")):
            lines[-1] += " " + line.strip()
        else:
            lines.append(line)
    return lines


def _is_open(line: str, opens: str, closes: str) -> bool:
    value = line.partition(":")[2].strip()
    return value.startswith(opens) and closes not in value


def _pair(line: str, path: Path, number: int) -> tuple[str, Value]:
    match = _KEY.match(line.strip())
    if match is None:
        raise DataError(f"{path}, line {number}: {printable(line)[:80]!r} is no `key: value`.")
    return _scalar(match["key"]), _value((match["rest"] or "").strip(), path, number)


def _value(text: str, path: Path, number: int) -> Value:
    if text.startswith("[") and text.endswith("]"):
        return [_scalar(item) for item in _ITEM.findall(text[1:-1]) if item.strip()]
    if text.startswith("{") and text.endswith("}"):
        pairs = (_pair(item, path, number) for item in _ITEM.findall(text[1:-1]) if item.strip())
        return {key: str(value) for key, value in pairs}
    return _scalar(text)


def _grown(before: Value, text: str, path: Path, number: int) -> Value:
    """A value with one more line of a list, or of keys."""
    if text.startswith("- ") or text == "-":
        return [*(before if isinstance(before, list) else []), _scalar(text[1:])]
    key, value = _pair(text, path, number)
    return {**(before if isinstance(before, dict) else {}), key: value if isinstance(value, str) else ""}


def _scalar(text: str) -> str:
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1].replace("''", "'") if text[0] == "'" else text[1:-1]
    return text
