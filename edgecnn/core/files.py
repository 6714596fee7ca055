"""Files that are whole or absent: everything is written beside its place and renamed into it."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import importlib
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from edgecnn.core.errors import EdgecnnError, RecordError
from edgecnn.runtime.model.json_text import decoded, escape_json, parse_json, printable
from edgecnn.runtime.model.validation import Record
from edgecnn.runtime.portable import files as portable
from edgecnn.runtime.portable import locks, processes
from edgecnn.runtime.regular_file import read_regular

R = TypeVar("R", bound=Record)

_LOCK_WAIT_S = 60.0
_LONGEST_BEGINNING = 160
MAX_RECORD_BYTES = 32 << 20
"""Of a JSON or TOML file; the largest that is written is a hundredth of it."""


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder; on success rename it to `path`, otherwise remove it.

    Raises:
        EdgecnnError: the folder can't be written, or the disk is full.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(path)
        prefix = f".{_beginning(path)}-{os.getpid()}-"
        handle, name = tempfile.mkstemp(prefix=prefix, suffix=f".tmp{path.suffix}", dir=path.parent)
        os.close(handle)
    except OSError as error:
        raise EdgecnnError(f"Can't write {path}: {error.strerror}. {_remedy(error)}") from error
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb+") as stream:  # Windows flushes only what may be written
            os.fsync(stream.fileno())
        temporary.chmod(0o666 & ~_umask())
        portable.replace(temporary, path)
    except OSError as error:
        raise EdgecnnError(
            f"Can't write {path}: {error.strerror or error}. The earlier file, if any, is unchanged. Check the "
            "free space and permissions."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def check_place(path: str | Path) -> None:
    """Refuse a file that can't be written, before the work that makes its content.

    Raises:
        EdgecnnError: its folder can't be written, or the name is too long.
    """
    try:
        with contextlib.suppress(FileNotFoundError):
            Path(path).lstat()
        folder = next(folder for folder in Path(path).absolute().parents if folder.exists())
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, f"{folder} is read-only")
    except OSError as error:
        raise EdgecnnError(f"Can't write {path}: {error.strerror}. {_remedy(error)}") from error


def _remedy(error: OSError) -> str:
    too_long = error.errno == errno.ENAMETOOLONG
    return "Choose a shorter name." if too_long else "Choose a folder that can be written."


@contextlib.contextmanager
def locked(path: str | Path) -> Iterator[None]:
    """Hold a file's lock while it is read, changed and written; waits for whoever holds it.

    The lock is a file of its own beside it, since the file itself is replaced; the kernel lets go of it however the
    process ends.

    Raises:
        EdgecnnError: the folder can't be written, or somebody holds the lock for too long.
    """
    path = Path(path)
    try:
        handle = open_lock(path.with_name(f".{path.name}.lock"))
    except OSError as error:
        raise EdgecnnError(f"Can't lock {path}: {error.strerror}. Choose a folder that can be written.") from error
    try:
        deadline = time.monotonic() + _LOCK_WAIT_S
        while not locks.take(handle):
            if time.monotonic() > deadline:
                raise EdgecnnError(
                    f"Another edgecnn process has been writing to {path} for {_LOCK_WAIT_S:.0f} s. Wait for it to "
                    "finish, or stop it."
                )
            time.sleep(0.02)
        yield
    finally:
        os.close(handle)


def open_lock(path: Path) -> int:
    """A lock's file, made if it is missing, as a descriptor; a FIFO or a link in its place is not waited for.

    Raises:
        OSError: the folder can't be written, or something else has that name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT | portable.AT_ONCE | portable.NO_LINK, 0o600)


def _remove_leftovers(path: Path) -> None:
    """Remove what processes that were killed while they wrote this file left behind."""
    beginning = _beginning(path)
    for leftover in path.parent.glob(f".{beginning}-*-*.tmp{path.suffix}"):
        process = leftover.name[len(beginning) + 2 :].split("-")[0]
        if process.isdigit() and not processes.is_alive(int(process)):
            leftover.unlink(missing_ok=True)


def _beginning(path: Path) -> str:
    """Of the name of a temporary file beside this one, in ASCII: shorter, since a name may have 255 bytes only."""
    return re.sub(r"[^\w.-]", "_", path.stem, flags=re.ASCII)[:_LONGEST_BEGINNING]


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write a whole file or none of it."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: str | Path, text: str) -> None:
    """Write a text in UTF-8, whole or not at all; file names in it are `decoded`."""
    write_bytes(path, decoded(text).encode("utf-8", "replace"))


def write_json(path: str | Path, value: Any) -> None:
    """Write indented JSON, whole or not at all; what UTF-8 can't hold is escaped, so that nothing is lost."""
    write_bytes(path, (escape_json(json.dumps(value, indent=2, ensure_ascii=False)) + "\n").encode())


def read_json(path: str | Path) -> Any:
    """A JSON file's value; None where there is no whole one."""
    try:
        return parse_json(read_regular(path, MAX_RECORD_BYTES))
    except (OSError, RecordError):
        return None


def parse_toml(text: str) -> dict[str, Any]:
    """The values of a TOML text.

    Raises:
        RecordError: it is no TOML, or nested too deeply.
    """
    toml = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        values: dict[str, Any] = toml.loads(text)
    except RecursionError as error:
        raise RecordError("The TOML text is nested too deeply.") from error
    except ValueError as error:
        raise RecordError(f"The text is not valid TOML: {printable(str(error))}.") from error
    return values


def read_record(path: str | Path, kind: type[R], expected: str) -> R:
    """A record from a JSON file.

    Args:
        path: the file.
        kind: of the record.
        expected: what the file should be, for messages: "what `edgecnn verify --json FILE` writes".

    Raises:
        EdgecnnError: the file can't be read, or holds something else.
    """
    try:
        return kind.from_dict(parse_json(read_regular(path, MAX_RECORD_BYTES)))
    except OSError as error:
        raise EdgecnnError(f"Can't read {path}: {error.strerror}. Expected {expected}.") from error
    except RecordError as error:
        raise EdgecnnError(f"Can't read {path}: {error} Expected {expected}.") from error


def same_file(first: str | Path, second: str | Path) -> bool:
    """Whether two paths lead to one file: by links, by another spelling, or before either is there."""
    try:
        return Path(first).samefile(second)
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError):
            return os.path.realpath(first) == os.path.realpath(second)
        return False


def sha256(content: bytes) -> str:
    """Hexadecimal SHA-256."""
    return hashlib.sha256(content).hexdigest()


def file_sha256(path: str | Path) -> str:
    """Hexadecimal SHA-256 of a file's content."""
    with open(path, "rb") as stream:
        return (
            hashlib.file_digest(stream, "sha256").hexdigest()
            if hasattr(hashlib, "file_digest")
            else sha256(stream.read())
        )
