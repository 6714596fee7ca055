"""Any TFLite external delegate, by its library's path."""

from __future__ import annotations

from ... import home
from ...errors import DelegateError, UsageError
from ..kind import DelegateSpec

SYNTAX = "or a delegate library (PATH.so[,KEY=VALUE...])"


def spec(argument: str, options: dict[str, str]) -> DelegateSpec:
    """The library with its own options, which only it can check."""
    if not argument:
        raise UsageError("The delegate library has no path; expected library:PATH.so.")
    return DelegateSpec("library", argument, options)


def library_file(asked: DelegateSpec) -> str:
    """The absolute path, as a loader would search its own folders otherwise."""
    path = home.expanded(asked.library).absolute()
    if not path.is_file():
        raise DelegateError(f"There is no delegate library {path}. Check the path.")
    return str(path)
