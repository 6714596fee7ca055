"""Golden inputs against an implementation in plain integers; crashes and hangs of a child."""

from __future__ import annotations

import ctypes
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgecnn.core.errors import CrashError, ModelFileError, UsageError
from edgecnn.runtime.model import model_file
from edgecnn.runtime.process import guard
from edgecnn.runtime.run import golden
from edgecnn.runtime.run.engine import Engine

_MASK = (1 << 64) - 1


def _splitmix64_top_byte(state: int) -> int:
    z = state * 0x9E3779B97F4A7C15 & _MASK
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & _MASK
    return (z ^ (z >> 31)) >> 56


def test_generator_equals_plain_integer_arithmetic() -> None:
    picture = golden.picture(7, 1, (16, 16, 3))
    side = 2  # 16 // 4 >> 1
    for row, column, channel in [(0, 0, 0), (3, 9, 2), (15, 15, 1)]:
        block = ((row // side) * 8 + column // side) * 3 + channel
        coarse = _splitmix64_top_byte(((7 + 2) << 32) + block + 1)
        noise = _splitmix64_top_byte(((7 + 3) << 32) + (row * 16 + column) * 3 + channel + 1) >> 4
        assert picture[row, column, channel] == (coarse * 15 >> 4) + noise


def test_pictures_differ_and_use_the_whole_range() -> None:
    pictures = [golden.picture(golden.SEED, index, (64, 48, 3)) for index in range(golden.COUNT)]
    assert len({picture.tobytes() for picture in pictures}) == golden.COUNT
    assert all(picture.min() < 20 and picture.max() > 235 for picture in pictures)


def test_replay_passes_here_and_notices_a_changed_output(tiny_int8: Path) -> None:
    file = model_file.read(tiny_int8)
    engine = Engine(file)
    assert golden.replay(engine, engine.run).identical == golden.COUNT
    outputs = [engine.invoke(engine.tensor(golden.picture(golden.SEED, i, (32, 32, 3)))) for i in range(2)]
    changed = outputs[1].copy()
    changed[0] += 3
    result = golden.compare(engine, [(outputs[0], outputs[0]), (outputs[1], changed)])
    assert (result.count, result.identical, result.max_steps) == (2, 1, 3)
    assert result.max_difference == pytest.approx(3 * engine.output.scale, rel=1e-4)


@pytest.mark.parametrize("fill", [lambda output: 0, lambda output: np.iinfo(output.dtype).max], ids=["zeros", "most"])
def test_a_device_that_computes_nothing_does_not_pass(tiny_int8: Path, fill: Callable[[np.ndarray], int]) -> None:
    """All of its classes share the first place."""
    engine = Engine(model_file.read(tiny_int8))
    dead = golden.replay(engine, lambda tensors: (np.full_like(each, fill(each)) for each in engine.run(tensors)))
    assert dead.same_answer == 0 and not dead.passed


def test_a_file_without_vectors_says_so(tiny_int8: Path) -> None:
    engine = Engine(model_file.read(tiny_int8))
    engine.contract = engine.contract.replace(golden=None)
    with pytest.raises(ModelFileError, match="no golden vectors"):
        golden.replay(engine, engine.run)


def _segfault() -> None:
    ctypes.string_at(0)


def _refuse() -> None:
    raise UsageError("received 3, expected 4")


def test_child_that_crashes_is_an_error_here() -> None:
    with pytest.raises(CrashError, match="SIGSEGV"):
        guard.isolated(_segfault)


def test_child_that_hangs_is_stopped() -> None:
    with pytest.raises(CrashError, match="did not finish"):
        guard.isolated(time.sleep, 60, timeout_s=0.3)


def test_a_lower_limit_of_the_user_stays() -> None:
    """`ulimit -t 5` in the shell: an ordinary user can't raise it again, and needn't."""
    code = (
        "import resource\nfrom edgecnn.runtime.process import guard\n"
        "def mine():\n    return resource.getrlimit(resource.RLIMIT_CPU)\n"
        "print(guard.isolated(mine, limit_processor_s=90.0))"
    )
    command = ["sh", "-c", 'ulimit -t 5 && exec "$0" -c "$1"', sys.executable, code]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "[5, 5]"


def test_errors_and_results_cross_the_process() -> None:
    with pytest.raises(UsageError, match="received 3"):
        guard.isolated(_refuse)
    assert guard.isolated(sorted, [3, 1, 2]) == [1, 2, 3]
    assert guard.isolated(np.float64(2.5).item) == 2.5
