"""Numbers and names in sentences, and texts of others."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable

from edgecnn.runtime.model.json_text import printable, printable_lines

__all__ = ["age", "counted", "did_you_mean", "printable", "similar", "to_stderr"]


def counted(count: int, thing: str) -> str:
    """For example "1 thread", "2 threads"; for things whose plural only adds an s."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def age(seconds: float) -> str:
    """For example "5 min" or "3 days", in the largest unit of which there are two."""
    for name, length_s in (("day", 86_400), ("hour", 3600)):
        if seconds >= 2 * length_s:
            return counted(int(seconds // length_s), name)
    return f"{int(seconds // 60)} min"


def similar(word: str, choices: Iterable[str]) -> list[str]:
    """The choices that a misspelled word may have meant, the likeliest first; at most three."""
    import difflib  # only a mistake needs it

    known = {choice.lower().replace("-", "_"): choice for choice in choices}
    return [known[name] for name in difflib.get_close_matches(word.lower().replace("-", "_"), known, n=3, cutoff=0.6)]


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """For example "Did you mean quantize?"; empty where nothing is similar."""
    found = similar(word, choices)
    return f"Did you mean {' or '.join(found)}?" if found else ""


def to_stderr(message: str) -> None:
    """A line for a person on standard error. Whoever reads it may be gone: a sink or a camera goes on without."""
    with contextlib.suppress(OSError):
        print(printable_lines(message), file=sys.stderr, flush=True)
