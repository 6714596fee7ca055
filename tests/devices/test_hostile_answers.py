"""A board that answers anything: every answer is used as a sound one or is one of edgecnn's errors, and quickly so."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tiny_models
from json_mutants import CONTROL, mutants

from edgecnn.core.errors import CrashError, DeviceError, EdgecnnError, UsageError
from edgecnn.core.text import printable
from edgecnn.devices import answers, batch, check, fix, job, open_device
from edgecnn.devices.answer_records import ANSWERS
from edgecnn.devices.child import Answer, Limits, converse
from edgecnn.graph.cut import cut
from edgecnn.profiling import compare, per_op, per_op_text, profile, sustained, text
from edgecnn.runtime.process.batch import forms
from edgecnn.runtime.run.engine import Interface

FIX = check.Fix("FIX", "FIX --camera")
MUTANTS = 250
"""Of each job's answer."""


class Replayed:
    """A device whose jobs were run before, perhaps by somebody who means no good."""

    name = "board"

    def __init__(self, stdout: str) -> None:
        self.stdout = stdout

    def run(self, name: str, files: Any = (), **options: Any) -> dict[str, Any]:
        return job.result(name, Answer(0, self.stdout, ""), self.name)


def use_check(device: Replayed) -> list[str]:
    inventory = device.run("check")
    plans = []
    for camera in (False, True):
        try:
            plans.append(repr(fix.plan(inventory["system"], camera)))
        except DeviceError as error:
            plans.append(str(error))
    return [*plans, *(f"{found.topic} {found.value} {found.remedy}" for found in check.findings(inventory, FIX))]


def use_measure(device: Replayed) -> list[str]:
    found = profile(MODEL, device)
    return [str(text.table([found])), *text.remarks([found]), json.dumps(found.to_dict(), allow_nan=False)]


def use_compare(device: Replayed) -> list[str]:
    found = compare.compare(MODEL, MODEL, device)
    return [found.sentence(), json.dumps(found.to_dict(), allow_nan=False)]


def use_sustained(device: Replayed) -> list[str]:
    found = sustained.sustain(MODEL, device, 1.0)
    return [*found.sentences(), json.dumps(found.to_dict(), allow_nan=False)]


def use_per_op(device: Replayed) -> list[str]:
    found = per_op.measure(MODEL, device)
    return [str(per_op_text.table(found)), *found.remarks, json.dumps(found.to_dict(), allow_nan=False)]


MODEL = tiny_models.classifier()
USES: dict[str, Callable[[Replayed], list[str]]] = {
    "check": use_check,
    "compare": use_compare,
    "info": lambda device: [json.dumps(device.run("info"))],
    "measure": use_measure,
    "per_op": use_per_op,
    "sustained": use_sustained,
}


@pytest.fixture(scope="session")
def recorded() -> dict[str, dict[str, Any]]:
    """What this machine answers to each job, as JSON values."""
    parts = dataclasses.replace(MODEL, data=cut(MODEL))
    runs = {"runs": 12, "warmup": 1, "threads": [1], "budget": 5}
    with open_device() as device:
        return {
            "info": device.run("info"),
            "check": device.run("check"),
            "measure": device.run("measure", [MODEL], **runs),
            "compare": device.run("compare", [MODEL, MODEL], **runs),
            "sustained": device.run("sustained", [MODEL], seconds=1.2, warmup=1, threads=1),
            "per_op": device.run("per_op", [MODEL, parts], **runs),
        }


@pytest.mark.parametrize("name", sorted(USES))
def test_a_sound_answer_is_taken(recorded: dict[str, Any], name: str) -> None:
    """The check loses nothing of it."""
    stdout = json.dumps(recorded[name])
    assert answers.read(name, stdout, "board") == json.loads(stdout)
    assert USES[name](Replayed(stdout))


@pytest.mark.parametrize("name", sorted(USES))
def test_mutants(recorded: dict[str, Any], name: str) -> None:
    """No traceback, no control character, whatever is put into an answer."""
    refused = 0
    for number, stdout in enumerate(mutants(recorded[name], MUTANTS, seed=name)):
        try:
            said = USES[name](Replayed(stdout))
        except EdgecnnError as error:
            said = [str(error)]
            refused += 1
        except Exception as error:
            pytest.fail(f"mutant {number} of {name}: {error!r}: {stdout[:3000]}")
        for line in said:
            assert not CONTROL.search(line), f"mutant {number} of {name} writes {line[:200]!a}"
            line.encode()
    assert refused > MUTANTS / 4, "the mutations reach what matters"


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        ({"kind": "UsageError", "message": "no"}, UsageError, "no"),
        ({"kind": "CrashError", "message": "line 1\nline 2"}, CrashError, "line 1\n  line 2"),
        ({"kind": "printable", "message": "a name of that module"}, EdgecnnError, "a name of"),
        ({"kind": "__builtins__", "message": "x"}, EdgecnnError, "x"),
        ({"kind": "BoundNotMetError", "message": "none that a board has"}, EdgecnnError, "none that"),
        ({"kind": "DeviceError", "message": "\x1b]0;title\x07\x1b[31mred"}, DeviceError, "\ufffd[31mred"),
        ({"kind": "DeviceError", "message": "x" * 10**6}, DeviceError, "xxx"),
        ({"kind": ["UsageError"], "message": "x"}, DeviceError, "an error with invalid data"),
        ({"kind": "UsageError"}, DeviceError, "an error with invalid data"),
        ("UsageError", DeviceError, "an error with invalid data"),
        (None, DeviceError, "an error with invalid data"),
    ],
)
def test_errors(error: Any, kind: type[EdgecnnError], words: str) -> None:
    """They come from a list, and their text is only text."""
    with pytest.raises(EdgecnnError) as caught:
        answers.read("info", json.dumps({"error": error}), "board")
    assert type(caught.value) is kind and words in str(caught.value)
    assert len(str(caught.value)) < 5000 and not CONTROL.search(str(caught.value))


