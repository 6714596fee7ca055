"""Any model that can be quantized, as one traced function: ours, tf_keras and Keras 3 files by others, SavedModels."""

from __future__ import annotations

import io
import shlex
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgecnn.core.compat.tensorflow import keras, tf
from edgecnn.core.errors import MissingExtraError, ModelFileError, RecordError
from edgecnn.core.files import DAMAGED_ZIP
from edgecnn.core.hints import Hints
from edgecnn.float_model import allocation, keras_file, safety, safety_hdf5
from edgecnn.float_model.foreign import foreign_contract
from edgecnn.runtime.model.contract import Contract
from edgecnn.runtime.model.json_text import parse_json
from edgecnn.runtime.run.interpreter import quiet
from edgecnn.runtime.tasks import task_of


@dataclass(frozen=True)
class TraceableModel:
    """A float model, ready to trace.

    Attributes:
        call: float32 (1, height, width, channels) -> (1, classes).
        contract: how images become its input; its `assumed` says what had to be guessed.
        keras_model: the Keras model behind `call`, where there is one.
    """

    call: Callable[[Any], Any]
    contract: Contract
    keras_model: Any = None


def from_model(model: Any, contract: Contract | None = None, hints: Hints | None = None) -> TraceableModel:
    """A source from a Keras model (2 or 3) in memory.

    Raises:
        ModelFileError: it takes no single image, or gives no single vector of classes.
    """
    hints = hints or Hints()
    if len(model.inputs) != 1:
        raise ModelFileError(f"The model has {len(model.inputs)} inputs; expected one.")
    spec = model.inputs[0]

    def call(image: Any) -> Any:
        return model(image, training=False)

    activation = ""
    if contract is None:
        contract, activation = foreign_contract(str(model.name), tuple(spec.shape), spec.dtype, call, hints)
    contract = hints.applied(_fitting(contract, tuple(spec.shape), str(model.name)))
    return TraceableModel(call, _with_output_kind(contract, call, hints, activation), model)


def load(
    path: str | Path, *, trust: bool = False, hints: Hints | None = None, like: Contract | None = None
) -> TraceableModel:
    """Open a model file or SavedModel folder.

    Args:
        path: `.keras`, `.h5` / `.hdf5`, or a SavedModel folder.
        trust: also run code that the file carries (Lambda and custom layers, Python and file operations).
        hints: what is known of a model by others.
        like: stands in for the contract that a model by others lacks: that of the artifact that was made of it.

    Raises:
        ModelFileError: the file is missing, damaged or of another kind.
        UntrustedModelError: it asks for code and `trust` is False.
    """
    path = Path(path)
    if not path.exists():
        output = shlex.quote(str(path.with_suffix(".keras")))
        raise ModelFileError(f"There is no model {path}. Make one with: edgecnn build MODEL -o {output}")
    if path.is_dir():
        return _saved_model(path, trust, hints or Hints(), like)
    if path.suffix == ".keras":
        if _keras_version(path) < 3:
            model, contract = keras_file.load(path, trust=trust)
            return from_model(model, contract or like, hints)
        return from_model(_keras3_model(path, trust), like, hints)
    if path.suffix in (".h5", ".hdf5"):
        return from_model(_h5_model(path, trust), like, hints)
    raise ModelFileError(
        f"{path} is not a Keras model; expected a .keras, .h5 or .hdf5 file or a SavedModel folder"
        + (" (it is quantized already?)." if path.suffix == ".tflite" else ".")
    )


def _keras_version(path: Path) -> int:
    version = str(_zip_json(path, "metadata.json").get("keras_version", "2"))
    return int(version.split(".")[0]) if version.split(".")[0].isdigit() else 2


def _zip_json(path: Path, member: str) -> dict[str, Any]:
    try:
        with zipfile.ZipFile(path) as archive:
            values: dict[str, Any] = parse_json(safety.read_text(archive, member, path), constants=True)
            return values
    except (OSError, RecordError, *DAMAGED_ZIP) as error:
        raise ModelFileError(f"{path} is not a valid .keras file ({error}). Save it again.") from error


