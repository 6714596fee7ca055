"""A reader of PyTorch's zip checkpoint format: runs no code from the file, unpacks nothing to disk, needs no PyTorch.

The format (torch.serialization since 1.6): a zip archive of uncompressed members under one folder: `data.pkl`, a pickle
whose tensors refer to storages by a persistent id; `data/KEY`, the raw values of a storage; `byteorder`.
"""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.core.errors import UntrustedModelError
from edgecnn.weights import torch_pickle
from edgecnn.weights.torch_pickle import Storage

LARGEST_PICKLE_BYTES = 1 << 26
MOST_MEMBERS = 1 << 16
_PROGRAMS = ("constants.pkl", "code/", "models/")


def read(path: str | Path) -> torch_pickle.Arrays:
    """Read a checkpoint: tensor name -> array, in the file's order, shapes as PyTorch has them.

    Raises:
        UntrustedModelError: the file asks for anything but tensors.
        WeightsError: the file is missing, truncated, too large, or not of this format.
    """
    return torch_pickle.guarded(path, "zip", _parse)


def _parse(path: Path) -> torch_pickle.Arrays:
    with zipfile.ZipFile(path) as archive:
        members = _members(archive, path.stat().st_size)
        content = archive.read(members["data.pkl"])
        value, storages = torch_pickle.unpickle_tensors(io.BytesIO(content))
        tensors = torch_pickle.tensors_of(value)
        if "byteorder" in members and archive.read(members["byteorder"]) != b"little":
            raise pickle.UnpicklingError("big-endian values")
        needed = {tensor.storage.key for tensor in tensors.values()}
        values = {key: _values(archive, members, storages[key]) for key in sorted(needed)}
    return {name: torch_pickle.array(tensor, values[tensor.storage.key]) for name, tensor in tensors.items()}


def _members(archive: zipfile.ZipFile, size_bytes: int) -> dict[str, zipfile.ZipInfo]:
    """The archive's members by their names inside its one folder.

    Raises:
        pickle.UnpicklingError: the archive has members that no checkpoint has.
        UntrustedModelError: it holds a program.
    """
    found: dict[str, zipfile.ZipInfo] = {}
    listed = archive.infolist()
    if any(member.compress_type != zipfile.ZIP_STORED for member in listed):
        raise pickle.UnpicklingError("a member is compressed, which PyTorch does not do")
    if len(listed) > MOST_MEMBERS or sum(member.file_size for member in listed) > size_bytes:
        raise pickle.UnpicklingError(f"it has {len(listed)} members, which together are larger than the archive")
    if len({member.filename.partition("/")[0] for member in listed}) > 1:
        raise pickle.UnpicklingError("its members are in several folders")
    for member in listed:
        root, _, name = member.filename.partition("/")
        if root in ("", "..") or ".." in name.split("/") or name in found:
            raise pickle.UnpicklingError("a member is outside the archive's folder, or occurs twice")
        found[name] = member
    if any(name.startswith(_PROGRAMS) for name in found):
        raise UntrustedModelError(
            "The file was not loaded: it holds a program (TorchScript or torch.export); expected only tensors. "
            "Save the model's state_dict() instead, preferably as safetensors."
        )
    if found["data.pkl"].file_size > LARGEST_PICKLE_BYTES:
        size_bytes = found["data.pkl"].file_size
        raise pickle.UnpicklingError(f"data.pkl has {size_bytes:,} bytes; expected at most {LARGEST_PICKLE_BYTES:,}")
    return found


def _values(archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], storage: Storage) -> np.ndarray[Any, Any]:
    member = members[f"data/{storage.key}"]
    if member.file_size != storage.length * storage.dtype.itemsize:
        raise pickle.UnpicklingError(f"a storage has {member.file_size:,} bytes; expected {storage.length:,} values")
    return np.frombuffer(archive.read(member), storage.dtype)
