"""Numbers in sentences."""

from __future__ import annotations


def counted(count: int, thing: str) -> str:
    """For example "1 thread", "2 threads"; for things whose plural only adds an s."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"
