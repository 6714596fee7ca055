"""Files of PyTorch's weights: right ones are read, hostile ones are refused and do nothing."""

from __future__ import annotations

import json
import os
import pickle
import random
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import legacy_checkpoint
import numpy as np
import pytest
import torch_files
from legacy_checkpoint import Tensor

from edgecnn.core.errors import EdgecnnError, UntrustedModelError, WeightsError
from edgecnn.weights import safetensors, state_dict, torch_pickle, torch_zip

HERE = Path(__file__).parent
ARRAYS = {
    "conv.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "conv.bias": np.array([1, 2], np.float32),
    "count": np.array(7, np.float32),
}


class Runs:
    """Unpickles by calling a function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


def same(found: dict[str, np.ndarray]) -> None:
    assert list(found) == list(ARRAYS)
    for key, array in ARRAYS.items():
        np.testing.assert_array_equal(found[key], array)


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".bin"])
def test_zip_and_legacy_checkpoints_are_told_apart(tmp_path: Path, suffix: str) -> None:
    same(state_dict.read(torch_files.write_zip(tmp_path / f"a{suffix}", torch_files.tensors(ARRAYS))))
    same(state_dict.read(legacy_checkpoint.write(tmp_path / f"b{suffix}", torch_files.tensors(ARRAYS))))


def test_a_file_by_pytorch_itself_is_read() -> None:
    """`recorded_checkpoint.pth`: torch.save({"state_dict": ..., "epoch": 3}, ...) by PyTorch 2.14."""
    found = state_dict.read(HERE / "recorded_checkpoint.pth")
    np.testing.assert_array_equal(found["weight"], np.arange(6, dtype=np.float32).reshape(2, 3))
    np.testing.assert_array_equal(found["transposed"], np.arange(6, dtype=np.float32).reshape(2, 3).T)
    np.testing.assert_array_equal(found["half"].astype(np.float32), [0.5, 1.5])
    np.testing.assert_array_equal(found["bfloat16"].astype(np.float32), [1.0, -2.0])
    assert found["num_batches_tracked"] == 9 and set(found) >= {"parameter"}


def test_safetensors_by_their_own_library_are_read() -> None:
    """`recorded.safetensors`: safetensors 0.8, float32, float16, bfloat16, int64, an empty and a scalar tensor."""
    found = state_dict.read(HERE / "recorded.safetensors")
    np.testing.assert_array_equal(found["weight"], np.arange(6, dtype=np.float32).reshape(2, 3))
    np.testing.assert_array_equal(found["bfloat16"].astype(np.float32), [1.0, -2.0])
    assert found["empty"].shape == (0, 4) and found["scalar"] == 3


def test_one_and_several_safetensors_files_are_read(tmp_path: Path) -> None:
    same(state_dict.read(torch_files.write_safetensors(tmp_path / "a.safetensors", ARRAYS)))
    found = state_dict.read(torch_files.write_shards(tmp_path, ARRAYS))
    same({key: found[key] for key in ARRAYS})
    digests = state_dict.digests(tmp_path / "model.safetensors.index.json")
    assert len(digests) == 3 and len(set(digests.values())) == 3


@pytest.mark.parametrize("wrapper", ["state_dict", "model", "state_dict_ema"])
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod."])
def test_wrapped_and_prefixed_state_dicts_are_found(tmp_path: Path, wrapper: str, prefix: str) -> None:
    inner = OrderedDict((f"{prefix}{key}", value) for key, value in torch_files.tensors(ARRAYS).items())
    same(state_dict.read(torch_files.write_zip(tmp_path / "a.pth", {wrapper: inner, "epoch": 3})))


# Hostile checkpoints.


def test_code_in_a_pickle_is_refused_and_not_run(tmp_path: Path) -> None:
    marker = tmp_path / "was-run"
    state = OrderedDict(w=Tensor(ARRAYS["conv.bias"], "0"), evil=Runs(os.system, f"touch {marker}"))
    with pytest.raises(UntrustedModelError, match=r"refers to the Python object \w+\.system; expected only tensors"):
        state_dict.read(torch_files.write_zip(tmp_path / "a.pth", state))
    assert not marker.exists()


def test_the_namespace_of_a_training_program_is_named(tmp_path: Path) -> None:
    """timm's own training checkpoints hold their arguments; loading them would need argparse's class."""
    import argparse

    state = {"state_dict": torch_files.tensors(ARRAYS), "args": argparse.Namespace(lr=1)}
    with pytest.raises(UntrustedModelError, match=r"argparse\.Namespace"):
        state_dict.read(torch_files.write_zip(tmp_path / "a.pth", state))


@pytest.mark.parametrize(
    "pid", [("storage",), ("module", 1, 2, 3, 4), ("storage", "FloatStorage", "0", "cpu", 1), 7, ("storage",) * 50]
)
def test_other_persistent_references_are_refused(tmp_path: Path, pid: Any) -> None:
    content = pickle.dumps(pid, 2)[:-1] + b"Q."
    with pytest.raises(WeightsError, match="persistent reference is not a storage"):
        state_dict.read(torch_files.write_zip(tmp_path / "a.pth", {}, content=content))


@pytest.mark.parametrize("name", ["../evil", "archive/../../evil", "/etc/evil", "other/data/0", "archive/data.pkl"])
def test_members_outside_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.warns(UserWarning) if name == "archive/data.pkl" else _nothing():
        path = torch_files.write_zip(tmp_path / "a.pth", torch_files.tensors(ARRAYS))
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(name, b"x")
    before = sorted(tmp_path.parent.rglob("evil"))
    with pytest.raises(WeightsError, match="not a valid PyTorch checkpoint in the zip format"):
        state_dict.read(path)
    assert sorted(tmp_path.parent.rglob("evil")) == before


def _nothing() -> Any:
    import contextlib

    return contextlib.nullcontext()


def test_compressed_members_are_refused_before_they_are_unpacked(tmp_path: Path) -> None:
    bomb = {"archive/data/9": bytes(200_000_000)}
    path = torch_files.write_zip(tmp_path / "a.pth", torch_files.tensors(ARRAYS), compressed=True, more=bomb)
    assert path.stat().st_size < 1_000_000
    with pytest.raises(WeightsError, match="a member is compressed"):
        state_dict.read(path)


def test_members_that_share_their_bytes_are_refused(tmp_path: Path) -> None:
    """A directory whose entries all point at the same bytes unpacks to many times the file's size."""
    path = tmp_path / "a.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", bytes(10_000))
        entry = archive.infolist()[0]
        for number in range(100):
            twin = zipfile.ZipInfo(f"archive/data/{number}")
            twin.file_size = twin.compress_size = entry.file_size
            twin.CRC, twin.header_offset = entry.CRC, entry.header_offset
            archive.filelist.append(twin)
        archive._didModify = True
    with pytest.raises(WeightsError, match="together are larger than the archive"):
        state_dict.read(path)


