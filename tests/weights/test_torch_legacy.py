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
from edgecnn.weights import torch_legacy, torch_pickle

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
    with pytest.raises(UntrustedModelError, match=r"refers to the Python object \w+\.system; expected only tensors"):
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
    with pytest.raises(WeightsError, match="not a valid PyTorch checkpoint in the legacy format"):
        torch_legacy.read(path)


def test_a_memo_index_of_billions_is_refused(tmp_path: Path) -> None:
    bomb = b"\x80\x02}r" + struct.pack("<I", 0xFFFFFFF0) + b"."  # an empty dictionary, stored at that memo index
    path = legacy_checkpoint.write(tmp_path / "a.pth", OrderedDict(w=Tensor(KERNEL, "0")), {3: bomb})
    with pytest.raises(WeightsError, match="memo index 4294967280"):
        torch_legacy.read(path)


# A pair of the same pair, 60 times over.
TWICE = b"\x80\x02)" + b"".join(b"q%ch%ch%c\x86" % (n, n, n) for n in range(60))
STORAGE = b"ctorch\nFloatStorage\n"
REBUILD = b"ctorch._utils\n_rebuild_tensor_v2\n"


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x02}" + TWICE[2:] + b"K\x01s.",  # as a key, which is hashed
        TWICE + b"Q.",  # as a reference, which a message might print
        b"\x80\x02)" + b"2\x86" * 60 + b".",  # the top of the stack doubled
        b"\x80\x02(lq\x00" + b"".join(b"(lq%c(h%ch%ce" % (n + 1, n, n) for n in range(60)) + b"Q.",
        b"\x80\x02(X\x07\x00\x00\x00storage" + STORAGE + b"(lX\x03\x00\x00\x00cpuK\x01NtQ.",  # key: a list
    ],
)
def test_a_few_bytes_that_stand_for_an_endless_object_are_refused_at_once(tmp_path: Path, content: bytes) -> None:
    path = legacy_checkpoint.write(tmp_path / "a.pth", OrderedDict(w=Tensor(KERNEL, "0")), {3: content})
    with pytest.raises(WeightsError, match="not a valid PyTorch checkpoint in the legacy format"):
        torch_legacy.read(path)


@pytest.mark.parametrize("target", [STORAGE, REBUILD])
@pytest.mark.parametrize(
    "state",
    [
        b"}X\x05\x00\x00\x00shapeK\x01s",
        b"N}X\x08\x00\x00\x00__call__K\x01s\x86",
        b"(K\x03X\x01\x00\x00\x00>NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00t",  # a dtype of another byte order
    ],
)
def test_what_a_pickle_names_can_not_be_changed_by_it(tmp_path: Path, target: bytes, state: bytes) -> None:
    content = b"\x80\x02" + target + state + b"b."
    good = OrderedDict(w=Tensor(KERNEL, "0"))
    with pytest.raises(WeightsError, match="not a valid PyTorch checkpoint in the legacy format"):
        torch_legacy.read(legacy_checkpoint.write(tmp_path / "a.pth", good, {3: content}))
    tensors = torch_legacy.read(legacy_checkpoint.write(tmp_path / "b.pth", good))
    np.testing.assert_array_equal(tensors["w"], KERNEL)


@pytest.mark.parametrize(
    "code", [b"(S'touch {}'\nios\nsystem\n.", b"(cos\nsystem\nS'touch {}'\no.", b"\x80\x02\x82\x01."]
)
def test_old_ways_to_call_are_refused_and_not_run(tmp_path: Path, code: bytes) -> None:
    marker = tmp_path / "was-run"
    content = code.replace(b"{}", str(marker).encode())
    path = legacy_checkpoint.write(tmp_path / "a.pth", OrderedDict(w=Tensor(KERNEL, "0")), {3: content})
    with pytest.raises((UntrustedModelError, WeightsError)):
        torch_legacy.read(path)
    assert not marker.exists()


def test_many_tensors_of_one_storage_are_counted_before_they_are_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch_pickle, "MAXIMUM_BYTES", 200_000)
    tensors = OrderedDict(first=Tensor(np.zeros(10_000), "0"))
    for number in range(99):
        tensors[str(number)] = Tensor(np.zeros(1), "0", shape=(10_000,), strides=(1,), count=10_000)
    path = legacy_checkpoint.write(tmp_path / "a.pth", tensors, {4: legacy_checkpoint.dumps(["0"])})
    with pytest.raises(WeightsError, match="100 tensors of 4,000,000 bytes"):
        torch_legacy.read(path)


def test_every_truncation_is_a_clear_error(tmp_path: Path) -> None:
    whole = legacy_checkpoint.write(tmp_path / "a.pth", OrderedDict(w=Tensor(KERNEL, "0"))).read_bytes()
    path = tmp_path / "cut.pth"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(WeightsError, match="not a valid PyTorch checkpoint in the legacy format"):
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
    with pytest.raises(WeightsError, match=r"other\.pth is not a valid PyTorch checkpoint in the legacy format"):
        torch_legacy.read(tmp_path / "other.pth")
    with pytest.raises(WeightsError, match="Can't read the checkpoint"):
        torch_legacy.read(tmp_path)
