"""The errors that a user can cause. Each message says what was received, what was expected and how to mend it."""

from __future__ import annotations

OUT_OF_MEMORY = "Out of memory while running the model. Use a smaller model, or free memory."


class EdgecnnError(Exception):
    """Base of every error that edgecnn raises on purpose; the command line prints its message without a traceback."""

    exit_status = 1


class UsageError(EdgecnnError):
    """The request itself is wrong: an unknown name, an impossible combination, a missing option."""

    exit_status = 2


class ModelFileError(EdgecnnError):
    """A model file is missing, damaged, or not of the kind that was asked for."""


class OutputValueError(ModelFileError):
    """A model's output for an image holds NaN or infinite values."""


class RecordError(ModelFileError):
    """A contract, or another record in a file, has a value that can't stand there."""


class PictureError(EdgecnnError):
    """An image can't be read or decoded."""


class RuntimeMissingError(EdgecnnError):
    """No TFLite runtime (or no OpenCV, where images are decoded) is installed."""


class CrashError(EdgecnnError):
    """A child process died or hung while it worked on a model; the caller lives on."""


class DelegateError(EdgecnnError):
    """A delegate's library or device can't be used, or the model isn't made for it."""


_KINDS = (
    UsageError,
    ModelFileError,
    OutputValueError,
    RecordError,
    PictureError,
    RuntimeMissingError,
    CrashError,
    DelegateError,
)
KINDS: dict[str, type[EdgecnnError]] = {kind.__name__: kind for kind in _KINDS}
"""What an error of another process may be raised as again here."""


def of_kind(name: str, message: str) -> EdgecnnError:
    """The error that another process names by its class; one that isn't in `KINDS` is an `EdgecnnError`."""
    return KINDS.get(name, EdgecnnError)(message)
