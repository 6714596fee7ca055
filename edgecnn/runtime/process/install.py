"""Make the board's own virtual environment, whole or not at all. Standard library only."""

from __future__ import annotations

import os
import shutil
import subprocess
import venv
import zipfile
from pathlib import Path
from typing import Any

from .. import home
from ..errors import EdgecnnError
from ..portable import environments
from ..zips import DAMAGED_ZIP


def install(target: str, wheels: list[str], requirements: list[str], system_packages: bool = False) -> dict[str, Any]:
    """Create a virtual environment at `target` in place of an older one.

    Args:
        target: its folder.
        wheels: files to unpack into it, brought here by the host.
        requirements: instead of wheels: what pip should fetch from here.
        system_packages: whether it also sees what apt has installed.

    Raises:
        EdgecnnError: the disk is full, or pip can't fetch something.
    """
    place = home.expanded(target)
    new, old = place.with_name(f"{place.name}.new"), place.with_name(f"{place.name}.old")
    try:
        shutil.rmtree(new, ignore_errors=True)
        place.parent.mkdir(parents=True, exist_ok=True)
        venv.create(new, symlinks=environments.LINKS, with_pip=bool(requirements), system_site_packages=system_packages)
        for wheel in wheels:
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(_site_packages(new))
        if requirements:
            _pip(new, requirements)
        _put(new, place, old)
    except (OSError, *DAMAGED_ZIP, subprocess.CalledProcessError) as error:
        raise EdgecnnError(
            f"Can't create the virtual environment {place}: {error}. Check the free space and permissions. An "
            "earlier environment there is unchanged."
        ) from error
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return {"python": str(environments.python(place))}


def _put(new: Path, place: Path, old: Path) -> None:
    """Rename `new` to `place`; what was there before waits at `old`, to come back if that fails."""
    if place.exists():
        shutil.rmtree(old, ignore_errors=True)
        place.rename(old)
    try:
        new.rename(place)
    except OSError:
        if old.exists():
            old.rename(place)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _site_packages(environment: Path) -> Path:
    return next(environment.glob(environments.SITE_PACKAGES))


def _pip(environment: Path, requirements: list[str]) -> None:
    command = [str(environments.python(environment)), "-m", "pip", "install", "--only-binary=:all:", "--no-deps"]
    done = subprocess.run(
        [*command, "--disable-pip-version-check", "--quiet", "--retries=1", "--timeout=10", *requirements],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": ""},
    )
    if done.returncode:
        raise EdgecnnError(f"pip on the board can't download {', '.join(requirements)}: {done.stderr.strip()[-300:]}")
