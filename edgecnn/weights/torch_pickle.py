"""The pickles of PyTorch's checkpoints, read without running code from the file and without PyTorch.

A pickle can name any function of any module; this reader knows the few kinds of names that a dictionary of tensors
needs and refuses the file at the first other one. Tensors are references to storages by a persistent id; where the
values of the storages are is up to the format: `torch_legacy.py` and `torch_zip.py`.
"""

from __future__ import annotations

import math
import pickle
import pickletools
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import ml_dtypes
import numpy as np

from edgecnn.core.errors import UntrustedModelError, WeightsError

MAXIMUM_BYTES = 1 << 30
MAXIMUM_RANK = 8
MAXIMUM_MEMO = 1 << 20
_NUMBERS = ("BININT", "BININT1", "BININT2", "LONG1")

STORAGES: dict[str, np.dtype[Any]] = {
    "FloatStorage": np.dtype("<f4"),
    "DoubleStorage": np.dtype("<f8"),
    "HalfStorage": np.dtype("<f2"),
    "BFloat16Storage": np.dtype(ml_dtypes.bfloat16),
    "LongStorage": np.dtype("<i8"),
    "IntStorage": np.dtype("<i4"),
    "ShortStorage": np.dtype("<i2"),
    "CharStorage": np.dtype("i1"),
    "ByteStorage": np.dtype("u1"),
    "BoolStorage": np.dtype("?"),
}
Arrays = dict[str, np.ndarray[Any, Any]]
"""Tensor name -> array, shaped as PyTorch has it."""
# What training programs call the entry with the weights; timm prefers moving averages of them too.
_WRAPPERS = ("state_dict_ema", "model_ema", "state_dict", "model_state_dict", "model")


class _Kind(NamedTuple):
    """Stands in for a storage class; a pickle can set attributes of what it names, and these have none to set."""

    name: str


class Storage(NamedTuple):
    """Where values are: the key is a number in a legacy file, a member's name in an archive."""

    dtype: np.dtype[Any]
    key: str
    length: int


