"""An interpreter that keeps what every operator writes."""

from __future__ import annotations

from typing import Any

from edgecnn.runtime.model.model_file import ModelFile
from edgecnn.runtime.run.interpreter import interpreter_module, open_interpreter
from edgecnn.runtime.run.program import refusals


def keeper_of(file: ModelFile) -> Any:
    """An interpreter without delegates, which would fuse tensors away."""
    with refusals(file.name, "refuses it"):
        return open_interpreter(
            file.data,
            experimental_preserve_all_tensors=True,
            experimental_op_resolver_type=interpreter_module().OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
