"""Names of classes: each can be a folder's name on every system, and is read as a class by `edgecnn train`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from edgecnn.core.errors import UsageError
from edgecnn.data.layout import split_named
from edgecnn.data.listing import is_junk, printable

LONGEST = 64
_LONGEST_BYTES = 200  # a file system allows 255
_FORBIDDEN = re.compile(r'[/\\:*?"<>|]')
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)  # of Windows
EXPECTED = f'Expected 1 to {LONGEST} characters without / \\ : * ? " < > | and without a dot at either end.'


def checked(name: object, others: Iterable[str] = ()) -> str:
    """A class's name in Unicode's composed form (NFC), without spaces around it.

    Args:
        name: what somebody typed.
        others: the classes that are there; one that differs in nothing but case is refused, since macOS and Windows
            would take both for one folder.

    Raises:
        UsageError: it can't be a folder's name, or would not be read as a class.
    """
    if not isinstance(name, str):
        raise UsageError(f"The class name is {name!r:.60}; expected text. {EXPECTED}")
    text = unicodedata.normalize("NFC", " ".join(name.split()))
    shown = printable(text[:LONGEST])
    if not text or len(text) > LONGEST or len(text.encode("utf-8", "replace")) > _LONGEST_BYTES:
        raise UsageError(f"The class name {shown!r} has {len(text)} characters. {EXPECTED}")
    if _FORBIDDEN.search(text) or text.startswith(".") or text.endswith(".") or not text.isprintable():
        raise UsageError(f"The class name {shown!r} can't be the name of a folder. {EXPECTED}")
    if _DEVICES.fullmatch(text) or is_junk(text):
        raise UsageError(f"The class name {shown!r} is reserved by an operating system. Choose another name.")
    if split := split_named(text):
        raise UsageError(
            f"The class name {shown!r} would be read as the {split} split of the data. Choose another name."
        )
    for other in others:
        if other != text and other.casefold() == text.casefold():
            raise UsageError(f"The class {other!r} differs from {shown!r} in case only. Use the one that exists.")
    return text
