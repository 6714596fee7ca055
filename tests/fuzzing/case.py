"""One case of the fuzzer: files and a command, written to a folder; and what a target that makes them looks like."""

from __future__ import annotations

import os
import random
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Case:
    """Files of a stranger, and the command that reads them.

    Attributes:
        words: of the command, after `edgecnn`; paths are relative to the case's folder.
        files: contents by path; a text names what is no regular file: "fifo", "folder", or "link:" and its target.
        environment: variables to set; `{folder}` in a value is the case's folder.
        pages: files that the command may write and that are checked for interpreted HTML.
    """

    words: Sequence[str]
    files: Mapping[str, bytes | str]
    environment: Mapping[str, str] = field(default_factory=dict)
    pages: tuple[str, ...] = ()

    def write(self, folder: Path) -> None:
        """Write the files."""
        for name, content in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, str):
                _make_special(path, content)
                continue
            path.write_bytes(content)
            if content.startswith(b"#!"):
                path.chmod(0o755)

    def line(self) -> str:
        """The command line that shows it again in the case's folder."""
        values = (f'{name}="{value.format(folder="$PWD")}"' for name, value in self.environment.items())
        return " ".join((*values, "edgecnn", shlex.join(self.words)))


def _make_special(path: Path, kind: str) -> None:
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(kind.removeprefix("link:"))


class Target(Protocol):
    """A kind of input that comes from strangers; `targets/NAME.py` has a class `Fuzz`.

    Attributes:
        HOST: whether its commands need TensorFlow.
    """

    HOST: bool

    def __init__(self, corpus: Sequence[Path]) -> None:
        """Args:
        corpus: files to start from beside those that the target makes itself.
        """

    def case(self, draw: random.Random) -> Case:
        """A case; the same for the same state of `draw`."""
