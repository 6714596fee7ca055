"""A reader of PyTorch's legacy checkpoint format that runs no code from the file and needs no PyTorch.

The format (torch.serialization, before the zip format of 1.6): five pickles, the magic number, the protocol version,
facts of the system, a dictionary of tensors that refer to storages by a persistent id, and the list of storage keys;
then, for each key in that order, an 8-byte element count and the raw values. A pickle can name any function of any
module; this reader knows the four kinds of names below and refuses the file at the first other one.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from edgecnn.core.errors import UntrustedModelError, WeightsError

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
MAXIMUM_BYTES = 1 << 30
MAXIMUM_RANK = 8
MAXIMUM_MEMO = 1 << 20
_NUMBERS = ("BININT", "BININT1", "BININT2", "LONG1")

STORAGES: dict[str, np.dtype[Any]] = {
    "FloatStorage": np.dtype("<f4"),
    "DoubleStorage": np.dtype("<f8"),
    "HalfStorage": np.dtype("<f2"),
    "LongStorage": np.dtype("<i8"),
    "IntStorage": np.dtype("<i4"),
}


class _Kind(NamedTuple):
    """Stands in for a storage class; a pickle can set attributes of what it names, and these have none to set."""

    name: str


class _Storage(NamedTuple):
    dtype: np.dtype[Any]
    key: str
    length: int


class _Tensor(NamedTuple):
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _rebuild_tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> _Tensor:
    """Stands in for torch._utils._rebuild_tensor_v2: remembers where the values are, and checks that they can be."""
    if type(shape) is not tuple or type(strides) is not tuple or not isinstance(storage, _Storage):
        raise pickle.UnpicklingError("a tensor has no valid storage, shape or strides")
    if not all(type(number) is int and number >= 0 for number in (offset, *shape, *strides)):
        raise pickle.UnpicklingError("a tensor has an offset, size or stride that is not a non-negative integer")
    if len(shape) != len(strides) or len(shape) > MAXIMUM_RANK:
        raise pickle.UnpicklingError(f"a tensor has shape {shape} and strides {strides}")
    last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides))
    # Overlapping strides could name more values than the file has, and fill the memory.
    if math.prod(shape) > storage.length or (math.prod(shape) and last >= storage.length):
        raise pickle.UnpicklingError(f"a tensor of shape {shape} is larger than its storage of {storage.length} values")
    return _Tensor(storage, offset, tuple(shape), tuple(strides))


class _Rebuild:
    """Calls `_rebuild_tensor`; a function has attributes that a pickle could set for the whole process."""

    __slots__ = ()

    def __call__(self, *arguments: Any) -> _Tensor:
        return _rebuild_tensor(*arguments)


class _Unpickler(pickle.Unpickler):
    """Knows the names that a dictionary of tensors needs, and no other."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _Rebuild()
        if module == "torch" and name in STORAGES:
            return _Kind(name)
        raise UntrustedModelError(
            f"The checkpoint refers to the Python object {module}.{name}; expected only tensors. It was not loaded. "
            "Get the file from a source that you trust."
        )

    def persistent_load(self, pid: Any) -> _Storage:
        # Nothing of the reference is printed: a few bytes can describe one whose text fills the memory.
        if type(pid) is not tuple or not 5 <= len(pid) <= 6:
            raise pickle.UnpicklingError("a persistent reference that is not a storage")
        kind, dtype, key, _location, count, *_view = pid
        if kind != "storage" or not isinstance(dtype, _Kind) or type(key) is not str:
            raise pickle.UnpicklingError("a persistent reference that is not a storage")
        if type(count) is not int or count < 0:
            raise pickle.UnpicklingError("a storage whose length is not a number")
        return _Storage(STORAGES[dtype.name], key, count)


def read(path: str | Path) -> dict[str, np.ndarray[Any, Any]]:
    """Read a legacy checkpoint: tensor name -> array, in the file's order, shapes as PyTorch has them.

    Raises:
        UntrustedModelError: the file asks for anything but tensors.
        WeightsError: the file is missing, truncated, too large, or not of this format.
    """
    path = Path(path)
    try:
        size_bytes = path.stat().st_size
        if size_bytes > MAXIMUM_BYTES:
            raise WeightsError(f"{path} has {size_bytes} bytes; at most {MAXIMUM_BYTES} are read.")
        return _parse(io.BytesIO(path.read_bytes()))
    except OSError as error:
        raise WeightsError(f"Can't read the checkpoint {path}: {error.strerror}.") from error
    except UntrustedModelError as error:
        raise UntrustedModelError(f"{path}: {error}") from None
    except WeightsError:
        raise
    except Exception as error:  # a hostile or broken pickle can raise anything
        raise WeightsError(
            f"{path} is not a valid legacy PyTorch checkpoint ({error}). Install its package again."
        ) from error


