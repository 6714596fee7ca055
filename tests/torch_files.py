"""Writes safetensors files and PyTorch's zip checkpoints without their libraries, well-formed or hostile."""

from __future__ import annotations

import json
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import legacy_checkpoint
import numpy as np
from legacy_checkpoint import Tensor


def write_safetensors(path: Path, arrays: Mapping[str, np.ndarray], header: Any = None, tail: bytes = b"") -> Path:
    """Write arrays of float32 (float16, int64); `header` replaces the true one, `tail` follows the values."""
    names = {"float32": "F32", "float16": "F16", "int64": "I64"}
    true, position = {}, 0
    for key, array in arrays.items():
        places = [position, position + array.nbytes]
        true[key] = {"dtype": names[str(array.dtype)], "shape": list(array.shape), "data_offsets": places}
        position = places[1]
    text = header if isinstance(header, bytes) else json.dumps(true if header is None else header).encode()
    values = b"".join(np.ascontiguousarray(array).tobytes() for array in arrays.values())
    path.write_bytes(len(text).to_bytes(8, "little") + text + values + tail)
    return path


def write_shards(folder: Path, arrays: Mapping[str, np.ndarray], count: int = 2) -> Path:
    """Write arrays into several files, as the hub's libraries do; returns the index."""
    keys = list(arrays)
    places = {}
    for number in range(count):
        name = f"model-{number + 1:05}-of-{count:05}.safetensors"
        write_safetensors(folder / name, {key: arrays[key] for key in keys[number::count]})
        places.update(dict.fromkeys(keys[number::count], name))
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": places}))
    return index


def tensors(arrays: Mapping[str, np.ndarray]) -> OrderedDict[str, Tensor]:
    """A state dict for `write_zip` and `legacy_checkpoint.write`."""
    return OrderedDict((key, Tensor(array, str(number))) for number, (key, array) in enumerate(arrays.items()))


def write_zip(path: Path, state: Any, *, content: bytes | None = None, **changes: Any) -> Path:
    """Write a state dict of `Tensor` as torch.save does since 1.6.

    Args:
        path: to write.
        state: what is pickled; its tensors' values become members.
        content: the pickle, where it is another.
        changes: `more` members by name; `compressed`; `folder` of the members.
    """
    folder = changes.get("folder", "archive")
    kind = zipfile.ZIP_DEFLATED if changes.get("compressed") else zipfile.ZIP_STORED
    members = {"data.pkl": content or legacy_checkpoint.dumps(state), "byteorder": b"little", "version": b"3\n"}
    held = state.values() if isinstance(state, dict) else ()
    flat = [entry for value in held for entry in (value.values() if isinstance(value, dict) else [value])]
    members |= {f"data/{entry.key}": entry.values.tobytes() for entry in flat if isinstance(entry, Tensor)}
    named = {f"{folder}/{name}": value for name, value in members.items()}
    with zipfile.ZipFile(path, "w", kind) as archive:
        for name, value in (named | changes.get("more", {})).items():
            archive.writestr(name, value)
    return path
