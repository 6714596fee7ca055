"""Standard output and error of a command: closed, full, in any encoding, or left by whoever read them."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterator
from typing import Any

from edgecnn.runtime.model.json_text import decoded

_STANDARD_OUTPUT = "standard output"


class ReaderLeftError(Exception):
    """Whoever read our output went away, as `head` does."""


def prepare() -> None:
    """Make sure that there are standard streams, and that any text can be written to them.

    A descriptor that was closed (`>&-`) would be that of the next file we open, and what libraries print would get into
    that file.
    """
    for number, mode in ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):  # writing to a closed output fails
        try:
            os.fstat(number)
        except OSError:
            _null(number, mode)
    sys.stdin = sys.stdin or os.fdopen(0, closefd=False)
    sys.stdout = _replaced(sys.stdout, _Output(1, "w", closefd=False))
    sys.stderr = _replaced(sys.stderr, _Messages(2, "w", closefd=False))


def _replaced(stream: Any, file: io.FileIO) -> Any:
    """A stream of the same encoding; that of a test or of a notebook stays."""
    if stream is not None and type(stream) is not io.TextIOWrapper:
        return stream
    # In the locale C, which says nothing of an encoding, Python passes bytes through: names of files are UTF-8 mostly.
    encoding = "utf-8" if stream is None or stream.errors == "surrogateescape" else stream.encoding
    return io.TextIOWrapper(io.BufferedWriter(file), encoding, "backslashreplace", line_buffering=True)


class _Output(io.FileIO):
    """Standard output, which is named in its errors."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if sys.platform == "win32" and error.errno == errno.EINVAL:  # its name for a pipe without a reader
                raise BrokenPipeError(errno.EPIPE, error.strerror) from error
            error.filename = _STANDARD_OUTPUT
            raise


class _Messages(io.FileIO):
    """Standard error: a full disk doesn't stop the work, a pipe without a reader does."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            raise
        except OSError:
            return len(data)


@contextlib.contextmanager
def read_by_somebody() -> Iterator[None]:
    """Tell a pipe without a reader from other errors; click would exit with status 1.

    Raises:
        ReaderLeftError: nobody reads what is written in the block.
    """
    try:
        yield
    except BrokenPipeError as error:
        raise ReaderLeftError from error


def explained(error: OSError) -> str:
    """A sentence about an error of the system that nothing else explains."""
    if error.filename == _STANDARD_OUTPUT:
        reason = "it is closed" if error.errno == errno.EBADF else error.strerror
        return f"Can't write to standard output: {reason}. Files that the command writes are complete."
    place = f"{decoded(os.fsdecode(error.filename))}: " if isinstance(error.filename, (str, bytes)) else ""
    remedy = " Raise the limit: ulimit -n 1024." if error.errno in (errno.EMFILE, errno.ENFILE) else ""
    return f"{place}{error.strerror or error}.{remedy}"


def abandon_failed() -> None:
    """Write nothing more to streams that can't be written; Python would complain of them while it exits."""
    for stream, number in ((sys.stdout, 1), (sys.stderr, 2)):
        try:
            stream.flush()
        except (OSError, ValueError):
            _null(number, os.O_WRONLY)


def _null(number: int, mode: int) -> None:
    """Let a descriptor be the null device's."""
    handle = os.open(os.devnull, mode)
    if handle != number:
        os.dup2(handle, number)
        os.close(handle)
