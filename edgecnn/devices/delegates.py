"""The `--delegate` that a person writes, checked before anything is copied to a device.

A file of `edgecnn/runtime/delegates/kinds/` has `resolve(argument, options)`, which returns the text that
`edgecnn.runtime.delegates.loading` understands on the device: `cpu`, `edgetpu...` or a library with its options. The
argument is what follows the name's colon, the options are the comma-separated rest: `NAME[:ARGUMENT][,KEY=VALUE...]`.
"""

from __future__ import annotations

from edgecnn.core.errors import UsageError
from edgecnn.core.registry import DELEGATES
from edgecnn.runtime.delegates import loading as runtime


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
        resolved = str(DELEGATES.load(name).resolve(argument, options))
    elif "/" in name or ".so" in name or name.endswith((".dylib", ".dll")):
        resolved = text
    else:
        names = ", ".join(DELEGATES.names())
        raise UsageError(
            f"Unknown delegate {text!r}. Choose one of: {names}, or the path of a delegate library (PATH.so)."
        )
    runtime.parse(resolved)
    return resolved