def _unpickle(stream: BinaryIO) -> Any:
    """The next pickle of the stream, looked through before it is run."""
    start = stream.tell()
    _check_opcodes(stream)
    stream.seek(start)
    return _Unpickler(stream).load()


def _check_opcodes(stream: BinaryIO) -> None:
    """Refuse memo indices of billions, which Python would make room for, and tuples that are used again.

    A tuple of twice the same tuple, 60 times over, is 300 bytes long and takes a lifetime to hash; a shape is short and
    holds no tuple.
    """
    tuples: set[int] = set()
    names: list[str] = [""]
    count = 0
    for opcode, argument, _ in pickletools.genops(stream):
        name = opcode.name
        index = argument if isinstance(argument, int) else count
        if name in ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"):
            if index > MAXIMUM_MEMO:
                raise pickle.UnpicklingError(f"memo index {index}")
            is_tuple = "TUPLE" in names[-1] or names[-1] == "FROZENSET"
            (tuples.add if is_tuple and not _is_shape(names) else tuples.discard)(index)
            count += 1
        elif name == "DUP" or (name in ("GET", "BINGET", "LONG_BINGET") and index in tuples):
            raise pickle.UnpicklingError("a tuple that is referenced twice")
        names.append(name)


def _is_shape(names: list[str]) -> bool:
    """Whether the last opcode makes a tuple of a few numbers."""
    sizes = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
    last = names[-2 - MAXIMUM_RANK : -1]  # with the mark
    before_mark = last[::-1].index("MARK") if "MARK" in last else -1
    size = sizes.get(names[-1], before_mark)
    return 0 <= size < len(names) - 1 and all(name in _NUMBERS for name in names[len(names) - 1 - size : -1])


def _parse(stream: BinaryIO) -> dict[str, np.ndarray[Any, Any]]:
    if _unpickle(stream) != MAGIC or _unpickle(stream) != PROTOCOL:
        raise pickle.UnpicklingError("wrong magic number or protocol")
    if not _unpickle(stream)["little_endian"]:
        raise pickle.UnpicklingError("big-endian values")
    tensors, keys = _unpickle(stream), _unpickle(stream)
    _check_tensors(tensors, keys)
    dtypes = {tensor.storage.key: tensor.storage.dtype for tensor in tensors.values()}
    storages = {key: _values(stream, dtypes[key]) for key in keys}
    return {str(name): _array(tensor, storages[tensor.storage.key]) for name, tensor in tensors.items()}


def _check_tensors(tensors: Any, keys: Any) -> None:
    if not isinstance(tensors, dict) or not isinstance(keys, list):
        raise pickle.UnpicklingError("not a dictionary of tensors")
    if not all(type(name) is str and isinstance(tensor, _Tensor) for name, tensor in tensors.items()):
        raise pickle.UnpicklingError("not a dictionary of tensors")
    # Many tensors may share a storage, and each is copied.
    size_bytes = sum(math.prod(tensor.shape) * tensor.storage.dtype.itemsize for tensor in tensors.values())
    if size_bytes > MAXIMUM_BYTES or not all(type(key) is str for key in keys):
        raise pickle.UnpicklingError(f"{len(tensors)} tensors of {size_bytes} bytes")


def _values(stream: BinaryIO, dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    count = int.from_bytes(stream.read(8), "little")
    content = stream.read(count * dtype.itemsize) if count * dtype.itemsize <= MAXIMUM_BYTES else b""
    if len(content) != count * dtype.itemsize:
        raise EOFError("the file ends in the middle of a tensor")
    return np.frombuffer(content, dtype)


def _array(tensor: _Tensor, values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if len(values) != tensor.storage.length:
        raise pickle.UnpicklingError(f"a storage has {len(values)} values; its tensor expects {tensor.storage.length}")
    strides = tuple(stride * values.itemsize for stride in tensor.strides)
    return np.lib.stride_tricks.as_strided(values[tensor.offset :], tensor.shape, strides, writeable=False).copy()
