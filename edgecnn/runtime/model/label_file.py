"""Class names from a file, in the order of the model's outputs: the one reader of label files.

Understood: one name per line; numbered lines (`3 cat`, `3: cat`, `3,cat`, in any order, from 0 or from 1); names with
their number behind (`cat,3`); WordNet ids before the names; JSON as Keras writes it (`{"cat": 0}`, `{"0": "cat"}`,
`{"0": ["n02123045", "tabby"]}`) and lists of names. What can be read in two ways is refused.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Sequence
from pathlib import Path

from ..errors import ModelFileError
from ..regular_file import read_regular
from .json_text import printable

MAX_BYTES = 16 << 20
_NUMBER_FIRST = re.compile(r"(\d{1,7})(?:\s*[:,;\t]\s*|\s+)(.+)")
_NUMBER_LAST = re.compile(r"(.+?)\s*[:,;\t]\s*(\d{1,7})")
_WORDNET_FIRST = re.compile(r"n\d{8}[\s:,;]+(.+)")
_HEADER = re.compile(r"(id|index|idx|class|class_?id|number|label|labels|name|class_?name|category|,|;|:|\s)+", re.I)
_UNICODE = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def read_labels(path: str | Path, outputs: int | None = None) -> tuple[str, ...]:
    """Class names in output order.

    Args:
        path: see above.
        outputs: how many outputs the model has; None where that isn't known yet.

    Raises:
        ModelFileError: the file can't be read, can be read in two ways, or has another number of names.
    """
    labels = tuple(map(printable, parse_labels(_text(path), str(path))))
    if outputs is not None:
        check_count(labels, outputs, str(path))
    return labels


def check_count(labels: Sequence[str], outputs: int, name: str) -> None:
    """Refuse labels of another number than the model's outputs; one output tells two classes apart.

    Raises:
        ModelFileError: their number differs.
    """
    if not labels or len(labels) == outputs or (outputs, len(labels)) == (1, 2):
        return
    hint = ""
    if len(labels) == outputs + 1 and is_background(labels[0]):
        hint = (
            f" The first label, {labels[0]!r}, stands for a background class that this model does not have: "
            "remove that line."
        )
    elif len(labels) == outputs - 1:
        hint = " If the model's first output is a background class, add `background` as the first line."
    raise ModelFileError(f"{name} has {len(labels)} labels for {outputs} classes; expected one label per output.{hint}")


def is_background(label: str) -> bool:
    """Whether a label stands for what is no object."""
    return bool(re.fullmatch(r"background|\?\?\?|_+background_+|none", label.strip(), re.I))


def parse_labels(text: str, name: str) -> tuple[str, ...]:
    """The same for a file's text.

    Raises:
        ModelFileError: it can be read in two ways, or holds no labels.
    """
    if text.lstrip().startswith(("{", "[")):
        return _from_json(text, name)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise ModelFileError(f"{name} holds no labels; expected one class name per line.")
    if re.match(r"(item\s*\{|names\s*:)", lines[0]):
        raise ModelFileError(
            f"{name} is not a list of labels: its first line is {lines[0]!r}. Write one class name per line, in "
            "output order."
        )
    found = _numbered(lines, name)
    return tuple(_without_wordnet(found if found is not None else lines))


def _text(path: str | Path) -> str:
    try:
        data = read_regular(path, MAX_BYTES)
        encoding = next((name for mark, name in _UNICODE if data.startswith(mark)), "utf-8")
        return data.decode(encoding)
    except OSError as error:
        raise ModelFileError(
            f"Can't read the labels file {path}: {error.strerror}. Check its name and permissions."
        ) from error
    except UnicodeDecodeError as error:
        raise ModelFileError(f"Can't read the labels file {path}: {error}. Save it as a UTF-8 text file.") from error


def _numbered(lines: Sequence[str], name: str) -> list[str] | None:
    """The names in the order of their numbers; None where the lines are no numbered list."""
    for rows in (lines, lines[1:] if _HEADER.fullmatch(lines[0]) else []):
        first = [match for line in rows if (match := _NUMBER_FIRST.fullmatch(line))]
        last = [match for line in rows if (match := _NUMBER_LAST.fullmatch(line))]
        if rows and len(first) == len(rows):
            return _by_number([(int(match[1]), match[2]) for match in first], rows, name)
        if rows and len(last) == len(rows):
            return _by_number([(int(match[2]), match[1]) for match in last], rows, name)
    return None


def _by_number(pairs: list[tuple[int, str]], lines: Sequence[str], name: str) -> list[str] | None:
    names = [text for _, text in pairs]
    if len(set(names)) < len(set(lines)) and len(set(lines)) == len(lines):
        return None  # `1 euro`, `2 euro`: the number belongs to the name
    return in_order(pairs, f"{name}: every line has a number, but the numbers are")


def in_order(pairs: Sequence[tuple[int, str]], what: str) -> list[str]:
    """Names by their numbers, which are all of 0 to n - 1, or of 1 to n.

    Raises:
        ModelFileError: a number is missing or stands twice.
    """
    numbers = sorted(number for number, _ in pairs)
    for start in (0, 1):
        if numbers == list(range(start, start + len(pairs))):
            return [text for _, text in sorted(pairs)]
    twice = next((number for number, after in zip(numbers, numbers[1:]) if number == after), None)
    missing = next((number for number in range(numbers[0], numbers[-1]) if number not in set(numbers)), None)
    problem = f"{twice} occurs twice" if twice is not None else f"{missing if missing is not None else 0} is missing"
    raise ModelFileError(
        f"{what} not 0 to {len(pairs) - 1} (or 1 to {len(pairs)}): {problem}. Write one name per line, in output "
        "order, without numbers."
    )


def _without_wordnet(lines: Sequence[str]) -> list[str]:
    matches = [match for line in lines if (match := _WORDNET_FIRST.fullmatch(line))]
    return [match[1].strip() for match in matches] if len(matches) == len(lines) else list(lines)


def _from_json(text: str, name: str) -> tuple[str, ...]:
    try:
        value = json.loads(text)
        value = value.get("id2label", value) if isinstance(value, dict) else value
        labels = _names_of(value, name)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(
            f"{name} starts like JSON but is not valid JSON: {error}. Correct it, or write one class name per line."
        ) from error
    if labels is None or not labels or not all(isinstance(label, str) and label.strip() for label in labels):
        raise ModelFileError(
            f'{name} is JSON of an unsupported form; expected {{"cat": 0, ...}}, {{"0": "cat", ...}} or ["cat", ...].'
        )
    return tuple(label.strip() for label in labels)


def _names_of(value: object, name: str) -> Sequence[str] | None:
    what = f"{name}: its class numbers are"
    if isinstance(value, list):
        return value
    if not isinstance(value, dict) or not value:
        return None
    if all(_is_index(key) for key in value):
        return in_order([(int(key), _last(entry)) for key, entry in value.items()], what)
    if all(_is_index(entry) for entry in value.values()):
        return in_order([(int(entry), str(key)) for key, entry in value.items()], what)
    return None


def _is_index(value: object) -> bool:
    if isinstance(value, str):
        return value.isascii() and value.isdecimal() and len(value) < 8
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**7


def _last(entry: object) -> str:
    """A name; of ["n02123045", "tabby"] the second."""
    last = entry[-1] if isinstance(entry, list) and entry else entry
    return last if isinstance(last, str) else ""
