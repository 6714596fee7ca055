"""Templates of exported files, and texts in the languages of other programs."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

from edgecnn.core.text import printable

_PLACE = re.compile(r"\{\{(\w+)\}\}")


def read(name: str) -> bytes:
    """A file of the folder `templates`."""
    return (Path(__file__).parent / "templates" / name).read_bytes()


def filled(file: str, /, **values: str) -> bytes:
    """A template whose `{{places}}` are filled in once: what a value holds is never read as a place.

    Args:
        file: of the folder `templates`.
        values: the text for each place, quoted already as its language wants it.
    """
    return _PLACE.sub(lambda match: values[match[1]], read(file).decode()).encode()


def ascii_json(value: object) -> bytes:
    """Indented JSON in ASCII: whatever a name holds, every program reads it, on every system."""
    return (json.dumps(value, indent=1, ensure_ascii=True) + "\n").encode()


def label_lines(labels: Sequence[str]) -> bytes:
    """A file with a label per line, in UTF-8."""
    return "".join(f"{' '.join(printable(label).split())}\n" for label in labels).encode("utf-8", "replace")


def plain(text: str) -> str:
    """A text by others inside Markdown: on one line, without what Markdown or HTML would read as a mark."""
    return re.sub(r"[^\w .,()+-]", "?", " ".join(text.split()))[:200]
