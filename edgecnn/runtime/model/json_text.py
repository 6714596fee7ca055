"""JSON texts and the texts in them, from anybody: read without a traceback, shown without obeying them."""

from __future__ import annotations

import json
import re
from typing import Any

from ..errors import RecordError

# Controls, line separators, marks that change the direction of what follows, halves of surrogate pairs.
UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_SPACE = re.compile("[\t\n\x0b\x0c\r\x85\u2028\u2029]+")
_UNDECODED = re.compile("[\udc80-\udcff]+")


def decoded(text: str) -> str:
    """The text with file names as they are in UTF-8; a byte that isn't UTF-8 becomes four characters, `\\xe9`.

    Python gives a byte of a file name that the locale's encoding lacks as half of a surrogate pair (PEP 383). Such a
    text opens the file, but can't be written.
    """
    return _UNDECODED.sub(_in_utf8, text)


def _in_utf8(found: re.Match[str]) -> str:
    return found[0].encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def printable(text: str) -> str:
    """The text on one line, with U+FFFD for what a terminal would obey or UTF-8 can't hold; file names `decoded`."""
    if not UNPRINTABLE.search(text):
        return text
    return UNPRINTABLE.sub("\ufffd", _SPACE.sub(" ", decoded(text)))


def printable_lines(text: str) -> str:
    """The same for a text of several lines."""
    return "\n".join(map(printable, text.split("\n")))


def escape_json(text: str, encoding: str = "utf-8") -> str:
    """A JSON text that says the same, with `\\uXXXX` for what a terminal would obey or the encoding can't hold."""
    text = UNPRINTABLE.sub(lambda found: "\n" if found[0] == "\n" else _escape(found[0]), text)
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return re.sub(r"[^\x00-\x7f]", lambda found: _escape(found[0]), text)
    return text


def _escape(character: str) -> str:
    return json.dumps(character)[1:-1]


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
        raise RecordError("The JSON text is nested too deeply.") from error
    except ValueError as error:
        raise RecordError(f"The text is not valid JSON: {printable(str(error))}.") from error


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number that JSON allows")