def test_printable() -> None:
    """One line, nothing that a terminal obeys; bytes that are no text by their number; everything else stays."""
    assert printable("Café \u4e2d\u6587 \U0001f600 a\tb\r\nc") == "Café \u4e2d\u6587 \U0001f600 a b c"
    assert printable("\x1b[2J\x9b\x00\u202e\u2066\udc80") == "\ufffd[2J" + "\ufffd" * 4 + "\\x80"


def child(code: str, limits: Limits, notes: list[str] | None = None) -> Answer:
    return converse([sys.executable, "-c", code], limits, (notes if notes is not None else []).append)


def test_an_endless_answer_is_cut_off() -> None:
    """On either stream, in one line or in many."""
    for place in ("1", "2"):
        for piece in ("b'x' * 65536", "b'x\\n' * 32768"):
            code = f"import os\nwhile True: os.write({place}, {piece})"
            with pytest.raises(DeviceError, match=r"board sent more than 1 MB while `info` ran"):
                child(code, Limits("board", "`info` ran", 120, bytes=10**6))


def test_a_silent_board_is_given_up() -> None:
    with pytest.raises(DeviceError, match=r"board sent nothing for 2 s while `info` ran"):
        child("import time; time.sleep(600)", Limits("board", "`info` ran", 600, silence_s=2))


def test_a_board_that_only_beats_is_given_up() -> None:
    code = "import sys, time\nwhile True: print('still running', file=sys.stderr, flush=True); time.sleep(0.2)"
    with pytest.raises(DeviceError, match=r"board did not finish within 4 s while `info` ran"):
        child(code, Limits("board", "`info` ran", 4, silence_s=60))


def test_notes_are_printable_and_not_endless() -> None:
    notes: list[str] = []
    code = "import sys\nfor n in range(5000): print('note: \\x1b[31m', n, '\\x07', 'x' * 9000, file=sys.stderr)"
    answer = child(code, Limits("board", "`info` ran", 120, bytes=10**8), notes)
    assert answer == Answer(0, "", "")
    assert len(notes) == 1000 and notes[0].startswith("\ufffd[31m 0 \ufffd") and max(map(len, notes)) < 5000


def test_complaints_are_printable_and_bounded() -> None:
    code = "import sys\nfor n in range(5000): print('\\x1b[31m', n, 'x' * 900, file=sys.stderr)"
    answer = child(code, Limits("board", "`info` ran", 120))
    assert answer.stderr.splitlines()[-1].startswith("\ufffd[31m 4999") and len(answer.stderr) < 10**6


def test_limits_follow_from_what_was_asked() -> None:
    """A job that a sound device may still be busy with is never given up."""
    plain = job.limits("measure", "board", {})
    assert plain.seconds > 600 + 2 * 60 + 600, "waiting for another measurement, the budget twice, loading"
    assert job.limits("measure", "board", {"threads": [1, 2, 4]}).seconds > plain.seconds + 2 * 700
    assert job.limits("measure", "board", {"budget": 6000.0}).seconds > 12_000
    assert job.limits("sustained", "board", {"seconds": 86_400}).seconds > 86_400
    assert job.limits("check", "board", {}).seconds < 900
    assert all(job.limits(name, "board", {}).silence_s < 300 for name in ANSWERS)


SYSTEM = {
    "board": None, "cpu": None, "machine": "aarch64", "bits": 64, "cores": 4, "cores_usable": 4, "memory_bytes": None,
    "os": "Debian", "glibc": "2.36", "python": "3.11.2", "runtime": None, "governor": None, "max_clock_mhz": None,
    "emulated": False,
}  # fmt: skip
HEADER = {**forms(Interface(MODEL)), "threads": 1, "system": SYSTEM}


def session(code: str) -> batch.Session:
    return batch.Session([sys.executable, "-c", f"import sys, time\n{code}"], "board", MODEL)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("print('{}', flush=True); time.sleep(60)", "answered `batch` with invalid data"),
        (
            f"print({json.dumps({**HEADER, 'output': {'shape': [9], 'dtype': 'int8'}})!r}, flush=True)",
            "model with other tensor shapes",
        ),
        (f"print({json.dumps({**HEADER, 'output': HEADER['input']})!r}, flush=True)", "model with other tensor shapes"),
        ("while True: sys.stdout.write('x' * 65536)", "answered `batch` with invalid data"),
        ("print(flush=True)", "answered `batch` with invalid data"),
        ("sys.exit('\x1b[31mno')", "ended with status 1: \ufffd"),
    ],
)
def test_what_a_batch_may_begin_with(code: str, words: str) -> None:
    with pytest.raises(EdgecnnError, match=words):
        session(code)


def test_a_batch_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it reads what it is sent or not."""
    monkeypatch.setattr(batch, "HANG_S", 2.0)
    monkeypatch.setattr(batch, "_TENSOR_S", 0.0)
    for behavior in ("time.sleep(600)", "sys.stdin.buffer.read()"):
        with session(f"print({json.dumps(HEADER)!r}, flush=True)\n{behavior}") as run:
            tensor = np.zeros(HEADER["input"]["shape"], HEADER["input"]["dtype"])
            with pytest.raises(DeviceError, match="board did not finish within 2 s while the batch ran"):
                list(run([tensor] * 500))
