"""XML of strangers as a tree: without document types and entities, in bounded size and depth."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from edgecnn.core.errors import DataError
from edgecnn.runtime.model.json_text import printable
from edgecnn.runtime.regular_file import read_regular

_MOST_BYTES = 16 << 20
_DEEPEST = 32


class _RefusedError(Exception):
    """What no annotation needs."""


def read_xml(path: Path) -> Element:
    """The root of a file.

    Raises:
        DataError: it can't be read, is damaged, nested too deeply, or has a document type: entities may read files,
            call servers and grow without bounds.
    """
    builder, depth = TreeBuilder(), 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEEPEST:
            raise _RefusedError(f"its elements are nested deeper than {_DEEPEST}")
        builder.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag)

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = _refuse
    try:
        parser.Parse(read_regular(path, _MOST_BYTES), True)
        return builder.close()
    except OSError as error:
        raise DataError(f"Can't read the annotations {path}: {error.strerror}.") from error
    except (expat.ExpatError, _RefusedError, AssertionError, LookupError, ValueError) as error:
        raise DataError(f"Can't read the annotations {path}: {printable(str(error))}.") from error


def _refuse(*_: Any) -> None:
    raise _RefusedError("it has a document type (DTD), which annotations don't need and which may hold entities")