def _keras3_model(path: Path, trust: bool) -> Any:
    """Load by Keras 3 itself, which lives beside tf_keras and runs on the same TensorFlow."""
    safety.check(path, trust=trust)
    _ = tf.float32  # TensorFlow first, with its logging set up
    try:
        import keras as keras3
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"{path} was saved by Keras 3; reading it needs: pip install keras") from error
    try:
        with quiet(), allocation.bounded(keras3.layers.Layer, _stored_weights(path), path):
            model = keras3.models.load_model(path, compile=False, safe_mode=not trust)
        allocation.check_outputs(model, path)
        return model
    except ModelFileError:
        raise
    except Exception as error:  # a damaged file makes Keras raise anything
        raise ModelFileError(f"Keras 3 can't load {path}: {_first_line(error)}") from error


def _stored_weights(path: Path) -> int:
    if path.suffix != ".keras":
        return safety_hdf5.values(path)
    with zipfile.ZipFile(path) as archive:
        return safety_hdf5.values(io.BytesIO(archive.read(safety.WEIGHTS)))


def _h5_model(path: Path, trust: bool) -> Any:
    import h5py

    try:
        with h5py.File(path, "r") as file:
            parse_json(file.attrs["model_config"], constants=True)
            version = str(file.attrs.get("keras_version", "2"))
    except (OSError, KeyError, TypeError, ValueError, RecordError) as error:
        raise ModelFileError(
            f"{path} contains no complete Keras model ({_first_line(error)}). Weights alone are not enough."
        ) from error
    if version.startswith("3"):
        return _keras3_model(path, trust)
    safety.check(path, trust=trust)
    try:
        with allocation.bounded(keras.layers.Layer, safety_hdf5.values(path), path):
            model = keras.models.load_model(path, compile=False, safe_mode=not trust)
        allocation.check_outputs(model, path)
        return model
    except ModelFileError:
        raise
    except Exception as error:  # a damaged file makes Keras raise anything
        raise ModelFileError(f"Keras can't load {path}: {_first_line(error)}") from error


def _saved_model(path: Path, trust: bool, hints: Hints, like: Contract | None) -> TraceableModel:
    graph_file = path / "saved_model.pb"
    if not graph_file.is_file():
        raise ModelFileError(
            f"{path} is a folder without saved_model.pb; expected a SavedModel folder or a .keras file."
        )
    safety.check(path, trust=trust)
    try:
        with quiet():
            module = tf.saved_model.load(str(path))
        signature = module.signatures["serving_default"]
    except (OSError, KeyError, ValueError, AttributeError, tf.errors.OpError) as error:
        raise ModelFileError(f"TensorFlow can't load the SavedModel {path}: {_first_line(error)}") from error
    inputs = list(signature.structured_input_signature[1].items())
    if len(inputs) != 1 or len(signature.structured_outputs) != 1:
        raise ModelFileError(
            f"{path}: expected one input and one output; got {len(inputs)} and {len(signature.structured_outputs)}."
        )
    name, spec = inputs[0]

    def call(image: Any) -> Any:
        return next(iter(signature(**{name: tf.cast(image, spec.dtype)}).values()))

    call.module = module  # type: ignore[attr-defined]  # the variables live as long as the function
    contract, activation = like, ""
    if contract is None:
        contract, activation = foreign_contract(path.name, tuple(spec.shape), spec.dtype, call, hints)
    contract = hints.applied(_fitting(contract, tuple(spec.shape), path.name))
    return TraceableModel(call, _with_output_kind(contract, call, hints, activation))


def _fitting(contract: Contract, shape: tuple[int | None, ...], name: str) -> Contract:
    """The contract, which may be an artifact's: refused where the model takes another shape."""
    expected = (None, *contract.preprocessing.shape)
    if len(shape) != 4 or any(None not in pair and len({*pair}) > 1 for pair in zip(shape, expected)):
        raise ModelFileError(
            f"{name} takes an input of shape {list(shape)}; the contract says {list(contract.preprocessing.shape)}. "
            "Give the model that the artifact was made from."
        )
    return contract


def _with_output_kind(contract: Contract, call: Callable[[Any], Any], hints: Hints, activation: str) -> Contract:
    """The kind of output, unless it was said: the task looks at the activation and the outputs for one random image."""
    found = call(tf.random.stateless_normal((1, *contract.preprocessing.shape), seed=(1, 2)))
    outputs = [output.numpy()[0] for output in (found if isinstance(found, (list, tuple)) else [found])]
    task = task_of(contract)
    if hints.output_kind is None:
        return task.described(contract, outputs, activation)
    task.check(contract, [output.shape for output in outputs])
    return contract


def _first_line(error: BaseException) -> str:
    text = str(error).strip()
    return text.splitlines()[0][:200] if text else type(error).__name__
