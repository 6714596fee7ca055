"""AutoGraph's generated code in memory: TensorFlow writes it into TMPDIR, and leaves it there when it is killed."""

from __future__ import annotations

import importlib
import itertools
import linecache
import sys
from types import ModuleType
from typing import Any

_numbers = itertools.count()


def keep_in_memory() -> None:
    """Let AutoGraph load what it generates from memory; a TensorFlow that does it otherwise stays as it is."""
    loader: Any = importlib.import_module("tensorflow.python.autograph.pyct.loader")
    if hasattr(loader, "load_source"):
        loader.load_source = _load


def _load(source: str, delete_on_exit: bool = True) -> tuple[ModuleType, str]:
    """The module of a source text, and the name that it has in tracebacks, which show its lines."""
    name = f"__autograph_generated_{next(_numbers)}"
    module, file = ModuleType(name), f"<{name}>"
    module.__file__ = file
    linecache.cache[file] = len(source), None, source.splitlines(keepends=True), file
    exec(compile(source, file, "exec"), module.__dict__)
    sys.modules[name] = module
    return module, file
