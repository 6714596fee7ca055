"""Reads and writes `.keras` files with the contract inside.

A `.keras` file is a zip of `metadata.json`, `config.json` and `model.weights.h5`; ours has a fourth member,
`edgecnn.json`, that other programs ignore. The same model gives the same bytes: fixed times, sorted members.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgecnn.core import temporary
from edgecnn.core.compat.tensorflow import keras
from edgecnn.core.errors import EdgecnnError, ModelFileError, RecordError, UsageError
from edgecnn.core.files import replacing
from edgecnn.float_model import allocation, safety, safety_hdf5, wrappers
from edgecnn.float_model.keras_names import OWN_MODULES
from edgecnn.float_model.safety import CONTRACT, MEMBERS, WEIGHTS
from edgecnn.runtime.model.contract import Contract
from edgecnn.runtime.model.json_text import parse_json
from edgecnn.runtime.regular_file import check_regular
from edgecnn.runtime.zips import DAMAGED_ZIP

_TIME = (1980, 1, 1, 0, 0, 0)  # the first one that a zip can say
_DATE_SAVED = "1980-01-01@00:00:00"
_LARGEST_BYTES = 4 << 30


def save(model: Any, contract: Contract | None, path: str | Path) -> None:
    """Write a model and its contract, whole or not at all; the same model gives the same bytes.

    Raises:
        UsageError: the file name doesn't end with `.keras`.
        EdgecnnError: the file can't be written.
    """
    path = checked_name(path)
    with replacing(path) as written:
        with temporary.of_libraries():
            model.save(written, save_format="keras")
        with zipfile.ZipFile(written) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        if contract is not None:
            members[CONTRACT] = contract.to_json().encode()
        members["metadata.json"] = _dated(members["metadata.json"])
        written.write_bytes(_zipped(members))


def checked_name(path: str | Path) -> Path:
    """The path, if its name ends with `.keras`; ask before hours of work rather than after.

    Raises:
        UsageError: it does not.
    """
    if Path(path).suffix != ".keras":
        raise UsageError(f"The model file is {path}; expected a name that ends with .keras.")
    return Path(path)


def _dated(metadata: bytes) -> bytes:
    return json.dumps({**json.loads(metadata), "date_saved": _DATE_SAVED}, sort_keys=True).encode()


def _zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(members):
            archive.writestr(zipfile.ZipInfo(name, _TIME), members[name])
    return buffer.getvalue()


def load(path: str | Path, *, trust: bool | None = False) -> tuple[Any, Contract | None]:
    """Read a `.keras` file of Keras 2 (tf_keras), ours or others'.

    Args:
        path: the file.
        trust: run what the file asks for, Lambda and custom layers too; None where a command has no such option.

    Returns:
        The model, not compiled, and its contract, which only our own files have.

    Raises:
        UntrustedModelError: the file asks for code and `trust` is False.
        ModelFileError: the file is missing, damaged or of another kind.
        EdgecnnError: there is no room for temporary files.
    """
    path = Path(path)
    config, contract = _read(path)
    safety.check(path, trust=trust)
    _register_own_layers(config)
    try:
        with wrappers.known(json.dumps(config)):
            model = wrappers.taken_off(_assembled(path, config, bool(trust)))
    except (EdgecnnError, MemoryError):
        raise
    except Exception as error:  # Keras raises whatever the damaged part makes it raise
        raise ModelFileError(f"Keras can't load {path}: {first_line(error)}. Save the model again.") from error
    return model, contract


def _assembled(path: Path, config: dict[str, Any], trust: bool) -> Any:
    """What `load_model` does, without its thousand seeks in the zip for the weights: twice as fast."""
    with zipfile.ZipFile(path) as archive, temporary.folder() as folder:
        with temporary.writing(f"the weights of {path.name}"):
            weights = archive.extract(WEIGHTS, folder)
        with allocation.bounded(keras.layers.Layer, safety_hdf5.values(weights), path):
            if not set(archive.namelist()) <= set(MEMBERS):  # vocabularies and the like
                return keras.models.load_model(path, compile=False, safe_mode=not trust)
            model = keras.saving.deserialize_keras_object({**config, "compile_config": None}, safe_mode=not trust)
        model.load_weights(weights)
    allocation.check_outputs(model, path)
    return model


def read_contract(path: str | Path) -> Contract | None:
    """The contract of a `.keras` file, without TensorFlow; None if it has none.

    Raises:
        ModelFileError: the file is missing, damaged or of another kind.
    """
    return _read(Path(path))[1]


def layer_names(path: str | Path) -> set[str]:
    """The names of all layers of a `.keras` file, nested ones too, without TensorFlow.

    Raises:
        ModelFileError: the file is missing, damaged or of another kind.
    """
    return set(_names(_read(Path(path))[0]))


def _names(config: Any) -> Iterator[str]:
    """Of a configuration whose depth was bounded when it was read."""
    if isinstance(config, dict):
        inner = config.get("config")
        if isinstance(inner, dict) and isinstance(inner.get("name"), str):
            yield inner["name"]
        config = list(config.values())
    if isinstance(config, list):
        for value in config:
            yield from _names(value)


def _read(path: Path) -> tuple[dict[str, Any], Contract | None]:
    """The `config.json` and the contract."""
    if path.suffix == ".tflite" and path.is_file():
        raise ModelFileError(f"{path} is already converted; expected the .keras file that it was made from.")
    try:
        check_regular(path)
        with zipfile.ZipFile(path) as archive:
            if sum(info.file_size for info in archive.infolist()) > _LARGEST_BYTES:
                raise ModelFileError(
                    f"{path} unpacks to more than {_LARGEST_BYTES:,} bytes and was not loaded. Use a smaller model."
                )
            config = parse_json(safety.read_text(archive, "config.json", path), constants=True)
            text = safety.read_text(archive, CONTRACT, path) if CONTRACT in archive.namelist() else None
        contract = Contract.from_dict(parse_json(text)) if text is not None else None
    except OSError as error:
        raise ModelFileError(
            f"Can't read {path}: {error.strerror or error}. Check its name and permissions."
        ) from error
    except DAMAGED_ZIP as error:
        raise ModelFileError(f"{path} is not a valid .keras file ({error}). Save it again.") from error
    except RecordError as error:
        raise ModelFileError(f"{path} is not a valid .keras file: {error} Save it again.") from error
    if not isinstance(config, dict):
        raise ModelFileError(
            f"{path} is not a valid .keras file (its config.json is a {type(config).__name__}; expected an "
            "object). Save it again."
        )
    return config, contract


def _register_own_layers(config: Any) -> None:
    text = json.dumps(config)
    if any(module in text for module in OWN_MODULES):
        import edgecnn.models.layers  # noqa: F401


def first_line(error: BaseException) -> str:
    """What an error of Keras or TensorFlow says first: no final period, no Python objects that it may go on with."""
    text = str(error).strip().partition("Full object config")[0].strip()
    if not text:
        return type(error).__name__
    line = text.splitlines()[0].rstrip(" .")
    return line if len(line) <= 200 else f"{line[:200].rpartition(' ')[0]} ..."
