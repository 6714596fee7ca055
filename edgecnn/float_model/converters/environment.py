"""A converter's own virtual environment in edgecnn's cache, made once, and the programs that run in it."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgecnn.core.cache import cached
from edgecnn.core.errors import MissingExtraError
from edgecnn.core.files import sha256
from edgecnn.core.progress import Progress
from edgecnn.core.text import printable
from edgecnn.runtime.portable import environments

PROGRAMS = Path(__file__).parent / "programs"
"""Folder of the programs that run in such environments."""
_OF_WINDOWS = ("SYSTEMROOT", "USERPROFILE", "LOCALAPPDATA", "APPDATA", "TEMP", "TMP", "PATHEXT")
_KEPT_VARIABLES = ("PATH", "HOME", "TMPDIR", "LANG", "LD_LIBRARY_PATH", "TF_CPP_MIN_LOG_LEVEL", *_OF_WINDOWS)


@dataclass(frozen=True)
class Environment:
    """What a converter needs.

    Attributes:
        name: of the converter's package.
        requirements: for pip; the converter itself pins what it needs.
        size_bytes: about as large as it becomes.
        otherwise: what to do where it can't be made, in a sentence.
    """

    name: str
    requirements: tuple[str, ...]
    size_bytes: int
    otherwise: str

    def python(self, progress: Progress) -> Path:
        """Its Python; the environment is made where there is none.

        Raises:
            MissingExtraError: pip can't fetch the packages.
            DataError: the cache folder can't be written, or the disk is full.
        """
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        digest = sha256("\n".join((version, *self.requirements)).encode())[:12]

        def fill(folder: Path) -> None:
            progress(f"Making an environment for {self.name}: once, {self.size_bytes / 1e9:.0f} GB", 0, 0)
            self._fill(folder, version)

        return cached(f"environment-{self.name}-{digest}", self.size_bytes, _python_of, fill)

    def command(self, program: str, words: Sequence[str], progress: Progress) -> list[str]:
        """The words that start one of `programs` in it. Errors as of `python`."""
        return [str(self.python(progress)), "-I", str(PROGRAMS / program), *words]

    def _fill(self, folder: Path, version: str) -> None:
        venv.create(folder, symlinks=environments.LINKS, with_pip=True)
        words = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", *self.requirements]
        done = subprocess.run([str(_python_of(folder)), *words], capture_output=True, text=True, env=_pip_variables())
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or [done.stderr.strip()]
            raise MissingExtraError(
                f"{self.name} can't be installed for Python {version}: {printable(lines[0])[:200]} It needs a network, "
                f"and pip's package index. {self.otherwise}"
            )


def _python_of(folder: Path) -> Path:
    python = environments.python(folder)
    python.stat()
    return python


def variables() -> dict[str, str]:
    """What a program in such an environment may know of this process's: no paths to other packages."""
    return {key: value for key, value in os.environ.items() if key in _KEPT_VARIABLES}


def _pip_variables() -> dict[str, str]:
    """All but what would let pip see this environment's packages."""
    return {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")}
