"""Changes that any file can undergo: bytes, and values of a few kinds. All are drawn from a `random.Random`."""

from __future__ import annotations

import random
import struct
from typing import Any

MARKUP, SCRIPT, OWNED = "MARKUP", "alert(1)", "owned"
COMMAND = f"touch {OWNED}"
MARKS = (
    f"[bold]{MARKUP}[/bold]", "[/x]", "[link=x", f"</script><script>{SCRIPT}</script>", f"<img src=x onerror={SCRIPT}>",
    f'" onload="{SCRIPT}', f"javascript:{SCRIPT}", f"; {COMMAND} #", f"$({COMMAND})", f"`{COMMAND}`",
    f"' ; {COMMAND} '", "'\"\\", "%s%n{0}", "{{7*7}}", "{% raw %}", "-o", "--trust", "\U0001f600", "x" * 3000,
)  # fmt: skip
"""Printable texts that rich, a browser, a shell or a template might obey."""
HOSTILE = (
    *MARKS,
    *("\x1b[2J\x1b]0;title\x07", "\u202egnp.exe", "\u2066x\u2069", "a\nb", "a\r\nb", "\x00", "\x9b31m", "\u2028x"),
    *("../../etc/passwd", "/dev/zero", "x" * 70_000, "\ud800", ""),
)
"""The same, and texts that a terminal or a file system might obey."""
NUMBERS = (
    *(0, 1, -1, 2, 3, 7, 127, 128, 255, 256, -128, -129, 32767, 65535, 65536, 1 << 20, 1 << 24, (1 << 30) + 1),
    *((1 << 31) - 1, -(1 << 31), (1 << 32) - 1, 1 << 40, (1 << 63) - 1, -(1 << 63)),
)
REALS = (0.0, -0.0, 1.0, -1.0, 1e-38, 1e-45, 3.4e38, -3.4e38, float("inf"), float("-inf"), float("nan"), 1 / 256, 1e9)


def octets(data: bytes, draw: random.Random, edge: int = 1 << 14) -> bytes:
    """One to six changes of bytes, most near the beginning or the end: structure lies there rather than weights."""
    changed = bytearray(data)
    for _ in range(draw.choice((1, 1, 1, 2, 3, 6))):
        place = _place(len(changed), draw, edge)
        draw.choice((_flip, _flip, _word, _word, _remove, _insert, _copy, _cut))(changed, place, draw)
    return bytes(changed)


def _place(size: int, draw: random.Random, edge: int) -> int:
    if size == 0:
        return 0
    edge = min(edge, size)
    return draw.choice(
        (draw.randrange(edge), draw.randrange(edge), size - 1 - draw.randrange(edge), draw.randrange(size))
    )


def _flip(data: bytearray, place: int, draw: random.Random) -> None:
    if data:
        data[place] ^= 1 << draw.randrange(8)


def _word(data: bytearray, place: int, draw: random.Random) -> None:
    size = draw.choice((1, 2, 4, 8))
    value = (
        draw.choice(NUMBERS) if draw.random() < 0.8 else struct.unpack("<I", struct.pack("<f", draw.choice(REALS)))[0]
    )
    place -= place % size
    data[place : place + size] = (value & ((1 << 8 * size) - 1)).to_bytes(
        size, draw.choice(("little", "little", "big"))
    )


def _remove(data: bytearray, place: int, draw: random.Random) -> None:
    del data[place : place + draw.choice((1, 2, 4, 16, 1000))]


def _insert(data: bytearray, place: int, draw: random.Random) -> None:
    data[place:place] = draw.choice(
        (b"\0", b"\xff" * 4, draw.randbytes(16), draw.choice(HOSTILE).encode(errors="replace"))
    )


def _copy(data: bytearray, place: int, draw: random.Random) -> None:
    start, size = _place(len(data), draw, 1 << 14), draw.choice((4, 16, 64, 1024))
    data[place : place + size] = data[start : start + size]


def _cut(data: bytearray, place: int, draw: random.Random) -> None:
    if draw.random() < 0.3:
        del data[place:]


def value(old: Any, draw: random.Random) -> Any:
    """Another value of the same kind: bool, int, float, str, bytes."""
    if isinstance(old, bool):
        return not old
    if isinstance(old, int):
        near = (old + 1, old - 1, -old, old * 2, old ^ (1 << draw.randrange(31)))
        return draw.choice((*NUMBERS, *near, *near))
    if isinstance(old, float):
        return draw.choice((*REALS, old * 2, -old, old * 1e20))
    text = draw.choice(HOSTILE)
    return text.encode(errors="replace") if isinstance(old, bytes) else text
