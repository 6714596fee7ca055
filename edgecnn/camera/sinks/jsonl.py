"""JSON lines: what `--headless` prints, appended to a file."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from edgecnn.camera.sink import Event, SinkError, SinkOptions, Surroundings
from edgecnn.core.errors import EdgecnnError
from edgecnn.core.options import option
from edgecnn.runtime.portable import files

SUMMARY = "JSON lines in a file: every answer or, with a rule, every event"
EXAMPLE = "jsonl:answers.jsonl"
ARGUMENT = "file"


@dataclass(frozen=True)
class Options(SinkOptions):
    """Where to write."""

    file: Path = option("File that lines are appended to.", Path("answers.jsonl"), writes=True)


def every_answer(options: Options) -> bool:
    """Without a rule of its own."""
    return not options.when


class JsonFile:
    """An open file; whatever happens to the disk, no line is appended to half a line."""

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._torn = False
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._stream = open(path, "ab", buffering=0, opener=_without_waiting)  # noqa: SIM115
        except OSError as error:
            raise EdgecnnError(
                f"Can't write {path}: {error.strerror}. Choose another file for --sink jsonl."
            ) from error

    def send(self, event: Event) -> None:
        """Append a line."""
        text = json.dumps(event.record, ensure_ascii=False).encode("utf-8", "backslashreplace")
        line = (b"\n" if self._torn else b"") + text + b"\n"
        try:
            written = self._stream.write(line) or 0
        except OSError as error:
            raise SinkError(error.strerror) from error
        self._torn = 0 < written < len(line)
        if written < len(line):
            raise SinkError("the file system takes no more")

    def close(self) -> None:
        """Close the file."""
        self._stream.close()


def _without_waiting(path: str, flags: int) -> int:
    """A FIFO that nobody reads is an error, not a pause."""
    return os.open(path, flags | files.AT_ONCE, 0o666)


def open_sink(options: Options, surroundings: Surroundings) -> JsonFile:
    """Open the file."""
    return JsonFile(options.file)
