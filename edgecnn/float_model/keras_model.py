"""A tf_keras model from any Keras file: `.keras` and `.h5`, of Keras 2 and Keras 3, ours and by others."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path
from typing import Any

from edgecnn.core.compat import keras3, keras_graph
from edgecnn.core.compat.tensorflow import keras
from edgecnn.core.errors import MissingExtraError, ModelFileError, RecordError
from edgecnn.float_model import allocation, from_keras3, keras_file, safety, safety_hdf5, wrappers
from edgecnn.runtime.model.contract import Contract
from edgecnn.runtime.model.json_text import parse_json
from edgecnn.runtime.regular_file import check_regular
from edgecnn.runtime.run.interpreter import quiet
from edgecnn.runtime.zips import DAMAGED_ZIP

SUFFIXES = (".keras", ".h5", ".hdf5")
H5_SUFFIXES = (".h5", ".hdf5")


def load(path: str | Path, *, trust: bool | None = False) -> tuple[Any, Contract | None]:
    """Read any Keras file as a tf_keras model.

    Args:
        path: the file.
        trust: run what the file asks for, Lambda and custom layers too; None where a command has no such option.

    Returns:
        The model, not compiled, and its contract, which only our own files have.

    Raises:
        UntrustedModelError: the file asks for code and `trust` is False.
        ModelFileError: the file is missing, damaged, of another kind, or holds what Keras 2 can't express.
    """
    model, contract = load_as_saved(path, trust=trust)
    return (from_keras3.converted(model) if keras3.is_model(model) else model), contract


def load_as_saved(path: str | Path, *, trust: bool | None = False) -> tuple[Any, Contract | None]:
    """The same, by the version of Keras that wrote the file."""
    path = Path(path)
    if not path.exists():
        raise ModelFileError(f"There is no model {path}. Check the path.")
    if path.suffix in H5_SUFFIXES:
        return _in_float32(_h5_model(path, trust)), None
    if path.suffix == ".keras" and _keras_version(path) >= 3:
        return _in_float32(_keras3_model(path, trust)), None
    model, contract = keras_file.load(path, trust=trust)
    return _in_float32(model), contract


def _in_float32(model: Any) -> Any:
    """Trained in mixed precision or not, what is converted computes in float32."""
    (keras3 if keras3.is_model(model) else keras_graph).compute_in_float32(model)
    return model


def _keras_version(path: Path) -> int:
    return _major(_zip_json(path, "metadata.json").get("keras_version", "2"))


def _major(version: Any) -> int:
    """2 for what isn't a version."""
    found = re.match(r"(\d{1,4})(\.|$)", str(version), re.ASCII)
    return int(found[1]) if found else 2


def _zip_json(path: Path, member: str) -> dict[str, Any]:
    try:
        check_regular(path)
        with zipfile.ZipFile(path) as archive:
            values = parse_json(safety.read_text(archive, member, path), constants=True)
    except (OSError, RecordError, *DAMAGED_ZIP) as error:
        raise ModelFileError(f"{path} is not a valid .keras file ({error}). Save it again.") from error
    if not isinstance(values, dict):
        raise ModelFileError(
            f"{path} is not a valid .keras file ({member} is a {type(values).__name__}; expected an object). Save "
            "it again."
        )
    return values


def _keras3_model(path: Path, trust: bool | None) -> Any:
    """Load by Keras 3 itself."""
    safety.check(path, trust=trust)
    try:
        with quiet(), allocation.bounded(keras3.module().layers.Layer, _stored_weights(path), path):
            model = keras3.module().models.load_model(path, compile=False, safe_mode=not trust)
        allocation.check_outputs(model, path)
        return model
    except (MissingExtraError, ModelFileError):
        raise
    except Exception as error:  # a damaged file makes Keras raise anything
        raise ModelFileError(
            f"Keras 3 can't load {path}: {keras_file.first_line(error)}. Save the model again."
        ) from error


def _stored_weights(path: Path) -> int:
    if path.suffix in H5_SUFFIXES:
        return safety_hdf5.values(path)
    with zipfile.ZipFile(path) as archive:
        return safety_hdf5.values(io.BytesIO(archive.read(safety.WEIGHTS)))


def _h5_model(path: Path, trust: bool | None) -> Any:
    import h5py

    try:
        check_regular(path)
        with h5py.File(path, "r") as file:
            config = file.attrs["model_config"]
            parse_json(config, constants=True)
            version = str(file.attrs.get("keras_version", "2"))
    except (OSError, KeyError, TypeError, ValueError, RecordError) as error:
        raise ModelFileError(
            f"{path} contains no complete Keras model ({keras_file.first_line(error)}); weights alone are not "
            "enough. Save the whole model with model.save()."
        ) from error
    if version.startswith("3"):
        return _keras3_model(path, trust)
    safety.check(path, trust=trust)
    try:
        with wrappers.known(str(config)), allocation.bounded(keras.layers.Layer, safety_hdf5.values(path), path):
            model = keras.models.load_model(path, compile=False, safe_mode=not trust)
        allocation.check_outputs(model, path)
        return wrappers.taken_off(model)
    except ModelFileError:
        raise
    except Exception as error:  # a damaged file makes Keras raise anything
        raise ModelFileError(
            f"Keras can't load {path}: {keras_file.first_line(error)}. Save the model again."
        ) from error
