"""Opens what `edgecnn inspect` and `visualize` are given: a model's name, a Keras file or a `.tflite` file."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgecnn.core.compat import keras_graph
from edgecnn.core.errors import UsageError
from edgecnn.graph import shapes, tflite_network
from edgecnn.graph.network import Network
from edgecnn.runtime.model import free_input, model_file, purpose, tflite
from edgecnn.runtime.model.contract import Contract
from edgecnn.runtime.model.model_file import ModelFile, NoClassifierError
from edgecnn.runtime.model.tflite import TFLiteModel
from edgecnn.runtime.regular_file import check_regular

KERAS_SUFFIXES = (".keras", ".h5", ".hdf5")


@dataclass(frozen=True)
class OpenedModel:
    """A model that was opened.

    Attributes:
        network: its graph.
        contract: what it promises; None for a Keras model or graph that says nothing of images.
        keras_model: the Keras model; None for a `.tflite` file.
        file: the `.tflite` file; None for a Keras model, and for what is no image classifier.
        model: the parsed `.tflite` file, whatever it takes; None for a Keras model.
        refusal: why a `.tflite` file by others is no image classifier; empty if it is one.
        remarks: what the figures are for, in sentences.
    """

    network: Network
    contract: Contract | None
    keras_model: Any = None
    file: ModelFile | None = None
    model: TFLiteModel | None = None
    refusal: str = ""
    remarks: tuple[str, ...] = ()

    @property
    def origin(self) -> str:
        """Who wrote the file."""
        if self.model is None:
            return "a Keras model"
        if not isinstance(self.file, ModelFile):
            return "by others"
        return "written by edgecnn, SHA-256 verified" if self.file.sealed else "by others"


def open_model(
    text: str, *, input_size: int | None = None, trust: bool = False, said: Collection[str] = ()
) -> OpenedModel:
    """Open a model by file or by name. A `.tflite` file needs no TensorFlow.

    Args:
        text: path of a `.tflite`, `.keras` or `.h5` file, or a name that `edgecnn models` lists (random weights).
        input_size: height and width, for a name, a Keras model, or a `.tflite` file that leaves them open; None takes
            the model's own.
        trust: run code that a Keras file carries.
        said: names of what a person says of a `.tflite` file by others, see `edgecnn.core.hints`.

    Raises:
        ModelFileError: the file is missing or damaged.
        UsageError: the name is unknown, or a `.tflite` file was asked for another input size.
    """
    path = Path(text)
    if path.suffix == ".tflite" or _begins_like_tflite(path):
        return _open_tflite(path, input_size, said)
    if path.suffix in KERAS_SUFFIXES or path.exists():
        return _open_keras(path, input_size, trust)
    from edgecnn.builder import build_model

    model, contract = build_model(text, input_size=input_size)
    return _keras_source(model, contract)


def _begins_like_tflite(path: Path) -> bool:
    try:
        check_regular(path)
        with path.open("rb") as stream:
            return stream.read(8)[4:] == b"TFL3"
    except OSError:
        return False


def _open_tflite(path: Path, input_size: int | None, said: Collection[str]) -> OpenedModel:
    data = model_file.read_bytes(path)
    parsed = tflite.parse(data, path.name)
    if input_size is not None:
        _check_size(parsed, path.name, input_size)
    sized, remarks = data, () if input_size else _remarks(parsed)
    if not model_file.holds_contract(parsed, data):
        sized = free_input.closed(data, parsed, input_size, keep=input_size is None)
    if input_size is not None:
        data, parsed = sized, tflite.parse(sized, path.name)
    model = shapes.resolved(parsed, sized)
    network = tflite_network.read(model, path.name)
    try:
        file = model_file.from_bytes(data, path.name, said)
    except NoClassifierError as error:  # it has no contract that could be guessed, but it has layers
        return OpenedModel(network, None, model=model, refusal=str(error), remarks=remarks)
    return OpenedModel(network, file.contract, file=file, model=model, remarks=remarks)


def _check_size(model: TFLiteModel, name: str, size: int) -> None:
    inputs = [model.graph.tensors[number] for number in model.graph.inputs]
    if any(free_input.is_open(tensor) for tensor in inputs):
        return
    if any(len(tensor.shape) != 4 or tensor.shape[1:3] != (size, size) for tensor in inputs):
        raise UsageError(f"{name} has a fixed input size. Use --input-size with a model name or a .keras file.")


def _remarks(model: TFLiteModel) -> tuple[str, ...]:
    """What is said of inputs whose size is open."""
    inputs = [model.graph.tensors[number] for number in model.graph.inputs]
    taken = [list(free_input.chosen(tensor, keep=True)) for tensor in inputs if free_input.is_open(tensor)]
    if not taken:
        return ()
    shown = ", ".join(purpose.shown(tensor) for tensor in inputs)
    return (
        f"The file has no fixed input size ({shown}); the figures are for {', '.join(map(str, taken))}. Choose "
        "another size with --input-size N.",
    )


def _open_keras(path: Path, input_size: int | None, trust: bool) -> OpenedModel:
    from edgecnn.float_model import keras_model

    model, contract = keras_model.load(path, trust=trust)
    keras_graph.rename(model, model.name if contract else path.name)
    return _keras_source(resized(model, input_size) if input_size else model, contract)


def _keras_source(model: Any, contract: Contract | None) -> OpenedModel:
    from edgecnn.graph import keras_network

    return OpenedModel(keras_network.read(model), contract, keras_model=model)


def resized(model: Any, input_size: int) -> Any:
    """The same Keras model and weights at another input size.

    Raises:
        UsageError: a layer's weights depend on the input size (a dense layer after flattening, position embeddings).
    """
    from edgecnn.core.compat.tensorflow import keras

    try:
        picture = keras.Input((input_size, input_size, model.inputs[0].shape[-1]), name="image")
        clone = keras.models.clone_model(model, input_tensors=picture)
        clone.set_weights(model.get_weights())
    except ValueError as error:
        reason = str(error).strip().splitlines()[0]
        raise UsageError(f"{model.name} can't process {input_size} x {input_size} images: {reason}") from error
    return clone
