"""The `--delegate` that a person writes, checked before anything is copied to a device.

It is a library's path, or `NAME[:ARGUMENT][,KEY=VALUE...]` with a name of `edgecnn/runtime/delegates/kinds/`.
"""

from __future__ import annotations

from typing import Protocol

from edgecnn.core.errors import UsageError
from edgecnn.core.registry import DELEGATES
from edgecnn.runtime.delegates import loading as runtime


class DelegateKind(Protocol):
    """A file of `edgecnn/runtime/delegates/kinds/`."""

    def resolve(self, argument: str, options: str) -> str:
        """The text that `edgecnn.runtime.delegates.loading` understands on the device.

        Args:
            argument: what follows the name's colon.
            options: the comma-separated rest.

        Raises:
            UsageError: one of them is wrong.
        """


def resolve(text: str) -> str:
    """Check a delegate before anything is copied to a device, and return what the device is told.

    Args:
        text: a registered name with its argument and options, or a library's path on the device.

    Raises:
        UsageError: it is neither, or an option is wrong.
    """
    name, _, options = text.partition(",")
    name, _, argument = name.partition(":")
    if name in DELEGATES.names():
        resolved = DELEGATES.plugin(name, DelegateKind).resolve(argument, options)
    elif "/" in name or ".so" in name or name.endswith((".dylib", ".dll")):
        resolved = text
    else:
        names = ", ".join(DELEGATES.names())
        raise UsageError(
            f"Unknown delegate {text!r}. Choose one of: {names}, or the path of a delegate library (PATH.so)."
        )
    runtime.parse(resolved)
    return resolved
