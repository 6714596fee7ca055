"""The page's Train button: `edgecnn train` as a child process, with its progress, until it ends or is cancelled."""

from __future__ import annotations

import contextlib
import re
import shlex
import subprocess
import sys
import threading
from collections import deque
from pathlib import Path
from typing import Any

from edgecnn.core.errors import EdgecnnError, UsageError
from edgecnn.core.text import printable
from edgecnn.runtime.portable.processes import OWN_SESSION

IDLE, RUNNING, DONE, FAILED, CANCELLED = "idle", "running", "done", "failed", "cancelled"
_PROGRAM = (sys.executable, "-m", "edgecnn")
_KEPT_LINES = 60
_LONGEST_LINE = 400
_GRACE_S = 10.0
_EPOCHS = re.compile(r"epoch (\d+) of (\d+)")
_PROGRESS = re.compile(r"(\d+)/(\d+)(?:, .* left)?$")


class Training:
    """Trains on a folder.

    Args:
        data: the folder of class folders.
        base: a Keras file, or the name of a model.
    """

    def __init__(self, data: Path, base: str) -> None:
        beside = str(data).rstrip("/\\")
        self.output = f"{beside}.keras"
        is_file = Path(base).suffix in (".keras", ".h5") or Path(base).exists()
        start = base if is_file else f"{beside}.base.keras"
        self._steps = [["train", start, "--data", str(data), "-o", self.output]]
        if not is_file and not Path(start).exists():
            self._steps.insert(0, ["build", base, "--weights", "imagenet", "-o", start])
        self.next = shlex.join(
            ["edgecnn", "quantize", self.output, "-o", f"{beside}.tflite", "--calibration", str(data)]
        )
        self._lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self._state = IDLE
        self._turn = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._thread: threading.Thread | None = None

    @property
    def command(self) -> str:
        """What a person would type."""
        return " && ".join(shlex.join(["edgecnn", *step]) for step in self._steps)

    def start(self) -> None:
        """Begin.

        Raises:
            UsageError: it runs already.
        """
        with self._turn:
            if self._state == RUNNING:
                raise UsageError("The training runs already.")
            self._state = RUNNING
            self._lines.clear()
            self._thread = threading.Thread(target=self._run, name="train", daemon=True)
            self._thread.start()

    def cancel(self) -> None:
        """End it; the same command resumes it."""
        with self._turn:
            if self._state != RUNNING:
                return
            self._state = CANCELLED
            process = self._process
        if process is not None:
            process.terminate()
            try:
                process.wait(_GRACE_S)
            except subprocess.TimeoutExpired:
                process.kill()
        if self._thread is not None:
            self._thread.join(_GRACE_S)

    def state(self) -> dict[str, Any]:
        """For the page: its state, the command, the last lines, and how far the stage at hand is."""
        lines = list(self._lines)
        last = lines[-1] if lines else ""
        found = _EPOCHS.search(last) or _PROGRESS.search(last)
        done, total = (int(found[1]), int(found[2])) if found else (0, 0)
        return {
            "state": self._state, "command": self.command, "lines": lines[-12:], "last": last, "done": done,
            "total": total, "output": self.output, "next": self.next,
        }  # fmt: skip

    def _run(self) -> None:
        try:
            for step in self._steps:
                if self._state != RUNNING:
                    return
                if (status := self._run_step(step)) and self._state == RUNNING:
                    self._lines.append(f"edgecnn {step[0]} ended with status {status}.")
                    self._state = FAILED
                    return
            if self._state == RUNNING:
                self._state = DONE
        except (OSError, EdgecnnError) as error:
            self._lines.append(str(error))
            self._state = FAILED

    def _run_step(self, step: list[str]) -> int:
        with subprocess.Popen(
            [*_PROGRAM, *step], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, encoding="utf-8", errors="replace", **OWN_SESSION,
        ) as process:  # fmt: skip
            with self._turn:
                self._process = process
                if self._state != RUNNING:  # cancelled meanwhile
                    process.terminate()
            assert process.stdout
            with contextlib.suppress(ValueError):
                for line in process.stdout:
                    if text := printable(line.strip())[:_LONGEST_LINE]:
                        self._lines.append(text)
        return process.returncode