def test_programs_are_refused_with_what_to_do(tmp_path: Path) -> None:
    more = {"archive/constants.pkl": b"\x80\x02).", "archive/code/__torch__.py": b"x"}
    with pytest.raises(UntrustedModelError, match=r"TorchScript .* Save the\s+model's state_dict"):
        state_dict.read(torch_files.write_zip(tmp_path / "a.pt", torch_files.tensors(ARRAYS), more=more))


@pytest.mark.parametrize("claims", [{"count": 1 << 40}, {"count": 23}, {"shape": (1 << 30,)}, {"offset": 5}])
def test_tensors_larger_than_their_values_are_refused(tmp_path: Path, claims: dict[str, Any]) -> None:
    state = OrderedDict(w=Tensor(ARRAYS["conv.weight"], "0", **claims))
    with pytest.raises(WeightsError, match="not a valid PyTorch checkpoint in the zip format"):
        state_dict.read(torch_files.write_zip(tmp_path / "a.pth", state))


def test_a_storage_of_two_kinds_and_missing_members_are_refused(tmp_path: Path) -> None:
    state = OrderedDict(a=Tensor(ARRAYS["conv.bias"], "0"), b=Tensor(ARRAYS["conv.weight"], "0"))
    with pytest.raises(WeightsError, match="a storage has two types"):
        state_dict.read(torch_files.write_zip(tmp_path / "a.pth", state))
    content = legacy_checkpoint.dumps(torch_files.tensors(ARRAYS))
    with pytest.raises(WeightsError, match="not a valid PyTorch checkpoint in the zip format"):
        state_dict.read(torch_files.write_zip(tmp_path / "b.pth", {}, content=content))


def test_a_pickle_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = torch_files.write_zip(tmp_path / "a.pth", torch_files.tensors(ARRAYS))
    monkeypatch.setattr(torch_zip, "LARGEST_PICKLE_BYTES", 10)
    with pytest.raises(WeightsError, match=r"data\.pkl has [0-9,]+ bytes; expected at most"):
        state_dict.read(path)
    monkeypatch.setattr(torch_pickle, "MAXIMUM_BYTES", 10)
    with pytest.raises(WeightsError, match="expected at most 10"):
        state_dict.read(path)


