"""Keras -> Keras, to be trained further: one file per method; files that start with `_` are what they share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgecnn.compress._compress import Compressed, Tuning, compress

__all__ = ["Compressed", "Tuning", "compress"]


def __getattr__(name: str) -> object:
    # Conversion uses this package's emulation, and compressing uses conversion: break the circle by waiting.
    if name in __all__:
        from edgecnn.compress import _compress

        return getattr(_compress, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
