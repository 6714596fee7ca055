"""Any model that can be quantized, as one traced function: ours, and by others Keras files, SavedModels, `.tflite`."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgecnn.core.compat.tensorflow import tf
from edgecnn.core.errors import ModelFileError
from edgecnn.core.hints import Hints
from edgecnn.core.progress import Progress, silent
from edgecnn.float_model import keras_file, keras_model, saved_model
from edgecnn.float_model.converters.converter import CONVERTERS, converted
from edgecnn.float_model.foreign import foreign_contract
from edgecnn.float_model.pure_graph import pure
from edgecnn.float_model.tflite import channels_first
from edgecnn.models.heads import without_softmax
from edgecnn.runtime.model.contract import Contract
from edgecnn.runtime.model.output_kind import LOGITS, PROBABILITIES
from edgecnn.runtime.regular_file import likely_meant
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
        raise ModelFileError(f"The model has {len(model.inputs)} inputs; expected one image.")
    spec = model.inputs[0]

    def call(image: Any) -> Any:
        return model(image, training=False)

    activation = ""
    if contract is None:
        contract, activation = foreign_contract(str(model.name), tuple(spec.shape), spec.dtype, call, hints)
    contract = hints.applied(_fitting(contract, tuple(spec.shape), str(model.name)))
    graph = pure(call, contract.preprocessing.shape) if tf.as_dtype(spec.dtype).is_integer else call
    return TraceableModel(graph, _with_output_kind(contract, call, hints, activation), model)


def trainable(path: str | Path, hints: Hints | None = None) -> tuple[Any, Contract]:
    """A tf_keras model to train further, and its contract.

    Args:
        path: a Keras file, ours or by others. A softmax at the end of one by others is left out: losses take logits.
        hints: what is known of a model by others; of ours, what replaces its contract.

    Raises:
        ModelFileError: the file is missing, damaged, of another kind, or holds what Keras 2 can't express.
        UntrustedModelError: it asks for code.
        UsageError: what was said can't be of this model.
    """
    hints = hints or Hints()
    model, contract = keras_model.load(path, trust=None)
    if contract is not None:
        return model, hints.applied(contract)
    contract = from_model(model, None, hints).contract
    if contract.output == PROBABILITIES:
        model, contract = without_softmax(model), contract.replace(output=LOGITS)
    return model, contract


def contract_of(path: str | Path, hints: Hints | None = None) -> Contract:
    """The contract that `trainable` gives; of a file of ours without loading the model. Errors as there."""
    known = _own_contract(Path(path))
    return (hints or Hints()).applied(known) if known else trainable(path, hints)[1]


def _own_contract(path: Path) -> Contract | None:
    return keras_file.read_contract(path) if path.suffix == ".keras" else None


def load(
    path: str | Path,
    *,
    trust: bool = False,
    hints: Hints | None = None,
    like: Contract | None = None,
    progress: Progress = silent,
) -> TraceableModel:
    """Open a model file or SavedModel folder.

    Args:
        path: `.keras`, `.h5` / `.hdf5`, a float `.tflite`, `.onnx`, `.pt2`, or a SavedModel folder.
        trust: also run code that the file carries (Lambda and custom layers, Python and file operations).
        hints: what is known of a model by others.
        like: stands in for the contract that a model by others lacks: that of the artifact that was made of it.
        progress: called with (stage, done, total) while another library converts the model.

    Raises:
        ModelFileError: the file is missing, damaged or of another kind.
        UntrustedModelError: it asks for code and `trust` is False.
        MissingExtraError: a converter that it needs can't be installed.
    """
    path = Path(path)
    if not path.exists():
        output = shlex.quote(str(path.with_suffix(".keras")))
        meant = likely_meant(path)
        raise ModelFileError(f"There is no model {path}.{meant} Make one with: edgecnn build MODEL -o {output}")
    hints = hints or Hints()
    if path.is_dir():
        return _saved_model(path, trust, hints, like)
    if path.suffix in keras_model.SUFFIXES:
        return _keras_file(path, trust, hints, like)
    if path.suffix == ".tflite":
        return _tflite(path, hints, like)
    if path.suffix.lower() in CONVERTERS:
        return _converted(path, trust, hints, like, progress)
    suffixes = ", ".join((*keras_model.SUFFIXES, *CONVERTERS))
    expected = f"a file that ends with {suffixes} or .tflite (in float), or a SavedModel folder"
    raise ModelFileError(f"{path} is no model that edgecnn converts; expected {expected}.")


def _keras_file(path: Path, trust: bool, hints: Hints, like: Contract | None) -> TraceableModel:
    if known := _own_contract(path):
        hints.applied(known)  # what can't be is told before TensorFlow is loaded
    model, contract = keras_model.load_as_saved(path, trust=trust)
    return from_model(model, contract or like, hints)


def _converted(path: Path, trust: bool, hints: Hints, like: Contract | None, progress: Progress) -> TraceableModel:
    """By another library; its provenance tells from what."""
    found = converted(path, trust=trust, input_size=hints.input_size, progress=progress)
    source = _tflite(found.path, hints, like)
    provenance = source.contract.provenance
    changed = dataclasses.replace(provenance, extra={**provenance.extra, "converted_from": found.origin})
    return dataclasses.replace(source, contract=source.contract.replace(provenance=changed))


def _tflite(path: Path, hints: Hints, like: Contract | None) -> TraceableModel:
    from edgecnn.float_model.tflite.rebuild import rebuilt  # its table of operations needs TensorFlow

    file = channels_first.read(path, hints)
    if like is not None and file.contract.assumed:  # it doesn't say how images become its input
        shape = file.model.graph.tensors[file.model.graph.inputs[0]].shape
        file = dataclasses.replace(file, contract=hints.applied(_fitting(like, shape, path.name)))
    return TraceableModel(pure(rebuilt(file), file.contract.preprocessing.shape, 1), file.contract)


def _saved_model(path: Path, trust: bool, hints: Hints, like: Contract | None) -> TraceableModel:
    signature, name, spec = saved_model.load(path, trust)
    call = saved_model.call(signature, name, spec)
    contract, activation = like, ""
    if contract is None:
        contract, activation = foreign_contract(path.name, tuple(spec.shape), spec.dtype, call, hints)
    contract = hints.applied(_fitting(contract, tuple(spec.shape), path.name))
    call = pure(call, contract.preprocessing.shape, None if spec.shape[0] is None else 1)
    return TraceableModel(call, _with_output_kind(contract, call, hints, activation))


def _fitting(contract: Contract, shape: tuple[int | None, ...], name: str) -> Contract:
    """The contract, which may be an artifact's: refused where the model takes another shape."""
    expected = (None, *contract.preprocessing.shape)
    if len(shape) != 4 or any(None not in pair and len({*pair}) > 1 for pair in zip(shape, expected)):
        raise ModelFileError(
            f"{name} has an input of shape {list(shape)}; expected {list(contract.preprocessing.shape)}, as in "
            "the artifact's contract. Give the model that the artifact was made from."
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
