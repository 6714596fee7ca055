"""What a browser can't do is refused before a page is opened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgecnn.core.errors import UsageError
from edgecnn.runtime.model.model_file import AnyFile
from edgecnn.runtime.run.engine import stored
from edgecnn.runtime.run.program import check_memory, explain

TYPES = ("uint8", "float32", "int32")
"""Number types of the tensors that LiteRT.js takes and gives."""
_COMPILED = "edgetpu-custom-op"


def refuse(file: AnyFile, device: str) -> None:
    """Refuse a model that LiteRT.js has no tensors or kernels for.

    Raises:
        UsageError: received, expected, remedy.
        ModelFileError: its activations take too much memory.
    """
    check_memory(file)
    graph = file.model.graph
    if any(operator.name == _COMPILED for operator in graph.operators):
        raise UsageError(f"{file.name} can't run in {device}: {explain(_COMPILED)}")
    for index in (*graph.inputs, *graph.outputs):
        dtype = stored(graph, index).dtype.name
        if dtype not in TYPES:
            raise UsageError(
                f"{file.name} has an input or output of type {dtype}; in {device}, LiteRT.js takes "
                f"{', '.join(TYPES)}. Quantize the model again with --io uint8 or --io float32."
            )


def refuse_job(job: str, jobs: Mapping[str, Any], device: str) -> None:
    """Refuse what is measured elsewhere only.

    Raises:
        UsageError: the job is none of `jobs`.
    """
    if job == "per_op":
        raise UsageError(
            f"{device} can't time operators: LiteRT.js runs whole models only. Use --per-op on this machine or on a "
            "board."
        )
    if job not in jobs:
        raise UsageError(f"{device} can't do `{job}`; a browser does {', '.join(sorted(jobs))}.")


def refuse_delegate(delegate: str | None, device: str) -> None:
    """Refuse libraries: a browser loads none.

    Raises:
        UsageError: a delegate was asked for.
    """
    if delegate not in (None, "cpu"):
        raise UsageError(
            f"{device} runs models on the processor, by LiteRT.js (WebAssembly); received the delegate {delegate}. "
            "Remove --delegate."
        )
