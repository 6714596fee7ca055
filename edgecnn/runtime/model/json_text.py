"""JSON texts and the texts in them, from anybody: read without a traceback, shown without obeying them."""

from __future__ import annotations

import json
import re
from typing import Any

from ..errors import RecordError

# Controls, line separators, marks that change the direction of what follows, halves of surrogate pairs.
UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_SPACE = re.compile("[\t\n\x0b\x0c\r\x85\u2028\u2029]+")


def printable(text: str) -> str:
    """The text on one line, with U+FFFD for what a terminal would obey or UTF-8 can't hold."""
    return UNPRINTABLE.sub("\ufffd", _SPACE.sub(" ", text)) if UNPRINTABLE.search(text) else text


def printable_lines(text: str) -> str:
    """The same for a text of several lines."""
    return "\n".join(map(printable, text.split("\n")))


def escape_json(text: str) -> str:
    """A JSON text that says the same, with `\\uXXXX` for what a terminal would obey or UTF-8 can't hold."""
    return UNPRINTABLE.sub(lambda found: "\n" if found[0] == "\n" else f"\\u{ord(found[0]):04x}", text)


def parse_json(text: str | bytes | bytearray | memoryview, *, constants: bool = False) -> Any:
    """The value of a JSON text.

    Args:
        text: in UTF-8, where it is bytes.
        constants: take NaN and Infinity, which are no JSON but which Python's programs write (Keras's configurations).

    Raises:
        RecordError: it is no JSON, or nested too deeply.
    """
    try:
        refuse = None if constants else _refuse_constant
        return json.loads(bytes(text) if isinstance(text, memoryview) else text, parse_constant=refuse)
    except RecursionError as error:
        raise RecordError("It is nested too deeply to be read.") from error
    except ValueError as error:
        raise RecordError(f"It is not valid JSON: {printable(str(error))}.") from error


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")
