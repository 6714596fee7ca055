"""Where frames come from: one file per kind of source.

A source's file has

- `EXAMPLE`: how its addresses look, for help and error messages;
- `matches(address) -> bool`: whether it is the one to ask, without opening anything;
- `open_source(address, wish) -> Source`: open it, or raise `CameraError` with the remedy.
"""

from __future__ import annotations

from edgecnn.camera.sources._source import Source, Wish
from edgecnn.errors import UsageError
from edgecnn.registry import CAMERA_SOURCES


def open_source(address: str, wish: Wish) -> Source:
    """Open the source that an address names.

    Raises:
        UsageError: no kind of source knows such an address.
        CameraError: the source can't be opened; the message says why and what to do.
    """
    for name in CAMERA_SOURCES.names():
        module = CAMERA_SOURCES.load(name)
        if module.matches(address):
            source: Source = module.open_source(address, wish)
            return source
    raise UsageError(f"--source {address!r} is no camera, file, folder or address that exists. Expected {examples()}.")


def examples() -> str:
    """All kinds of addresses in one phrase."""
    found: list[str] = [CAMERA_SOURCES.load(name).EXAMPLE for name in CAMERA_SOURCES.names()]
    return ", ".join(found[:-1]) + " or " + found[-1]
