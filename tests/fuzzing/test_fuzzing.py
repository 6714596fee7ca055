"""A fixed part of what `tools/fuzz` does without end, and proof that it would notice."""

from __future__ import annotations

import ctypes
import itertools
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from fuzzing import mutate, obeyed, running, sandbox
from fuzzing.sandbox import Outcome

CASES = {"board": 12, "boxes": 40, "data": 30, "image": 40, "model": 60, "record": 40, "text": 40}
"""How many cases of each target are run here; those that need TensorFlow are left to `tools/fuzz`."""


@pytest.mark.parametrize("name", sorted(CASES))
def test_what_strangers_send_is_used_or_refused_in_a_sentence(name: str, tmp_path: Path) -> None:
    count, findings = running.fuzz(running.load(name, ()), "tests", iter(range(CASES[name])), keep=tmp_path)
    assert count == CASES[name]
    assert not findings, "\n".join(f"{found.fault}: case {found.number}: {found.line}" for found in findings)


def test_every_target_is_run_here_or_needs_tensorflow() -> None:
    assert {*CASES, "keras", "recipe"} == set(running.target_names())


@pytest.mark.parametrize("name", sorted(CASES.keys() - {"board"}))  # what this board answers is measured anew
def test_a_case_is_the_same_for_the_same_seed_and_number(name: str) -> None:
    one, other = running.load(name, ()), running.load(name, ())
    for number in range(5):
        found = running.case_of(one, "x", number)
        assert found == running.case_of(other, "x", number)
    assert found != running.case_of(one, "y", number)


def _outcome(call: Callable[[Sequence[str]], int], folder: Path, deadline_s: float = 10.0) -> Outcome:
    return sandbox.run(call, (), folder, deadline_s)


def _raise(words: Sequence[str]) -> int:
    raise IndexError("list index out of range")


def _crash(words: Sequence[str]) -> int:
    return ctypes.string_at(1)[0]


def _loop(words: Sequence[str]) -> int:
    while True:
        pass


def _fill(words: Sequence[str]) -> int:
    return len(bytearray(sandbox.PEAK_BYTES + (300 << 20))) * 0


def _fill_a_child(words: Sequence[str]) -> int:
    child = os.fork()
    if child == 0:
        os._exit(_fill(words))
    return os.waitpid(child, 0)[1]


def _obey(words: Sequence[str]) -> int:
    print("the class \x1b[2J")
    return 0


@pytest.mark.parametrize(
    ("call", "fault"),
    [
        (_raise, "traceback: IndexError: list index out of range"),
        (_crash, "signal SIGSEGV"),
        (_fill, "memory: 1 GB"),
        (_fill_a_child, "memory: 1 GB"),
        (_obey, "a terminal obeys U+001B"),
        (lambda words: 3, "exit status 3"),
        (lambda words: 1, "failed without a word"),
    ],
)
def test_a_fault_is_noticed(call: Callable[[Sequence[str]], int], fault: str, tmp_path: Path) -> None:
    found = _outcome(call, tmp_path).fault()
    assert found is not None and found.startswith(fault), found


def test_a_hang_is_stopped(tmp_path: Path) -> None:
    assert _outcome(_loop, tmp_path, deadline_s=1.0).fault() == "hang"
    assert _outcome(lambda words: time.sleep(60) or 0, tmp_path, deadline_s=0.1).fault() == "hang"


def test_sound_output_is_no_fault(tmp_path: Path) -> None:
    assert _outcome(lambda words: print("[bold]MARKUP[/bold]") or 0, tmp_path).fault() is None


def test_interpreted_text_is_noticed(tmp_path: Path) -> None:
    assert obeyed.by_a_terminal("  MARKUP  ") == "rich reads markup"
    assert obeyed.by_a_shell(f"Try: edgecnn inspect {mutate.COMMAND}", tmp_path) is None
    assert "a shell obeys" in str(obeyed.by_a_shell(f"Try: edgecnn inspect ; {mutate.COMMAND}", tmp_path))
    page = tmp_path / "page.html"
    for text, safe in itertools.product(mutate.MARKS, (True, False)):
        shown = text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;") if safe else text
        page.write_text(f'<p title="{shown}">{shown}</p>')
        found = obeyed.by_a_browser([page], tmp_path)
        assert (found is None) == (safe or ("<" not in text and '"' not in text) or text == "'\"\\"), text