def test_damaged_zips_are_clear_errors_or_read(tmp_path: Path) -> None:
    whole = torch_files.write_zip(tmp_path / "a.pth", torch_files.tensors(ARRAYS)).read_bytes()
    generator, refused = random.Random(0), 0
    for _ in range(400):
        mutant = bytearray(whole[: generator.randint(0, len(whole))] if generator.random() < 0.3 else whole)
        for _ in range(generator.randint(1, 4)):
            if mutant:
                mutant[generator.randrange(len(mutant))] = generator.randrange(256)
        (tmp_path / "mutant.pth").write_bytes(mutant)
        try:
            state_dict.read(tmp_path / "mutant.pth")
        except EdgecnnError:
            refused += 1
    assert 100 < refused < 400, "some are cut or broken, and a byte of padding harms nobody"


# Hostile safetensors.

W = {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}


@pytest.mark.parametrize(
    "header",
    [
        {"w": {**W, "data_offsets": [0, 1 << 60]}},
        {"w": {**W, "data_offsets": [-24, 0]}},
        {"w": {**W, "data_offsets": [24, 0]}},
        {"w": {**W, "data_offsets": [0.0, 24]}},
        {"w": {**W, "data_offsets": [0, 24, 48]}},
        {"w": {**W, "shape": [1 << 40, 1 << 40]}},
        {"w": {**W, "shape": [-2, -3]}},
        {"w": {**W, "shape": [True, 6]}},
        {"w": {**W, "shape": [6] + [1] * 100}},
        {"w": {**W, "shape": "6"}},
        {"w": {**W, "dtype": "F8_E4M3"}},
        {"w": {**W, "dtype": ["F32"]}},
        {"w": W, "v": W},  # the same bytes twice
        {"w": W, "v": {**W, "data_offsets": [12, 36]}},  # half of them
        {"v": {"dtype": "F32", "shape": [1], "data_offsets": [20, 24]}},  # bytes that no tensor has
        {"w": {"dtype": "F32", "shape": [5], "data_offsets": [0, 20]}},
        {"w": 7},
        ["w"],
        b"{" * 100_000,
        b'{"w": NaN}',
        b"\xff\xfe",
        b"",
    ],
)
def test_headers_that_lie_are_refused(tmp_path: Path, header: Any) -> None:
    path = torch_files.write_safetensors(tmp_path / "a.safetensors", {"w": np.zeros((2, 3), np.float32)}, header)
    with pytest.raises(WeightsError, match="not a valid safetensors file"):
        state_dict.read(path)


@pytest.mark.parametrize("length", [0, 1 << 25, (1 << 64) - 1, 1 << 63])
def test_lengths_of_headers_that_lie_are_refused(tmp_path: Path, length: int) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(length.to_bytes(8, "little") + b"{}" * 50)
    with pytest.raises(WeightsError, match="not a valid safetensors file"):
        state_dict.read(path)


def test_huge_headers_and_trailing_bytes_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = torch_files.write_safetensors(tmp_path / "a.safetensors", ARRAYS, tail=b"hidden")
    with pytest.raises(WeightsError, match="the tensors end at byte"):
        state_dict.read(path)
    monkeypatch.setattr(safetensors, "LARGEST_HEADER_BYTES", 10)
    with pytest.raises(WeightsError, match="its header claims"):
        state_dict.read(torch_files.write_safetensors(path, ARRAYS))


@pytest.mark.parametrize(
    "name", ["../secret.safetensors", "/etc/passwd", "sub/a.safetensors", "..", "", 7, None, "a\\b", "a\0b"]
)
def test_an_index_that_points_elsewhere_is_refused(tmp_path: Path, name: Any) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    torch_files.write_safetensors(tmp_path / "secret.safetensors", ARRAYS)
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": dict.fromkeys(ARRAYS, name)}))
    with pytest.raises(WeightsError, match=r"not a valid index of weights .*expected the name of a file beside it"):
        state_dict.read(index)


@pytest.mark.parametrize("content", ["{", "[]", '{"weight_map": []}', "{}", '{"weight_map": 7}', "[" * 100_000])
def test_damaged_indices_are_clear_errors(tmp_path: Path, content: str) -> None:
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(content)
    with pytest.raises(WeightsError, match="not a valid index of weights"):
        state_dict.read(index)


def test_tensors_and_files_that_an_index_promises_in_vain_are_named(tmp_path: Path) -> None:
    index = torch_files.write_shards(tmp_path, ARRAYS)
    content = json.loads(index.read_text())
    content["weight_map"]["ghost"] = "model-00001-of-00002.safetensors"
    index.write_text(json.dumps(content))
    with pytest.raises(WeightsError, match=r"its files lack 1 tensor \(the first is ghost"):
        state_dict.read(index)
    content["weight_map"]["ghost"] = "model-00009-of-00002.safetensors"
    index.write_text(json.dumps(content))
    with pytest.raises(WeightsError, match="Can't read the weights file"):
        state_dict.read(index)


def test_missing_files_say_what_else_there_is(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"There is no weights file .*nothing\.safetensors"):
        state_dict.read(tmp_path / "nothing.safetensors")
