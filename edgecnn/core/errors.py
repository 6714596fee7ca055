"""The exception tree of the whole package: the device's part is in `edgecnn.runtime.errors`, the host's part here."""

from __future__ import annotations

from edgecnn.runtime.errors import (
    CrashError,
    DelegateError,
    EdgecnnError,
    ModelFileError,
    PictureError,
    RecordError,
    RuntimeMissingError,
    UsageError,
)

__all__ = [
    "BoundNotMetError",
    "CameraError",
    "CompilerError",
    "CrashError",
    "DataError",
    "DelegateError",
    "DeviceError",
    "EdgecnnError",
    "MissingExtraError",
    "ModelFileError",
    "PictureError",
    "QuantizationError",
    "RecipeError",
    "RecordError",
    "RuntimeMissingError",
    "UntrustedModelError",
    "UsageError",
    "WeightsError",
]


class RecipeError(UsageError):
    """A recipe has an unknown key, a wrong type or an impossible combination."""


class DataError(EdgecnnError):
    """A data set is missing, empty, or can't be matched with the model's labels."""


class WeightsError(EdgecnnError):
    """Pretrained weights are not at hand, or don't fit the model."""


class UntrustedModelError(EdgecnnError):
    """A model file asks for code (Lambda or custom layers, arbitrary pickles) that edgecnn won't run unasked."""


class QuantizationError(EdgecnnError):
    """A model can't be converted to the scheme that was asked for."""


class BoundNotMetError(EdgecnnError):
    """The work was done, but a bound that was asked for (`--max-drop`, `--min-agreement`) was not met."""


class CompilerError(EdgecnnError):
    """An accelerator's compiler is not installed, or refuses a model."""


class MissingExtraError(EdgecnnError):
    """A library of an optional extra is not installed."""


class DeviceError(EdgecnnError):
    """A board can't be reached, lacks something, or lost the connection."""


class CameraError(EdgecnnError):
    """A frame source can't be opened, or a view of the demo can't be shown."""
