"""How a virtual environment of Python is laid out."""

from __future__ import annotations

import sys
from pathlib import Path

LINKS = sys.platform != "win32"
"""Whether its Python may be a link; on Windows only administrators make links."""
SITE_PACKAGES = "Lib/site-packages" if sys.platform == "win32" else "lib/python*/site-packages"
"""Where its packages are; a pattern."""


def python(folder: Path) -> Path:
    """Its Python."""
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python3")
