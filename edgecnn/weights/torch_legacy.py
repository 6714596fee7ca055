"""A reader of PyTorch's legacy checkpoint format that runs no code from the file and needs no PyTorch.

The format (torch.serialization, before the zip format of 1.6): five pickles, the magic number, the protocol version,
facts of the system, a dictionary of tensors that refer to storages by a persistent id, and the list of storage keys;
then, for each key in that order, an 8-byte element count and the raw values.
"""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from edgecnn.weights import torch_pickle

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001


def read(path: str | Path) -> torch_pickle.Arrays:
    """Read a legacy checkpoint: tensor name -> array, in the file's order, shapes as PyTorch has them.

    Raises:
        UntrustedModelError: the file asks for anything but tensors.
        WeightsError: the file is missing, truncated, too large, or not of this format.
    """
    return torch_pickle.guarded(path, "legacy", lambda found: _parse(io.BytesIO(found.read_bytes())))


def _parse(stream: BinaryIO) -> torch_pickle.Arrays:
    if torch_pickle.unpickle(stream) != MAGIC or torch_pickle.unpickle(stream) != PROTOCOL:
        raise pickle.UnpicklingError("wrong magic number or protocol")
    if not torch_pickle.unpickle(stream)["little_endian"]:
        raise pickle.UnpicklingError("big-endian values")
    (value, storages), keys = torch_pickle.unpickle_tensors(stream), torch_pickle.unpickle(stream)
    tensors = torch_pickle.tensors_of(value)
    if not isinstance(keys, list) or not all(type(key) is str for key in keys):
        raise pickle.UnpicklingError("the list of storages does not hold names")
    values = {key: _values(stream, storages[key].dtype) for key in keys}
    return {name: torch_pickle.array(tensor, values[tensor.storage.key]) for name, tensor in tensors.items()}


def _values(stream: BinaryIO, dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    count = int.from_bytes(stream.read(8), "little")
    content = stream.read(count * dtype.itemsize) if count * dtype.itemsize <= torch_pickle.MAXIMUM_BYTES else b""
    if len(content) != count * dtype.itemsize:
        raise EOFError("the file ends in the middle of a tensor")
    return np.frombuffer(content, dtype)
