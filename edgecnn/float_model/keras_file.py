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
from edgecnn.core.errors import ModelFileError, UntrustedModelError, UsageError
from edgecnn.core.files import DAMAGED_ZIP, replacing
from edgecnn.runtime.model.contract import Contract

CONTRACT = "edgecnn.json"
_WEIGHTS = "model.weights.h5"
_MEMBERS = ("metadata.json", "config.json", _WEIGHTS)
_TIME = (1980, 1, 1, 0, 0, 0)  # the first one that a zip can say
_DATE_SAVED = "1980-01-01@00:00:00"
_LARGEST_BYTES = 4 << 30
_OWN_LAYERS = ("edgecnn.models.layers", "edgecnn.models._layers")  # the second: as edgecnn 0.1 wrote it
# What a file can make Keras run: code that it carries, a function that it names, a TensorFlow function that it names.
_CODE = ("Lambda", "function", "__lambda__")
_OPERATIONS = ("TFOpLambda", "SlicingOpLambda", "ClassMethod", "InstanceMethod", "InstanceProperty")
_HARMLESS_OPERATIONS = ("math.", "nn.", "__operators__.", "compat.v1.nn.", "compat.v1.transpose", "image.resize")
_HARMLESS_FUNCTIONS = (
    *("cast", "clip_by_value", "concat", "convert_to_tensor", "expand_dims", "identity", "pad", "repeat", "reshape"),
    *("shape", "squeeze", "stack", "strided_slice", "tile", "transpose", "unstack", "zeros_like", "ones_like"),
    *("split", "where", "broadcast_to"),
)


def save(model: Any, contract: Contract | None, path: str | Path) -> None:
    """Write a model and its contract, whole or not at all; the same model gives the same bytes.

    Raises:
        UsageError: the file name doesn't end with `.keras`.
        EdgecnnError: the file can't be written.
    """
    path = checked_name(path)
    with replacing(path) as temporary:
        model.save(temporary, save_format="keras")
        with zipfile.ZipFile(temporary) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        if contract is not None:
            members[CONTRACT] = contract.to_json().encode()
        members["metadata.json"] = _dated(members["metadata.json"])
        temporary.write_bytes(_zipped(members))


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


def load(path: str | Path, *, trust: bool = False) -> tuple[Any, Contract | None]:
    """Read a `.keras` file of Keras 2 (tf_keras), ours or others'.

    Args:
        path: the file.
        trust: run what the file asks for, Lambda and custom layers too.

    Returns:
        The model, not compiled, and its contract, which only our own files have.

    Raises:
        UntrustedModelError: the file asks for code and `trust` is False.
        ModelFileError: the file is missing, damaged or of another kind.
    """
    path = Path(path)
    config, contract = _read(path)
    if not trust:
        check_config(config, path)
    _register_own_layers(config)
    try:
        model = _assembled(path, config, trust)
    except Exception as error:  # Keras raises whatever the damaged part makes it raise
        reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        raise ModelFileError(f"Keras can't load {path}: {reason}. Save it again with tf_keras.") from error
    return model, contract


def _assembled(path: Path, config: dict[str, Any], trust: bool) -> Any:
    """What `load_model` does, without its thousand seeks in the zip for the weights: twice as fast."""
    with zipfile.ZipFile(path) as archive, temporary.folder() as folder:
        if not set(archive.namelist()) <= {*_MEMBERS, CONTRACT}:  # vocabularies and the like
            return keras.models.load_model(path, compile=False, safe_mode=not trust)
        model = keras.saving.deserialize_keras_object({**config, "compile_config": None}, safe_mode=not trust)
        model.load_weights(archive.extract(_WEIGHTS, folder))
    return model


def read_contract(path: str | Path) -> Contract | None:
    """The contract of a `.keras` file, without TensorFlow; None if it has none.

    Raises:
        ModelFileError: the file is missing, damaged or of another kind.
    """
    return _read(Path(path))[1]


def _read(path: Path) -> tuple[dict[str, Any], Contract | None]:
    """The `config.json` and the contract."""
    if path.suffix == ".tflite" and path.is_file():
        raise ModelFileError(f"{path} is converted already; expected the .keras file that it was made from.")
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(info.file_size for info in archive.infolist()) > _LARGEST_BYTES:
                raise ModelFileError(f"{path} unpacks to more than {_LARGEST_BYTES} bytes; it was not loaded.")
            config = json.loads(archive.read("config.json"))
            text = archive.read(CONTRACT) if CONTRACT in archive.namelist() else None
        contract = Contract.from_dict(json.loads(text)) if text is not None else None
    except OSError as error:
        raise ModelFileError(f"Can't read {path}: {error.strerror or error}.") from error
    except DAMAGED_ZIP as error:
        raise ModelFileError(f"{path} is not a whole .keras file ({error}). Save it again.") from error
    if not isinstance(config, dict):
        raise ModelFileError(f"{path} is not a whole .keras file (config.json is a {type(config).__name__}).")
    return config, contract


def check_config(config: Any, path: str | Path) -> None:
    """Refuse a Keras configuration (`config.json`, or an .h5 file's `model_config`) that asks for code.

    Allowed are the layers of Keras and edgecnn, and TensorFlow operations that only compute. How the whole model was
    compiled is not looked at: load it with `compile=False`.

    Raises:
        UntrustedModelError: names the first layer that asks for more.
    """
    if isinstance(config, dict):
        config = {key: value for key, value in config.items() if key != "compile_config"}
    for item, layer in _objects(config, "the model"):
        reason = _distrusted(item)
        if reason:
            raise UntrustedModelError(
                f"{path}: {layer} asks for {reason}; expected Keras's own layers only. "
                "It was not loaded. With --trust it can run any code on this machine: is its source worth that?"
            )


def _objects(config: Any, layer: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Every object of a configuration that names a class, with the name of the layer that it belongs to."""
    if isinstance(config, list):
        for value in config:
            yield from _objects(value, layer)
    elif isinstance(config, dict):
        if "class_name" in config:
            name = config.get("name") or (
                config["config"].get("name") if isinstance(config.get("config"), dict) else None
            )
            layer = f"layer {name!r}" if isinstance(name, str) else layer
            yield config, layer
        for value in config.values():
            yield from _objects(value, layer)


def _distrusted(item: dict[str, Any]) -> str | None:
    """What an object asks for that is not Keras's own, or None."""
    kind, module, registered = (item.get(key) for key in ("class_name", "module", "registered_name"))
    kind = str(kind)
    if kind in _CODE or kind.rpartition(">")[2] in _CODE:
        return f"the code of a {kind} object"
    if kind in _OPERATIONS:
        return _distrusted_operation(item)
    if isinstance(module, str) and module.split(".")[0] not in ("keras", "tf_keras"):
        return None if module in _OWN_LAYERS else f"the class {module}.{kind}"
    if (isinstance(registered, str) and ">" in registered) or (">" in kind and not kind.startswith("edgecnn>")):
        return None if str(registered).startswith("edgecnn>") else f"the custom class {registered or kind}"
    return None


def _distrusted_operation(item: dict[str, Any]) -> str | None:
    config = item.get("config")
    function = str(config.get("function", "")) if isinstance(config, dict) else ""
    if item["class_name"] == "SlicingOpLambda" or function in _HARMLESS_FUNCTIONS:
        return None
    return None if function.startswith(_HARMLESS_OPERATIONS) else f"the TensorFlow function {function!r}"


def _register_own_layers(config: Any) -> None:
    text = json.dumps(config)
    if any(module in text for module in _OWN_LAYERS):
        import edgecnn.models.layers  # noqa: F401
