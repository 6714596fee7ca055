"""A reader of safetensors files, one or several with their index, that believes nothing of what a file says of itself.

The format (https://github.com/huggingface/safetensors): the header's length as 8 bytes, little-endian; the header, a
JSON object of tensor name -> dtype, shape and place of the values; the values, without gaps. The index of a model in
several files is a JSON object whose `weight_map` has the file of each tensor.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, BinaryIO

import ml_dtypes
import numpy as np

from edgecnn.core.errors import RecordError, WeightsError
from edgecnn.runtime.model.json_text import parse_json

LARGEST_HEADER_BYTES = 1 << 25
LARGEST_INDEX_BYTES = 1 << 25
LARGEST_BYTES = 1 << 32
MAXIMUM_RANK = 8
DTYPES = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "I16": np.dtype("<i2"),
    "I8": np.dtype("i1"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("?"),
}
Arrays = dict[str, np.ndarray[Any, Any]]


def read(path: str | Path) -> Arrays:
    """Read a file: tensor name -> array, shapes as PyTorch has them.

    Raises:
        WeightsError: the file is missing, damaged, or its header contradicts itself or the file.
    """
    path = Path(path)
    try:
        with path.open("rb") as content:
            return _parse(content, path.stat().st_size)
    except OSError as error:
        raise WeightsError(
            f"Can't read the weights file {path}: {error.strerror}. Check its name and permissions."
        ) from error
    except (_InvalidError, RecordError, ValueError, TypeError, KeyError) as error:
        raise WeightsError(
            f"{path} is not a valid safetensors file ({str(error)[:200]}). Download it again."
        ) from error


def shards(path: str | Path) -> dict[str, Path]:
    """Tensor name -> file, of an index such as `model.safetensors.index.json`; the files are beside it.

    Raises:
        WeightsError: the index is missing or damaged, or names a file somewhere else.
    """
    path = Path(path)
    try:
        if path.stat().st_size > LARGEST_INDEX_BYTES:
            raise _InvalidError(f"it has more than {LARGEST_INDEX_BYTES:,} bytes")
        names = parse_json(path.read_text())["weight_map"]
        return {str(key): path.parent / _plain(name) for key, name in names.items()}
    except OSError as error:
        raise WeightsError(f"Can't read the index {path}: {error.strerror}. Check its name and permissions.") from error
    except (_InvalidError, RecordError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise WeightsError(
            f"{path} is not a valid index of weights ({str(error)[:200]}). Download it again."
        ) from error


class _InvalidError(Exception):
    """What contradicts the format."""


def _plain(name: Any) -> str:
    """The name of a file in the same folder."""
    if not isinstance(name, str) or name in ("", ".", "..") or "/" in name or "\\" in name or "\0" in name:
        raise _InvalidError(f"the index refers to {str(name)[:80]!r}; expected the name of a file beside it")
    return name


def _parse(content: BinaryIO, size_bytes: int) -> Arrays:
    """All tensors; the header is checked against the file's size before any value is read."""
    length = int.from_bytes(content.read(8), "little")
    if size_bytes < 8 or length > min(LARGEST_HEADER_BYTES, size_bytes - 8):
        raise _InvalidError(f"its header claims {length:,} bytes, but the file has {size_bytes:,}")
    header = parse_json(content.read(length))
    if not isinstance(header, dict):
        raise _InvalidError("its header is not a JSON object")
    header.pop("__metadata__", None)
    places = {name: _place(name, entry) for name, entry in header.items()}
    expected = size_bytes - 8 - length
    _check_gaps(sorted((begin, end) for _, _, begin, end in places.values()), expected)
    if expected > LARGEST_BYTES:
        raise _InvalidError(f"it claims {expected:,} bytes of values; expected at most {LARGEST_BYTES:,}")
    values = memoryview(content.read(expected))
    return {
        name: np.frombuffer(values[begin:end], dtype).reshape(shape)
        for name, (dtype, shape, begin, end) in places.items()
    }


def _place(name: str, entry: Any) -> tuple[np.dtype[Any], tuple[int, ...], int, int]:
    """Type, shape, begin and end of a tensor, which agree with each other."""
    dtype, shape, (begin, end) = DTYPES[entry["dtype"]], entry["shape"], entry["data_offsets"]
    numbers = [begin, end, *shape]
    if len(shape) > MAXIMUM_RANK or not all(type(number) is int and number >= 0 for number in numbers):
        raise _InvalidError(f"the tensor {name[:80]} has a shape or offset that is not a list of non-negative integers")
    if end - begin != math.prod(shape) * dtype.itemsize:
        raise _InvalidError(
            f"the tensor {name[:80]} has {end - begin} bytes, which does not fit its shape {list(shape)}"
        )
    return dtype, tuple(shape), begin, end


def _check_gaps(places: list[tuple[int, int]], length: int) -> None:
    """The values of all tensors fill the file, and no two overlap."""
    reached = 0
    for begin, end in places:
        if begin != reached:
            raise _InvalidError(f"a tensor begins at byte {begin}, but the one before ends at byte {reached}")
        reached = end
    if reached != length:
        raise _InvalidError(f"the tensors end at byte {reached} of {length}")
