"""Versions of a deployment on disk. Each lies in a folder of its own, whole or not at all; links say which one runs.

    versions/DIGEST/    files of a version, named by the digest of their content
    current             -> the version that the service starts
    trial               -> the version that comes back if `current` doesn't come up; only until it has
    previous            -> the version before `current`, for a rollback

Every step is one rename(2), so whatever is killed at whatever moment, a whole version is current. What becomes of a
trial is decided by the service manager, which outlives whoever deploys: see `TURN`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from edgecnn.core.errors import DeviceError
from edgecnn.runtime.portable import locks

CURRENT, TRIAL, PREVIOUS = "current", "trial", "previous"
MANIFEST = "version.json"
_VERSIONS, _HALF, _LOCK = "versions", ".half-", ".lock"
_DIGITS = 16
_LOCK_WAIT_S = 600.0

TURN = """\
# Run by the service manager, in a version's folder: `begin` before the service starts, `keep` once it is ready, `end`
# when it ended. A version on trial that is ready is kept; one that fails before makes room for the one before it.
here=$(basename "$(pwd -P)")
cd ../.. || exit 1
current=$(readlink current)
case $1 in
begin)
  echo "$here" >.running.new && mv -f .running.new running ;;
keep)
  if [ -L trial ] && [ "$current" = "versions/$here" ]; then mv -fT trial previous; fi ;;
end)
  if [ -L trial ] && [ "$SERVICE_RESULT" != success ] && [ "$current" = "versions/$(cat running)" ]; then
    mv -fT trial current && systemctl $2 daemon-reload
  fi ;;
esac
exit 0
"""


@dataclass(frozen=True)
class Content:
    """A file of a version.

    Attributes:
        data: its content.
        secret: whether only its owner may read it.
    """

    data: bytes
    secret: bool = False


class Store:
    """The folder of a deployment.

    Args:
        root: it.
        private: whether only its owner may read it.
    """

    def __init__(self, root: Path, private: bool) -> None:
        self.root = root
        self._private = private

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other deployers out; the kernel lets go of the lock however we end.

        Raises:
            DeviceError: another one holds it for too long.
        """
        handle, end = self._open_lock(), time.monotonic() + _LOCK_WAIT_S
        try:
            while not (locks.take(handle) and self._is_lock(handle)):
                if time.monotonic() > end:
                    raise DeviceError(
                        f"Another deployment to {self.root} has been running for {_LOCK_WAIT_S:.0f} s. Wait for it "
                        "to finish."
                    )
                time.sleep(0.1)
                os.close(handle)
                handle = self._open_lock()
            yield
        finally:
            os.close(handle)

    def _open_lock(self) -> int:
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700 if self._private else 0o755)
        return os.open(self.root / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)

    def _is_lock(self, handle: int) -> bool:
        """Whether the file has not been removed meanwhile, with the deployment."""
        with contextlib.suppress(OSError):
            return os.fstat(handle).st_ino == (self.root / _LOCK).stat().st_ino
        return False

    def linked(self, name: str) -> str | None:
        """The digest that a link leads to; None where there is no such link."""
        with contextlib.suppress(OSError):
            return (self.root / name).readlink().name
        return None

    def folder(self, digest: str) -> Path:
        """Of a version."""
        return self.root / _VERSIONS / digest

    def stage(self, files: Mapping[str, Content], manifest: Mapping[str, object]) -> str:
        """Write a version beside the others, if it isn't there; returns its digest.

        Raises:
            OSError: the disk is full, or can't be written.
        """
        sums = {name: hashlib.sha256(content.data).hexdigest() for name, content in sorted(files.items())}
        digest = hashlib.sha256(json.dumps(sums).encode()).hexdigest()[:_DIGITS]
        (self.root / _VERSIONS).mkdir(parents=True, exist_ok=True)
        for leftover in (self.root / _VERSIONS).glob(f"{_HALF}*"):
            shutil.rmtree(leftover)
        if self.folder(digest).is_dir():
            return digest
        half = self.root / _VERSIONS / f"{_HALF}{digest}"
        try:
            half.mkdir()
            for name, content in files.items():
                self._write(half / name, content)
            self._write(half / MANIFEST, Content(json.dumps({**manifest, "sha256": sums}).encode()))
            half.rename(self.folder(digest))
        except OSError:
            shutil.rmtree(half, ignore_errors=True)
            raise
        _settle(self.root / _VERSIONS)
        return digest

    def _write(self, path: Path, content: Content) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = 0o600 if content.secret or self._private else 0o644
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as stream:
            stream.write(content.data)
            stream.flush()
            os.fsync(stream.fileno())

    def manifest(self, digest: str | None) -> dict[str, object]:
        """What was written of a version; empty where there is none."""
        with contextlib.suppress(OSError, ValueError):
            if digest:
                values: dict[str, object] = json.loads((self.folder(digest) / MANIFEST).read_bytes())
                return values
        return {}

    def switch(self, digest: str) -> str | None:
        """Make a version current, on trial; returns the one that comes back if it fails, None for the first.

        Where a trial was never decided, because its deployer was killed before the service was started again, the
        version before it is still the good one.
        """
        good = self.linked(TRIAL) or self.linked(CURRENT)
        if good and good != digest:
            self._link(TRIAL, good)
        self._link(CURRENT, digest)
        if good == digest:
            (self.root / TRIAL).unlink(missing_ok=True)
        return good if good != digest else None

    def back(self) -> None:
        """End a trial that the service manager could not end: by its own `TURN`, the same rename."""
        with contextlib.suppress(FileNotFoundError):
            (self.root / TRIAL).rename(self.root / CURRENT)
            _settle(self.root)

    def kept(self) -> set[str]:
        """Versions that a link leads to."""
        return {digest for digest in map(self.linked, (CURRENT, TRIAL, PREVIOUS)) if digest}

    def copies(self, digest: str) -> list[str]:
        """Where the cache has the files of a version."""
        found = self.manifest(digest).get("copies")
        return [str(each) for each in found] if isinstance(found, list) else []

    def prune(self) -> None:
        """Remove all other versions."""
        kept = self.kept()
        for folder in (self.root / _VERSIONS).iterdir():
            if folder.name not in kept:
                gone = folder.with_name(f"{_HALF}{folder.name}")
                folder.rename(gone)
                shutil.rmtree(gone)

    def _link(self, name: str, digest: str) -> None:
        put_link(self.root / name, f"{_VERSIONS}/{digest}")


def put_link(path: Path, target: str) -> None:
    """Make a symbolic link in place of another one, by one rename; nothing where it is there already."""
    if path.is_symlink() and str(path.readlink()) == target:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    new.symlink_to(target)
    new.rename(path)
    _settle(path.parent)


def _settle(folder: Path) -> None:
    """Bring what was renamed in a folder to the disk, before what depends on it."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
