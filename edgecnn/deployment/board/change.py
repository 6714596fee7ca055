"""Installs, updates, rolls back and removes a deployment, as the user whose it is or as root."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from edgecnn.core.errors import DeviceError
from edgecnn.deployment.board import packages, unit
from edgecnn.deployment.board.places import Places
from edgecnn.deployment.board.store import CURRENT, PREVIOUS, TRIAL, TURN, Content, Store, put_link
from edgecnn.deployment.board.systemd import Manager

_LINGER = ".lingers"
_LOG_LINES = 12
_STOP_S = 2.0 * unit.STOP_S + 30


class Deployment:
    """One deployment on this board.

    Args:
        places: where it lies.
        note: told what a person who waits wants to know.
    """

    def __init__(self, places: Places, note: Callable[[str], None] = lambda text: None) -> None:
        self.places = places
        self.store = Store(places.root, private=not places.system)
        self.manager = Manager(places.system)
        self._note = note

    def install(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Put a version beside the others, switch to it, and go back if it doesn't come up.

        Raises:
            DeviceError: it can't be written, or did not come up; what ran before runs again.
        """
        self.manager.call("--version")  # without systemd nothing is written
        with self.store.locked():
            try:
                digest = self._staged(request)
                self._take_over(digest)
                self._prune()
            except OSError as error:
                raise DeviceError(
                    f"Can't write {self.places.root}: {error.strerror or error}. Check the free space and permissions; "
                    "what ran before was not changed."
                ) from error
            return self._state()

    def rollback(self) -> dict[str, Any]:
        """Switch to the version before, as to a new one.

        Raises:
            DeviceError: there is none, or it did not come up.
        """
        with self._existing():
            previous = self.store.linked(PREVIOUS)
            if not previous or previous == self.store.linked(CURRENT) or not self.store.folder(previous).is_dir():
                raise DeviceError(f"The deployment {self.places.name} has no earlier version to go back to.")
            self._take_over(previous)
            return self._state()

    def start(self) -> dict[str, Any]:
        """Start the service, now and at boot.

        Raises:
            DeviceError: it does not come up.
        """
        with self._existing():
            put_link(self.places.boot_link, f"../{self.places.unit}")
            self.manager.call("daemon-reload")
            if not self.manager.restart(self.places.unit):
                raise self._failure("did not start")
            return self._state()

    def stop(self) -> dict[str, Any]:
        """Stop the service, until it is started again; also a boot doesn't."""
        with self._existing():
            self.places.boot_link.unlink(missing_ok=True)
            self.manager.call("daemon-reload")
            self.manager.call("stop", self.places.unit, timeout_s=_STOP_S)
            return self._state()

    def status(self) -> dict[str, Any]:
        """What runs, and since when; doesn't wait for a change that is going on."""
        self._check_exists()
        return self._state()

    def remove(self) -> dict[str, Any]:
        """Leave nothing of it: service, versions, passwords, its cache, copies of its files in ours."""
        with self._existing():
            self._erase()
        return {"name": self.places.name, "system": self.places.system, "state": "removed"}

    def _erase(self) -> None:
        """Service first, then what it stands on."""
        for words in (["stop", self.places.unit], ["clean", "--what=cache", self.places.unit]):
            with contextlib.suppress(DeviceError):
                self.manager.call(*words, timeout_s=_STOP_S)
        self.places.boot_link.unlink(missing_ok=True)
        self.places.unit_link.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.places.boot_link.parent.rmdir()
        for words in (["daemon-reload"], ["reset-failed", self.places.unit]):
            with contextlib.suppress(DeviceError):
                self.manager.call(*words)
        shutil.rmtree(self.places.cache, ignore_errors=True)
        self._forget_copies(set())
        shutil.rmtree(self.places.root)
        self._remove_base()

    def _remove_base(self) -> None:
        """Also the folder around the last deployment, and what it says: that services without a login are our doing."""
        base = self.places.base
        if not base.is_dir() or any(each.is_dir() for each in base.iterdir()):
            return
        if (base / _LINGER).exists():
            self.manager.forget_linger()
            (base / _LINGER).unlink()
        with contextlib.suppress(OSError):
            base.rmdir()

    def _forget_copies(self, kept: set[str]) -> None:
        """Remove what the cache has of versions that go; the program that runs now stays until its end."""
        folders = {folder.name for folder in (self.places.root / "versions").glob("[!.]*")}
        used = {sys.argv[0], *(copy for digest in kept for copy in self.store.copies(digest))}
        for copy in {copy for digest in folders for copy in self.store.copies(digest)} - used:
            Path(copy).unlink(missing_ok=True)

    @contextlib.contextmanager
    def _existing(self) -> Iterator[None]:
        self._check_exists()
        with self.store.locked():
            yield

    def _check_exists(self) -> None:
        if not self.places.root.is_dir():
            whose = "the system" if self.places.system else "this user"
            raise DeviceError(
                f"There is no deployment {self.places.name} of {whose}. `edgecnn deploy status` lists what there is."
            )

    def _staged(self, request: Mapping[str, Any]) -> str:
        files = {name: _content(name, each) for name, each in request["files"].items()}
        python, site = packages.of_service(self.places)
        service = unit.Service(
            python, request["title"], str(site or ""), packages.known_groups(request["groups"]), request["devices"],
            [Path(name).name for name in files if name.startswith(f"{unit.CREDENTIALS}/")],
        )  # fmt: skip
        files["turn"] = Content(TURN.encode())
        files[self.places.unit] = Content(unit.text(self.places, service).encode())
        copies = [each["path"] for each in request["files"].values() if "path" in each]
        manifest = {"model": request["model"], "copies": copies, "at": int(time.time()), "packages": str(site or "")}
        return self.store.stage(files, manifest)

    def _take_over(self, digest: str) -> None:
        """Switch and start; systemd itself goes back if the version fails, also when we are killed meanwhile."""
        self._let_linger()
        before = self.store.switch(digest)
        try:
            if self._comes_up(digest):
                return
        except (DeviceError, OSError):
            self.store.back()
            raise
        failure = self._failure("did not come up", digest)
        self.store.back()
        if before is None:
            self._erase()  # it would fail again at every boot
            raise DeviceError(f"{failure}There was no version before it: nothing was deployed.")
        self.manager.call("daemon-reload")
        runs = self.manager.restart(self.places.unit) and self.store.linked(CURRENT) == before
        raise DeviceError(f"{failure}{'The version before it runs again.' if runs else 'The one before fails too.'}")

    def _comes_up(self, digest: str) -> bool:
        """Start what is current; whether it is ready, and still current then."""
        put_link(self.places.unit_link, str(self.places.root / CURRENT / self.places.unit))
        put_link(self.places.boot_link, f"../{self.places.unit}")
        self.manager.call("daemon-reload")
        self._note("Starting the service ...")
        return self.manager.restart(self.places.unit) and self.store.linked(CURRENT) == digest

    def _prune(self) -> None:
        """Remove what neither this version nor the one before needs."""
        kept = self.store.kept()
        self._forget_copies(kept)
        self.store.prune()
        packages.prune(self.places.root, {str(self.store.manifest(digest).get("packages", "")) for digest in kept})

    def _failure(self, what: str, digest: str = "") -> DeviceError:
        log = "\n".join(self.manager.log(self.places.unit, _LOG_LINES))
        version = f" (version {digest})" if digest else ""
        return DeviceError(f"The service {self.places.unit}{version} {what}. Its last messages:\n{log or '(none)'}\n")

    def _let_linger(self) -> None:
        if self.places.system:
            return
        mark = self.places.base / _LINGER
        if self.manager.let_linger():
            mark.touch()

    def _state(self) -> dict[str, Any]:
        current, shown = self.store.linked(CURRENT), self.manager.show(self.places.unit)
        return {
            "name": self.places.name,
            "system": self.places.system,
            "state": shown.get("ActiveState", "unknown"),
            "detail": shown.get("StatusText", ""),
            "since": shown.get("ActiveEnterTimestamp", ""),
            "restarts": int(shown.get("NRestarts", "0") or 0),
            "version": current or "",
            "model": str(self.store.manifest(current).get("model", "")),
            "previous": self.store.linked(PREVIOUS) or "",
            "on_trial": (self.places.root / TRIAL).is_symlink(),
            "at_boot": self.places.boot_link.is_symlink(),
        }


def _content(name: str, described: Mapping[str, Any]) -> Content:
    """A file that came with the request, or that lies in the cache.

    Raises:
        DeviceError: it isn't what was sent.
    """
    if "data" in described:
        return Content(base64.b64decode(described["data"]), bool(described.get("secret")))
    data = Path(described["path"]).read_bytes()
    if hashlib.sha256(data).hexdigest() != described["sha256"]:
        with contextlib.suppress(OSError):
            Path(described["path"]).unlink()
        raise DeviceError(f"The copy of {name} on the board is damaged; it was removed. Deploy again.")
    return Content(data)
