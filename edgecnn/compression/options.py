"""Options of a method by name, from a command line or a recipe."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from edgecnn.core.errors import UsageError
from edgecnn.core.registry import COMPRESSION

_WORDS = {"target": "for"}  # a keyword of Python


def options_of(method: str, given: Mapping[str, Any], spelled: Callable[[str], str]) -> Any:
    """A method's `Options`.

    Args:
        method: a file of `edgecnn/compression/`.
        given: by the name of the field.
        spelled: how the user writes the option of that name.

    Raises:
        UsageError: the method doesn't have it, its value can't be, or the method makes nothing smaller.
    """
    if method == "qat":
        raise UsageError("qat is no pruning: that is `edgecnn train --qat`, in a recipe [qat].")
    kind = COMPRESSION.load(method).Options
    known = [field.name for field in dataclasses.fields(kind)]
    for name in given:
        if name not in known:
            choices = ", ".join(spelled(_WORDS.get(each, each)) for each in sorted(known))
            raise UsageError(
                f"{spelled(_WORDS.get(name, name))} doesn't go with the method {method}; it has: {choices or 'none'}."
            )
    return kind(**given)
