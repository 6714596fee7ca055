"""A QR code on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

_QUIET = 4  # modules around the code, as the standard has it
_BLOCKS = {(True, True): " ", (False, False): "█", (True, False): "▄", (False, True): "▀"}  # dark modules stay empty
_COLORS, _RESET = "\x1b[38;2;255;255;255;48;2;0;0;0m", "\x1b[0m"
_INSTALL = 'To see it as a QR code: pip install "edgecnn[phone]"'


def lines(rows: Sequence[Sequence[bool]]) -> list[str]:
    """Two rows of modules on each line; what is dark in the code is left empty, for terminals that are dark.

    Args:
        rows: of the code, true where it is dark.
    """
    width = len(rows[0]) + 2 * _QUIET
    light = [False] * width
    padded = [*[light] * _QUIET, *([*light[:_QUIET], *row, *light[:_QUIET]] for row in rows), *[light] * _QUIET]
    if len(padded) % 2:
        padded.append(light)
    return ["".join(_BLOCKS[pair] for pair in zip(*padded[row : row + 2])) for row in range(0, len(padded), 2)]


def show(text: str, note: Callable[[str], None]) -> None:
    """Write a text as a QR code to standard error; without the library, say how to get it."""
    try:
        import segno
    except ImportError:
        note(_INSTALL)
        return
    code = segno.make_qr(text, error="l")
    found = lines([[bool(module) for module in row] for row in code.matrix])
    # A note's colors would be taken out: a terminal is told the code's itself, whatever its own are.
    if sys.stderr.isatty():
        found = [f"{_COLORS}{line}{_RESET}" for line in found]
    sys.stderr.write("\n".join(found) + "\n")
    sys.stderr.flush()
