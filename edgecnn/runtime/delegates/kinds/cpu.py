"""The processor, with LiteRT's own XNNPACK kernels: no delegate library."""

from __future__ import annotations

from ...errors import DelegateError, UsageError
from ...model.tflite import TFLiteModel
from ..kind import DelegateSpec, is_compiled

SYNTAX = "cpu"


def spec(argument: str, options: dict[str, str]) -> DelegateSpec:
    """Nothing to load, and nothing to choose."""
    if argument or options:
        raise UsageError("The delegate cpu received an argument or options; expected cpu alone.")
    return DelegateSpec("cpu")


def accepts(model: TFLiteModel) -> None:
    """Any model that is not compiled for an Edge TPU."""
    if is_compiled(model):
        raise DelegateError(
            "The model is compiled for a Coral Edge TPU and can't run on the processor. Use --delegate edgetpu, "
            "or the model file from before compilation."
        )
