"""Checks every model file before it is loaded: what is not on an allowlist of safe operations is rejected by name.

A model is data by its purpose and code by its format: Keras imports the classes that a configuration names and calls
operations while it loads, HDF5 reads values from other files, a SavedModel is a program. `check` looks before any of
them does, and `--trust` is the way past it. The lists are in `keras_names` and `operation_names`; layers that another
installed package registers are on none, so that its files need `--trust` too.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn

from edgecnn.core.errors import ModelFileError, RecordError, UntrustedModelError
from edgecnn.float_model import safety_hdf5, safety_keras, safety_saved_model
from edgecnn.runtime.model.json_text import parse_json
from edgecnn.runtime.zips import DAMAGED_ZIP

WEIGHTS = "model.weights.h5"
CONTRACT = "edgecnn.json"
MEMBERS = ("metadata.json", "config.json", WEIGHTS, CONTRACT)
LARGEST_TEXT_BYTES = 64 << 20
_LARGEST_RATIO = 200  # of a member's size to its compressed size
_SLACK_BYTES = 1 << 20
_DAMAGED_HDF5 = (OSError, KeyError, ValueError, RuntimeError, TypeError, AttributeError, MemoryError)

_LAYERS = "Keras's own layers only"
_NUMBERS = "only numbers in the file itself"


def check(path: str | Path, *, trust: bool | None) -> None:
    """Reject a model that needs more than safe operations, before any part of it is loaded.

    Args:
        path: a `.keras`, `.h5` or `.hdf5` file, or a SavedModel folder.
        trust: True lets everything pass; False refuses, and the message says that `--trust` exists; None refuses where
            a command has no such option.

    Raises:
        UntrustedModelError: names the layer, operation or array that asks for more, and what for.
        ModelFileError: the file is damaged, or unpacks to far more than it holds.
    """
    if trust:
        return
    path = Path(path)
    if path.is_dir():
        _check_saved_model(path, trust)
    elif path.suffix == ".keras":
        _check_archive(path, trust)
    else:
        _check_hdf5(path, path, path.stat().st_size, trust, with_config=True)


def check_arrays(path: str | Path) -> None:
    """Reject an `.h5` file with arrays stored elsewhere. Its configuration is not checked and must not be used.

    Raises:
        UntrustedModelError: names the array.
        ModelFileError: the file is damaged.
    """
    path = Path(path)
    _check_hdf5(path, path, path.stat().st_size, None)


def read_text(archive: zipfile.ZipFile, member: str, path: Path) -> bytes:
    """A small member of a `.keras` file.

    Raises:
        ModelFileError: it claims to be larger than any.
        KeyError: there is none.
    """
    size_bytes = archive.getinfo(member).file_size
    if size_bytes > LARGEST_TEXT_BYTES:
        raise ModelFileError(
            f"{path}: {member} unpacks to {size_bytes:,} bytes; expected at most {LARGEST_TEXT_BYTES:,}. The file "
            "was not loaded."
        )
    return archive.read(member)


def _check_archive(path: Path, trust: bool | None) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            _check_members(archive, path, trust)
            config = parse_json(read_text(archive, "config.json", path), constants=True)
            _refuse_first(safety_keras.requests(config), path, _LAYERS, trust)
            weights = io.BytesIO(archive.read(WEIGHTS))
    except OSError as error:
        raise ModelFileError(
            f"Can't read {path}: {error.strerror or error}. Check its name and permissions."
        ) from error
    except (RecordError, *DAMAGED_ZIP) as error:
        raise ModelFileError(f"{path} is not a valid .keras file ({error}). Save it again.") from error
    _check_hdf5(path, weights, weights.getbuffer().nbytes, trust)


def _check_members(archive: zipfile.ZipFile, path: Path, trust: bool | None) -> None:
    names = archive.namelist()
    others = [name for name in names if name not in MEMBERS]
    if others:
        _refuse(path, "the model", f"the file {others[0]!r} in its archive", f"{', '.join(MEMBERS)}", trust)
    if len(set(names)) < len(names):
        raise ModelFileError(f"{path} is not a valid .keras file (it contains a member twice). Save it again.")
    for info in archive.infolist():
        largest = min(safety_hdf5.LARGEST_BYTES, _SLACK_BYTES + _LARGEST_RATIO * info.compress_size)
        if info.file_size > largest:
            sizes = f"from {info.compress_size:,} to {info.file_size:,} bytes"
            raise ModelFileError(
                f"{path}: {info.filename} unpacks {sizes}, which is suspicious; the file was not loaded. Save it again."
            )


def _check_hdf5(path: Path, content: Any, size_bytes: int, trust: bool | None, *, with_config: bool = False) -> None:
    import h5py

    try:
        with h5py.File(content, "r") as file:
            if with_config:
                config = parse_json(file.attrs["model_config"], constants=True)
                _refuse_first(safety_keras.requests(config), path, _LAYERS, trust)
            _refuse_first(safety_hdf5.requests(file, size_bytes), path, _NUMBERS, trust)
    except (*_DAMAGED_HDF5, RecordError) as error:
        raise ModelFileError(
            f"{path} is damaged: {str(error)[:200] or type(error).__name__}. Save it again."
        ) from error


def _check_saved_model(folder: Path, trust: bool | None) -> None:
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    expected = "only operations on edgecnn's list of safe operations"
    _refuse_first(safety_saved_model.file_requests(folder), folder, expected, trust)
    message = SavedModel()
    graph_file = folder / safety_saved_model.GRAPH
    try:
        message.ParseFromString(graph_file.read_bytes())
    except Exception as error:  # protobuf's DecodeError has no stable home
        raise ModelFileError(f"{graph_file} is damaged: {str(error)[:200]}. Export the model again.") from error
    if len(message.meta_graphs) != 1:
        raise ModelFileError(
            f"{folder} holds {len(message.meta_graphs)} graphs; expected one. Export the model with one graph."
        )
    graph = message.meta_graphs[0]
    _refuse_nodes(list(safety_saved_model.distrusted_nodes(graph)), folder, trust)
    _refuse_first(safety_saved_model.object_requests(graph), folder, expected, trust)


def _refuse_nodes(nodes: list[Any], folder: Path, trust: bool | None) -> None:
    if not nodes:
        return
    first, others = nodes[0], sorted({node.op for node in nodes} - {nodes[0].op})
    more = f"; neither are {', '.join(others[:8])}" if others else ""
    raise UntrustedModelError(
        f"{folder} was not loaded: the operation {first.name!r} ({first.op}) is not on edgecnn's list of safe "
        f"operations{more}. {_remedy(trust)}"
    )


def _refuse_first(requests: Iterable[tuple[str, str]], path: Path, expected: str, trust: bool | None) -> None:
    try:
        for place, request in islice(requests, 1):
            _refuse(path, place, request, expected, trust)
    except RecursionError as error:
        raise ModelFileError(f"{path} is damaged: its objects are nested too deeply. Save it again.") from error


def _refuse(path: Path, place: str, request: str, expected: str, trust: bool | None) -> NoReturn:
    raise UntrustedModelError(
        f"{path} was not loaded: {place} refers to {request}; expected {expected}. {_remedy(trust)}"
    )


def _remedy(trust: bool | None) -> str:
    if trust is None:
        return "This command runs no code from a file: save the model without it."
    return (
        "If you trust the source of the file, add --trust (in a recipe: trust = true): it can then run any code on "
        "this machine."
    )
