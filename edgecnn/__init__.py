"""edgecnn: from a model name to an int8 TFLite classifier that runs at a known frame rate on your own board.

The public functions mirror the commands; each is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from edgecnn.core.version import __version__

if TYPE_CHECKING:
    from edgecnn.api import build as build
    from edgecnn.api import load as load
    from edgecnn.api import profile as profile
    from edgecnn.api import quantize as quantize
    from edgecnn.api import run as run
    from edgecnn.api import verify as verify

__all__ = ["__version__", "build", "load", "profile", "quantize", "run", "verify"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(importlib.import_module("edgecnn.api"), name)
    raise AttributeError(f"module 'edgecnn' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
