"""Boards by name, from `~/.config/edgecnn/devices.toml`, and what a `--device` text means."""

from __future__ import annotations

from edgecnn.registry import DEVICES


def resolve(target: str) -> tuple[str, str]:
    """The plug-in and what it should open: "local" -> ("local", "local"); "pi@host" -> ("ssh", "pi@host")."""
    kind, separator, rest = target.partition("://")
    if separator:
        return kind, rest
    return (target, target) if target in DEVICES.names() else ("ssh", target)
