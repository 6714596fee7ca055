"""The processor, with LiteRT's own XNNPACK kernels: no delegate library."""

from __future__ import annotations


def resolve(argument: str, options: str) -> str:
    """The device's text; any argument is refused there."""
    return "cpu" + (f":{argument}" if argument else "") + (f",{options}" if options else "")
