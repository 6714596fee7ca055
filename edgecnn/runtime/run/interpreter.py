"""The TFLite interpreter, LiteRT's or tflite-runtime's."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

from ..errors import RuntimeMissingError
from ..portable import usage

_XNNPACK = "TfLiteXNNPackDelegate"  # in the runtime's message
_MARK = "edgecnn_without_xnnpack"


def interpreter_module() -> Any:
    """LiteRT's interpreter module, or tflite-runtime's where only that exists.

    Raises:
        RuntimeMissingError: neither is installed.
    """
    try:
        from ai_edge_litert import interpreter
    except ImportError:
        try:
            from tflite_runtime import interpreter
        except ImportError as error:
            raise RuntimeMissingError(
                "No TFLite runtime is installed. Install one with: pip install ai-edge-litert "
                "(tflite-runtime on Python 3.9 or a 32-bit system)"
            ) from error
    return interpreter


def open_interpreter(model: bytes | memoryview, threads: int = 1, **options: Any) -> Any:
    """An allocated TFLite interpreter; what its C++ parts print is dropped.

    XNNPACK takes operators that it then can't prepare, for example a RESIZE_BILINEAR whose output has another scale
    than its input. Such a model runs without XNNPACK; see `without_xnnpack`.

    Args:
        model: `.tflite` bytes.
        threads: processor threads.
        options: others of the runtime's `Interpreter`, e.g. experimental_delegates.

    Raises:
        RuntimeError, ValueError: the runtime refuses the model; these are its own exceptions.
        RuntimeMissingError: no TFLite runtime is installed.
    """
    try:
        return _allocated(model, threads, options)
    except RuntimeError as error:
        if not failed_in_xnnpack(error) or any(options.values()):
            raise
    plain = interpreter_module().OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = _allocated(model, threads, {"experimental_op_resolver_type": plain})
    setattr(interpreter, _MARK, True)
    return interpreter


def failed_in_xnnpack(error: RuntimeError) -> bool:
    """Whether the runtime's message is of an operator that XNNPACK took and can't prepare."""
    return _XNNPACK in str(error)


def without_xnnpack(interpreter: Any) -> bool:
    """Whether `open_interpreter` had to do without XNNPACK: the runtime's own, slower kernels run all operators."""
    return hasattr(interpreter, _MARK)


def _allocated(model: bytes | memoryview, threads: int, options: dict[str, Any]) -> Any:
    with quiet():
        interpreter = interpreter_module().Interpreter(model_content=model, num_threads=threads, **options)
        interpreter.allocate_tensors()
    return interpreter


def default_threads() -> int:
    """Processors that this process may use, at most 4: more don't help models of this size."""
    return min(4, usage.processors())


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Drop what C++ libraries write to standard error (no setting silences all of it); EDGECNN_TF_LOG=1 keeps it."""
    if os.environ.get("EDGECNN_TF_LOG"):
        yield
        return
    saved, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(null)