class Tensor(NamedTuple):
    """A view of a storage; offset and strides in elements."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _rebuild_tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> Tensor:
    """Stands in for torch._utils._rebuild_tensor_v2: remembers where the values are, and checks that they can be."""
    if type(shape) is not tuple or type(strides) is not tuple or not isinstance(storage, Storage):
        raise pickle.UnpicklingError("a tensor has no valid storage, shape or strides")
    if not all(type(number) is int and number >= 0 for number in (offset, *shape, *strides)):
        raise pickle.UnpicklingError("a tensor has an offset, size or stride that is not a non-negative integer")
    if len(shape) != len(strides) or len(shape) > MAXIMUM_RANK:
        raise pickle.UnpicklingError(f"a tensor has the shape {shape} but the strides {strides}")
    last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides))
    # Overlapping strides could name more values than the file has, and fill the memory.
    if math.prod(shape) > storage.length or (math.prod(shape) and last >= storage.length):
        raise pickle.UnpicklingError(f"a tensor of shape {shape} is larger than its storage of {storage.length} values")
    return Tensor(storage, offset, tuple(shape), tuple(strides))


class _Rebuild:
    """Calls `_rebuild_tensor`; a function has attributes that a pickle could set for the whole process."""

    __slots__ = ()

    def __call__(self, *arguments: Any) -> Tensor:
        return _rebuild_tensor(*arguments)


class _RebuildParameter:
    """Stands in for torch._utils._rebuild_parameter: a parameter is its tensor."""

    __slots__ = ()

    def __call__(self, tensor: Any, *_: Any) -> Tensor:
        if not isinstance(tensor, Tensor):
            raise pickle.UnpicklingError("a parameter is not a tensor")
        return tensor


class _Unpickler(pickle.Unpickler):
    """Knows the names that a dictionary of tensors needs, and no other; `storages` are those that it met, by key."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__(stream)
        self.storages: dict[str, Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _Rebuild()
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return _RebuildParameter()
        if module == "torch" and name in STORAGES:
            return _Kind(name)
        raise UntrustedModelError(
            f"The checkpoint was not loaded: it refers to the Python object {module}.{name}; expected only "
            "tensors. Get the file from a source that you trust, or save it as safetensors."
        )

    def persistent_load(self, pid: Any) -> Storage:
        # Nothing of the reference is printed: a few bytes can describe one whose text fills the memory.
        if type(pid) is not tuple or not 5 <= len(pid) <= 6:
            raise pickle.UnpicklingError("a persistent reference is not a storage")
        kind, dtype, key, _location, count, *_view = pid
        if kind != "storage" or not isinstance(dtype, _Kind) or type(key) is not str:
            raise pickle.UnpicklingError("a persistent reference is not a storage")
        if type(count) is not int or count < 0:
            raise pickle.UnpicklingError("the length of a storage is not a number")
        storage = Storage(STORAGES[dtype.name], key, count)
        if self.storages.setdefault(key, storage) != storage:
            raise pickle.UnpicklingError("a storage has two types")
        return storage


def guarded(path: str | Path, kind: str, parse: Callable[[Path], Arrays]) -> Arrays:
    """What a parser makes of a file, with clear errors.

    Args:
        path: of the file.
        kind: of checkpoint, for messages.
        parse: may raise anything.

    Raises:
        UntrustedModelError: the file asks for anything but tensors.
        WeightsError: the file is missing, truncated, too large, or not of this format.
    """
    path = Path(path)
    try:
        size_bytes = path.stat().st_size
        if size_bytes > MAXIMUM_BYTES:
            raise WeightsError(
                f"{path} has {size_bytes:,} bytes; expected at most {MAXIMUM_BYTES:,}. Choose a smaller model."
            )
        return parse(path)
    except OSError as error:
        raise WeightsError(
            f"Can't read the checkpoint {path}: {error.strerror}. Check its name and permissions."
        ) from error
    except UntrustedModelError as error:
        raise UntrustedModelError(f"{path}: {error}") from None
    except WeightsError:
        raise
    except Exception as error:  # a hostile or broken pickle can raise anything
        raise WeightsError(
            f"{path} is not a valid PyTorch checkpoint in the {kind} format ({str(error)[:200]}). Download it "
            "again, or save it again with torch.save()."
        ) from error


def unpickle(stream: BinaryIO) -> Any:
    """The next pickle of the stream, looked through before it is run."""
    return unpickle_tensors(stream)[0]


def unpickle_tensors(stream: BinaryIO) -> tuple[Any, dict[str, Storage]]:
    """The next pickle of the stream, looked through before it is run, and the storages that it refers to."""
    start = stream.tell()
    _check_opcodes(stream)
    stream.seek(start)
    unpickler = _Unpickler(stream)
    return unpickler.load(), unpickler.storages


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
                raise pickle.UnpicklingError(f"there is no memo index {index}")
            is_tuple = "TUPLE" in names[-1] or names[-1] == "FROZENSET"
            (tuples.add if is_tuple and not _is_shape(names) else tuples.discard)(index)
            count += 1
        elif name == "DUP" or (name in ("GET", "BINGET", "LONG_BINGET") and index in tuples):
            raise pickle.UnpicklingError("a tuple is referenced twice")
        names.append(name)


def _is_shape(names: list[str]) -> bool:
    """Whether the last opcode makes a tuple of a few numbers."""
    sizes = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
    last = names[-2 - MAXIMUM_RANK : -1]  # with the mark
    before_mark = last[::-1].index("MARK") if "MARK" in last else -1
    size = sizes.get(names[-1], before_mark)
    return 0 <= size < len(names) - 1 and all(name in _NUMBERS for name in names[len(names) - 1 - size : -1])


def tensors_of(value: Any) -> dict[str, Tensor]:
    """The dictionary of tensors in a checkpoint: the whole, or the entry that training programs put it in.

    Raises:
        pickle.UnpicklingError: there is none, or it would fill the memory.
    """
    if isinstance(value, dict):
        wrapped = [value[key] for key in _WRAPPERS if isinstance(value.get(key), dict)]
        value = wrapped[0] if wrapped else value
    if not isinstance(value, dict) or not all(
        type(name) is str and isinstance(tensor, Tensor) for name, tensor in value.items()
    ):
        raise pickle.UnpicklingError("it is not a dictionary of tensors")
    # Many tensors may share a storage, and each is copied.
    size_bytes = sum(math.prod(tensor.shape) * tensor.storage.dtype.itemsize for tensor in value.values())
    if size_bytes > MAXIMUM_BYTES:
        raise pickle.UnpicklingError(f"it has {len(value)} tensors of {size_bytes:,} bytes in all")
    return value


def array(tensor: Tensor, values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A tensor's values, out of all those of its storage."""
    if len(values) != tensor.storage.length:
        raise pickle.UnpicklingError(f"a storage has {len(values)} values; its tensor expects {tensor.storage.length}")
    strides = tuple(stride * values.itemsize for stride in tensor.strides)
    return np.lib.stride_tricks.as_strided(values[tensor.offset :], tensor.shape, strides, writeable=False).copy()
