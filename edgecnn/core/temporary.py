"""Temporary folders that don't stay: one of a process that was killed is removed by the next process that makes one."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from edgecnn.core.errors import EdgecnnError
from edgecnn.runtime.portable import processes

_NAME = re.compile(r"edgecnn-(\d+)-(\d+)-(\d+)-\w+")  # process namespace, process, when that started


def folder() -> tempfile.TemporaryDirectory[str]:
    """A new folder under TMPDIR, for a `with` block, or until its `cleanup`.

    Raises:
        EdgecnnError: there is no place for temporary files.
    """
    with writing("a temporary folder"):
        _remove_leftovers(tempfile.gettempdir())
        prefix = f"edgecnn-{_namespace()}-{os.getpid()}-{_started(os.getpid())}-"
        return tempfile.TemporaryDirectory(prefix=prefix)


@contextlib.contextmanager
def of_libraries() -> Iterator[None]:
    """Let what libraries put into temporary files lie in a folder of ours; theirs would stay when they are stopped."""
    before = tempfile.tempdir
    with folder() as name:
        tempfile.tempdir = name
        try:
            yield
        finally:
            tempfile.tempdir = before


@contextlib.contextmanager
def writing(what: str) -> Iterator[None]:
    """Write a temporary file.

    Raises:
        EdgecnnError: the disk is full, or the folder can't be written.
    """
    try:
        yield
    except OSError as error:
        place = tempfile.tempdir or os.environ.get("TMPDIR", "the folder for temporary files")
        reason = error.strerror or error
        raise EdgecnnError(
            f"Can't write {what} to {place}: {reason}. Free some space there, or set TMPDIR to another folder."
        ) from error


@functools.cache
def _remove_leftovers(place: str) -> None:
    """Once in a process: remove our folders whose process is gone, in so far as they are this user's."""
    for entry in os.scandir(place):
        made = _NAME.fullmatch(entry.name)
        if not made or not entry.is_dir(follow_symlinks=False):
            continue
        space, process, started = map(int, made.groups())
        with contextlib.suppress(OSError):
            owner = entry.stat(follow_symlinks=False).st_uid
            if (space, owner) == (_namespace(), processes.user()) and _started(process) != started:
                shutil.rmtree(entry.path, ignore_errors=True)


def _namespace() -> int:
    """Which processes the numbers count: containers that share a folder for temporary files have their own numbers."""
    try:
        return Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        return 0


def _started(process: int) -> int | None:
    """When a process started, in the kernel's ticks, 0 where the system doesn't tell; None if it is gone."""
    if Path("/proc/self/stat").exists():
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{process}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
            return None if fields[0] in "ZX" else int(fields[19])
        return None
    return 0 if processes.is_alive(process) else None
