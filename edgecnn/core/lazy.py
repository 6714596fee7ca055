"""Names that a package exports without importing their modules: its settings stay light, for `--help`."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any


def exports(package: str, **modules: str) -> Callable[[str], Any]:
    """A package's `__getattr__` (PEP 562), which imports a module when one of its names is asked for.

    Args:
        package: `__name__` of the package. It imports the same names under `TYPE_CHECKING`, for readers and mypy.
        modules: module of the package -> the names that it exports, separated by spaces. None of them may be a module
            of the package too, or importing that would hide the name.
    """
    homes = {name: module for module, names in modules.items() for name in names.split()}

    def getattribute(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{package}.{homes[name]}"), name)

    return getattribute
