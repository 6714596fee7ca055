"""How far a job is, told by a process here or by a board; what a hostile one says is bounded."""

from __future__ import annotations

import os
from typing import Any

import pytest
import tiny_models

from edgecnn.devices import known, open_device
from edgecnn.devices.child import Complaints
from edgecnn.profiling import profile
from edgecnn.profiling.sustained import sustain

Step = tuple[str, int, int]


def heard(text: bytes) -> tuple[list[Step], str]:
    """The steps that lines of standard error tell, and the lines that are none."""
    reader, writer = os.pipe()
    os.write(writer, text)
    os.close(writer)
    steps: list[Step] = []
    with os.fdopen(reader, "rb", buffering=0) as stream:
        complaints = Complaints(stream, progress=lambda *step: steps.append(step))
        return steps, complaints.text()


def test_lines_of_progress_are_steps_and_nothing_else() -> None:
    assert heard(b"\nprogress: 3 10 Measuring m.tflite\nother\n") == ([("Measuring m.tflite", 3, 10)], "other")


@pytest.mark.parametrize(
    "line",
    [b"progress: ", b"progress: 1 2", b"progress: x 2 a", b"progress: -1 2 a", b"progress: 1 99999999999999 a",
     "progress: ² 2 a".encode()],
)  # fmt: skip
def test_what_makes_no_sense_is_no_progress(line: bytes) -> None:
    assert heard(line + b"\n") == ([], "")


def test_a_step_is_printable_short_and_within_its_total() -> None:
    (step,), _ = heard(b"progress: 50 10 \x1b[2J" + b"x" * 3000 + b"\n")
    assert step[1:] == (10, 10) and len(step[0]) == 200 and "\x1b" not in step[0]


def _check(steps: list[Step], stages: list[str]) -> None:
    for stage in stages:
        found = [step for step in steps if step[0].startswith(stage)]
        assert found[0][1] == 0 and found[-1][1] == found[-1][2], stage


def test_measuring_here_tells_how_far_it_is() -> None:
    steps: list[Step] = []
    with open_device(progress=lambda *step: steps.append(step)) as device:
        profile(tiny_models.classifier(), device, threads=1, runs=5)
        sustain(tiny_models.classifier(), device, 1, threads=1)
    _check(steps, ["Measuring tiny8.tflite, 1 thread", "Running tiny8.tflite without a pause"])


def test_a_board_tells_how_far_it_is(pi: Any) -> None:
    known.add(known.Entry("board", pi.target, str(pi.ssh_config)))
    steps: list[Step] = []
    with open_device("board", lambda text: None, lambda *step: steps.append(step)) as device:
        profile(tiny_models.classifier(), device, threads=1, runs=5)
    _check(steps, ["Measuring tiny8.tflite, 1 thread"])
