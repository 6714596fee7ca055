"""The float model that an artifact is compared with: Keras, SavedModel or `.tflite`; ONNX by its own runtime."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn.core.errors import UsageError
from edgecnn.core.hints import NO_HINTS, Hints
from edgecnn.float_model.converters.converter import CONVERTERS, Runner, converted
from edgecnn.float_model.tflite import channels_first
from edgecnn.graph.probabilities import PROBABILITIES_OF
from edgecnn.runtime.model.contract import Contract, Preprocessing
from edgecnn.runtime.model.output_kind import LOGITS
from edgecnn.runtime.process import guard
from edgecnn.runtime.run.engine import Engine
from edgecnn.runtime.run.preprocess import input_table
from edgecnn.runtime.tasks import Outputs
from edgecnn.runtime.tasks.classification import sigmoid, softmax
from edgecnn.tasks import task_of
from edgecnn.verification.input_check import Reference

if TYPE_CHECKING:
    from edgecnn.float_model.loading import TraceableModel


def open_reference(
    against: Any,
    contract: Contract,
    *,
    hints: Hints = NO_HINTS,
    trust: bool = False,
) -> tuple[str, Reference]:
    """A name, and a function from fitted images and their preprocessing to the model's outputs for each.

    Args:
        against: path of a Keras file, SavedModel folder, `.tflite` or `.onnx`; a Keras model, or (model, Contract).
        contract: the artifact's; what a model by others doesn't say is taken from it.
        hints: what is known of a float model by others.
        trust: run code that the file carries.

    Raises:
        UsageError: the two want different images.
    """
    if isinstance(against, (str, Path)) and Path(against).suffix == ".tflite":
        return _tflite(Path(against), contract, hints)
    if isinstance(against, (str, Path)) and Path(against).suffix.lower() in CONVERTERS and Path(against).exists():
        return _elsewhere(Path(against), contract, hints, trust)
    return _keras(against, contract, hints, trust)


def _tflite(path: Path, contract: Contract, hints: Hints) -> tuple[str, Reference]:
    file = channels_first.read(path, hints)
    if file.contract.assumed:  # it doesn't say how images become its input; the artifact does
        file = dataclasses.replace(file, contract=_like(file.contract, contract))
    guard.try_out(file)
    _check_same(file.contract, contract, str(path))

    @functools.lru_cache(maxsize=1)
    def engine_for(preprocessing: Preprocessing) -> Engine:
        return Engine(dataclasses.replace(file, contract=file.contract.replace(preprocessing=preprocessing)))

    def outputs(pictures: np.ndarray, preprocessing: Preprocessing) -> list[Outputs]:
        engine = engine_for(preprocessing)
        return [engine.real(engine.invoke(engine.tensor(picture))) for picture in pictures]

    return path.name, _like_the_artifact(outputs, file.contract, contract)


def _elsewhere(path: Path, contract: Contract, hints: Hints, trust: bool) -> tuple[str, Reference]:
    """A model behind its own runtime; what it takes and gives is known of its converted form."""
    theirs = hints.read(converted(path, trust=trust, input_size=hints.input_size).path).contract
    _check_same(_like(theirs, contract), contract, path.name)
    runner = Runner(path, trust=trust)

    def outputs(pictures: np.ndarray, preprocessing: Preprocessing) -> list[Outputs]:
        table = input_table(preprocessing, np.dtype(np.float32), 0, 0)
        found = runner(table[pictures, np.arange(table.shape[1])])
        return [[values[row] for values in found] for row in range(len(pictures))]

    return path.name, _like_the_artifact(outputs, theirs, contract)


def _keras(against: Any, contract: Contract, hints: Hints, trust: bool) -> tuple[str, Reference]:
    from edgecnn.float_model import loading

    like = contract.replace(labels=(), label_ids=())  # how many classes it has is for the comparison to find out
    if isinstance(against, (str, Path)):
        source, name = loading.load(against, trust=trust, hints=hints, like=like), Path(against).name
    elif isinstance(against, tuple):
        source, name = loading.from_model(against[0], against[1], hints), str(against[0].name)
    else:
        source, name = loading.from_model(against, like, hints), str(against.name)
    _check_same(source.contract, contract, name)
    call, _ = task_of(source.contract).deployed(source.call, source.contract)
    reference = reference_of(dataclasses.replace(source, call=call))
    return name, _like_the_artifact(reference, source.contract, contract)


def _like_the_artifact(reference: Reference, theirs: Contract, ours: Contract) -> Reference:
    """A float model that gives logits, with probabilities where the artifact gives these."""
    if PROBABILITIES_OF.get(theirs.output) != ours.output:
        return reference
    activation = softmax if theirs.output == LOGITS else sigmoid
    return lambda images, preprocessing: [
        [activation(values) for values in outputs] for outputs in reference(images, preprocessing)
    ]


def reference_of(source: TraceableModel) -> Reference:
    """A float model as a function from fitted images and their preprocessing to its outputs for each."""
    from edgecnn.core.compat.tensorflow import tf

    call = tf.function(source.call, reduce_retracing=True)

    def outputs(pictures: np.ndarray, preprocessing: Preprocessing) -> list[Outputs]:
        table = input_table(preprocessing, np.dtype(np.float32), 0, 0)
        channels = np.arange(table.shape[1])
        found = call(tf.constant(table[pictures, channels]))
        each = [values.numpy() for values in (found if isinstance(found, (list, tuple)) else [found])]
        return [[values[row] for values in each] for row in range(len(pictures))]

    return outputs


def _like(reference: Contract, contract: Contract) -> Contract:
    """The contract of a file by others with the artifact's preprocessing, unless its input has another shape."""
    if reference.preprocessing.shape != contract.preprocessing.shape:
        return reference
    return reference.replace(preprocessing=contract.preprocessing)


def _check_same(reference: Contract, contract: Contract, name: str) -> None:
    ours, theirs = contract.preprocessing, reference.preprocessing
    if ours == theirs:
        return
    different = [
        f"{field} is {getattr(theirs, field)} instead of {getattr(ours, field)}"
        for field in ("height", "width", "color", "resize", "fit", "crop", "mean", "std")
        if getattr(theirs, field) != getattr(ours, field)
    ]
    raise UsageError(
        f"The preprocessing of {name} differs from that of the artifact: {'; '.join(different)}. Compare the "
        "artifact with the model that it was made from."
    )
