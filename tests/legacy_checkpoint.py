"""Writes PyTorch's legacy checkpoint format without PyTorch, well-formed or hostile, for the tests of its reader."""

from __future__ import annotations

import io
import pickle
import sys
from collections import OrderedDict
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import numpy as np

MAGIC = 0x1950A86A20F9469CFC6C
SYSTEM = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}


class FloatStorage:
    """Pickled by name as torch.FloatStorage."""


def _rebuild_tensor_v2(*_: Any) -> None:
    """Pickled by name as torch._utils._rebuild_tensor_v2."""


class Tensor:
    """A float32 tensor of a checkpoint; the fields are what the pickle claims, true or not."""

    def __init__(self, values: np.ndarray, key: str, **claims: Any) -> None:
        self.values, self.key = values.astype("<f4"), key
        self.shape = claims.get("shape", values.shape)
        self.strides = claims.get("strides", tuple(stride // values.itemsize for stride in values.strides))
        self.count = claims.get("count", values.size)
        self.offset = claims.get("offset", 0)

    def __reduce__(self) -> Any:
        storage = _Reference(("storage", FloatStorage, self.key, "cpu", self.count, None))
        return _rebuild_tensor_v2, (storage, self.offset, self.shape, self.strides, False, OrderedDict())


class _Reference:
    def __init__(self, pid: tuple[Any, ...]) -> None:
        self.pid = pid


class _Pickler(pickle.Pickler):
    def persistent_id(self, value: Any) -> Any:
        return value.pid if isinstance(value, _Reference) else None


def dumps(value: Any, protocol: int = 2) -> bytes:
    """Pickle with the names that PyTorch would write."""
    torch, utils = ModuleType("torch"), ModuleType("torch._utils")
    FloatStorage.__module__, _rebuild_tensor_v2.__module__ = "torch", "torch._utils"
    torch.FloatStorage, utils._rebuild_tensor_v2, torch._utils = FloatStorage, _rebuild_tensor_v2, utils  # type: ignore[attr-defined]
    buffer = io.BytesIO()
    with mock.patch.dict(sys.modules, {"torch": torch, "torch._utils": utils}):
        _Pickler(buffer, protocol).dump(value)
    return buffer.getvalue()


def write(path: Path, tensors: Any, parts: dict[int, bytes] | None = None) -> Path:
    """Write a checkpoint of an ordered dictionary of `Tensor`; `parts` replaces some of its five pickles."""
    listed = [tensor for tensor in tensors.values() if isinstance(tensor, Tensor)]
    pickles = [MAGIC, 1001, SYSTEM, tensors, [tensor.key for tensor in listed]]
    content = [(parts or {}).get(index) or dumps(value) for index, value in enumerate(pickles)]
    content += [len(tensor.values.ravel()).to_bytes(8, "little") + tensor.values.tobytes() for tensor in listed]
    path.write_bytes(b"".join(content))
    return path
