"""The `--delegate` that a person writes, checked before anything is copied to a device.

It is a library's path, or `NAME[:ARGUMENT][,KEY=VALUE...]` with a name of `edgecnn/runtime/delegates/kinds/` or of
another distribution's entry point, which becomes a library's path: the device has edgecnn's own files alone.
"""

from __future__ import annotations

from edgecnn.core.errors import UsageError
from edgecnn.core.registry import DELEGATES
from edgecnn.core.text import did_you_mean
from edgecnn.runtime.delegates import loading
from edgecnn.runtime.delegates.kind import DelegateKind, pairs


def resolve(text: str) -> str:
    """Check a delegate before anything is copied to a device, and return what the device is told.

    Args:
        text: a registered name with its argument and options, or a library's path on the device.

    Raises:
        UsageError: it is neither, or an option is wrong.
    """
    whole, _, options = text.partition(",")
    name, _, argument = whole.partition(":")
    if name in DELEGATES.names() and name not in loading.names():
        spec = DELEGATES.plugin(name, DelegateKind).spec(argument, pairs(options))
        return ",".join([spec.library, *(f"{key}={value}" for key, value in spec.options.items())])
    try:
        loading.parse(text)
    except UsageError as error:
        meant = "" if name in loading.names() else did_you_mean(name, DELEGATES.names())
        raise UsageError(f"{error}{' ' if meant else ''}{meant}") from error
    return text
