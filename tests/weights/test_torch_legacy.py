"""The restricted checkpoint reader: right on good files, and harmless on hostile ones."""

from __future__ import annotations

import builtins
import os
import random
import struct
from collections import OrderedDict
from pathlib import Path
from typing import Any

import legacy_checkpoint
import numpy as np
import pytest
from legacy_checkpoint import Tensor

from edgecnn.core.errors import EdgecnnError, UntrustedModelError, WeightsError
from edgecnn.weights import torch_legacy

KERNEL = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


class Runs:
    """Unpickles by calling a function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


def test_reads_values_views_and_transposed_tensors(tmp_path: Path) -> None:
    transposed = Tensor(KERNEL.reshape(6, 4), "1", shape=(4, 6), strides=(1, 4))
    view = Tensor(KERNEL, "2", shape=(3,), strides=(2,), offset=5)
    path = legacy_checkpoint.write(
        tmp_path / "a.pth", OrderedDict(plain=Tensor(KERNEL, "0"), transposed=transposed, view=view)
    )
    tensors = torch_legacy.read(path)
    assert list(tensors) == ["plain", "transposed", "view"]
    np.testing.assert_array_equal(tensors["plain"], KERNEL)
    np.testing.assert_array_equal(tensors["transposed"], KERNEL.reshape(6, 4).T)
    np.testing.assert_array_equal(tensors["view"], [5, 7, 9])


@pytest.mark.parametrize("part", range(5))
@pytest.mark.parametrize("protocol", [2, 4])
def test_code_in_any_of_the_pickles_is_refused_and_not_run(tmp_path: Path, part: int, protocol: int) -> None:
    marker = tmp_path / "was-run"
    hostile = legacy_checkpoint.dumps(Runs(os.system, f"touch {marker}"), protocol)
    path = legacy_checkpoint.write(tmp_path / "a.pth", OrderedDict(w=Tensor(KERNEL, "0")), {part: hostile})
    with pytest.raises(
        UntrustedModelError, match=r"asks for the Python object \w+\.system; expected nothing but tensors"
    ):
        torch_legacy.read(path)
    assert not marker.exists()


@pytest.mark.parametrize("function", [builtins.eval, builtins.getattr, OrderedDict.fromkeys, np.load])
def test_other_functions_are_refused_inside_the_dictionary(tmp_path: Path, function: Any) -> None:
    tensors = OrderedDict(w=Tensor(KERNEL, "0"), evil=Runs(function, "1"))
    with pytest.raises(UntrustedModelError):
        torch_legacy.read(legacy_checkpoint.write(tmp_path / "a.pth", tensors))


@pytest.mark.parametrize(
    "claims",
    [
        {"shape": (1 << 40,), "strides": (0,)},
        {"shape": (1 << 20, 1 << 20), "strides": (0, 0), "count": 1 << 40},
        {"shape": (24,), "strides": (2,)},
        {"shape": (24,), "strides": (-1,)},
        {"offset": 1},
        {"offset": -1},
        {"count": 23},
        {"count": 1 << 50},
        {"shape": (2.0, 12), "strides": (12, 1)},
        {"shape": (1,) * 100, "strides": (1,) * 100},
    ],
)
def test_tensors_that_lie_about_their_size_are_refused(tmp_path: Path, claims: dict[str, Any]) -> None:
    path = legacy_checkpoint.write(tmp_path / "a.pth", OrderedDict(w=Tensor(KERNEL, "0", **claims)))
    with pytest.raises(WeightsError, match="not a whole PyTorch checkpoint"):
        torch_legacy.read(path)


def test_a_memo_index_of_billions_is_refused(tmp_path: Path) -> None:
    bomb = b"\x80\x02}r" + struct.pack("<I", 0xFFFFFFF0) + b"."  # an empty dictionary, stored at that memo index
    path = legacy_checkpoint.write(tmp_path / "a.pth", OrderedDict(w=Tensor(KERNEL, "0")), {3: bomb})
    with pytest.raises(WeightsError, match="memo index 4294967280"):
        torch_legacy.read(path)


def test_every_truncation_is_a_clear_error(tmp_path: Path) -> None:
    whole = legacy_checkpoint.write(tmp_path / "a.pth", OrderedDict(w=Tensor(KERNEL, "0"))).read_bytes()
    path = tmp_path / "cut.pth"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(WeightsError, match="not a whole PyTorch checkpoint of the legacy format"):
            torch_legacy.read(path)


def test_damaged_files_are_clear_errors_or_read(tmp_path: Path) -> None:
    whole = legacy_checkpoint.write(tmp_path / "a.pth", OrderedDict(w=Tensor(KERNEL, "0"))).read_bytes()
    generator = random.Random(0)
    outcomes = set()
    for _ in range(500):
        mutant = bytearray(whole)
        for _ in range(generator.randint(1, 4)):
            mutant[generator.randrange(len(mutant))] = generator.randrange(256)
        (tmp_path / "mutant.pth").write_bytes(mutant)
        try:
            torch_legacy.read(tmp_path / "mutant.pth")
            outcomes.add("read")
        except EdgecnnError as error:
            outcomes.add(type(error).__name__)
    assert outcomes == {"read", "WeightsError", "UntrustedModelError"}


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04" + bytes(100), b"\x80\x02K\x01."])
def test_other_files_are_clear_errors(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "other.pth").write_bytes(content)
    with pytest.raises(WeightsError, match=r"other\.pth is not a whole PyTorch checkpoint"):
        torch_legacy.read(tmp_path / "other.pth")
    with pytest.raises(WeightsError, match="Can't read the checkpoint"):
        torch_legacy.read(tmp_path)
