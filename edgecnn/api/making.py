"""From a name to an artifact: what `build`, `train`, `prune`, `quantize`, `compile` and `run` do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgecnn.api.notebook import progress_or
from edgecnn.core.hints import NO_HINTS, Hints
from edgecnn.core.progress import Progress
from edgecnn.models.spec import ModelSpec
from edgecnn.runtime.model.contract import Contract
from edgecnn.runtime.model.model_file import ModelFile

if TYPE_CHECKING:
    from edgecnn.compression import Compressed
    from edgecnn.compression.settings import Tuning
    from edgecnn.core.options import Settings
    from edgecnn.exports import Exported
    from edgecnn.ladder import Bounds, Climb, Training
    from edgecnn.quantization.settings import Calibration
    from edgecnn.recipe.run import Result
    from edgecnn.recipe.several import ComparedRuns
    from edgecnn.targets import TargetReport
    from edgecnn.training import Trained, TrainOptions


def list_models(part: str = "") -> dict[str, ModelSpec]:
    """The models that can be built, by name.

    Args:
        part: only those with this in their name.
    """
    from edgecnn.models import variants

    return {name: spec for name, spec in variants().items() if part in name}


def build(  # noqa: PLR0913 (what the command takes)
    name: str,
    *,
    input_size: int | None = None,
    input_width: int | None = None,
    width: float = 1.0,
    classes: int | None = None,
    color: str = "rgb",
    weights: str = "none",
    weights_of: str | None = None,
    anchors_from: str | None = None,
    seed: int = 0,
) -> tuple[Any, Contract]:
    """A Keras model by name, with its contract.

    Args:
        name: one that `list_models` gives.
        input_size: height and width in pixels; the model's own by default.
        input_width: of a detector's input, where it differs from the height.
        width: width multiplier of the channels.
        classes: number of classes; by default those of the weights, 1,000 without weights.
        color: "rgb" or "gray".
        weights: "none", "imagenet", a file that was saved before or that is PyTorch's, "timm:NAME.TAG" or
            "hf:ORG/NAME[@REVISION]".
        weights_of: the published model that a file of PyTorch's has the weights of, or began as, where it doesn't say.
        anchors_from: the data set to whose boxes a detector's anchors are fitted.
        seed: of random weights.

    Raises:
        UsageError: the model doesn't exist or can't be built so.
        WeightsError: the weights are not at hand, or don't fit.
    """
    from edgecnn.builder import build_model

    return build_model(
        name,
        input_size=input_size,
        input_width=input_width,
        width=width,
        classes=classes,
        color=color,
        weights=weights,
        weights_of=weights_of,
        anchors_from=anchors_from,
        seed=seed,
    )


def train(model: str | Path, output: str | Path, options: TrainOptions, *, progress: Progress | None = None) -> Trained:
    """Train a `.keras` file of edgecnn on labeled images and write the model of the best epoch.

    Args:
        model: the model to start from.
        output: where to write; ends with `.keras`. `output.training` keeps checkpoints until the end, so that an
            interrupted call resumes when it is made again.
        options: `edgecnn.training.TrainOptions`: data, strategy, and what else differs from the strategy's defaults.
        progress: called with (stage, done, total).

    Raises:
        UsageError: an option is wrong.
        DataError: the data can't be trained on.
        ModelFileError: the model can't be read.
    """
    from edgecnn.float_model import keras_file
    from edgecnn.training import remove_checkpoints
    from edgecnn.training import train as stage

    path = keras_file.checked_name(output)
    folder = Path(f"{path}.training")
    found = stage(model, options, folder=folder, progress=progress_or(progress))
    if found.is_chief:
        keras_file.save(found.model, found.contract, path)
        remove_checkpoints(folder)
    return found


def prune(
    model: str | Path,
    output: str | Path,
    method: str,
    tuning: Tuning,
    options: Settings | Mapping[str, Any] | None = None,
    *,
    progress: Progress | None = None,
) -> Compressed:
    """Make a trained `.keras` file smaller, fine-tune it, and write it.

    Args:
        model: a trained model of edgecnn.
        output: where to write; ends with `.keras`. An interrupted call resumes when it is made again.
        method: "channels", "magnitude", "clusters" or "swap"; "qat" is `train_quantization_aware`.
        tuning: `edgecnn.compression.Tuning`: data and fine-tuning.
        options: the method's own, by name.
        progress: called with (stage, done, total).

    Raises:
        UsageError: the method or an option is wrong, or doesn't suit the model.
        DataError: the data can't be trained on.
    """
    from edgecnn.compression import compress
    from edgecnn.float_model import keras_file
    from edgecnn.training import remove_checkpoints

    path = keras_file.checked_name(output)
    folder = Path(f"{path}.training")
    found = compress(model, method, tuning, options, folder=folder, progress=progress_or(progress))
    keras_file.save(found.model, found.contract, path)
    remove_checkpoints(folder)
    return found


def train_quantization_aware(
    model: str | Path, output: str | Path, tuning: Tuning, *, progress: Progress | None = None
) -> Compressed:
    """Quantization-aware training (QAT) of a trained `.keras` file; arguments and errors as of `prune`."""
    return prune(model, output, "qat", tuning, progress=progress)


def quantize(  # noqa: PLR0913 (what the command takes)
    model: Any,
    output: str | Path,
    *,
    scheme: str = "int8",
    calibration: Calibration | str | None = None,
    io: str | None = None,
    raw: bool = False,
    probabilities: bool = False,
    hints: Hints = NO_HINTS,
    trust: bool = False,
    progress: Progress | None = None,
) -> ModelFile:
    """Convert a float model to an artifact.

    Args:
        model: what `build` gives, a Keras model, or the path of a `.keras` or `.h5` file or a SavedModel folder.
        output: where to write; ends with `.tflite`.
        scheme: e.g. "int8", "int8_mixed", "int16x8", "dynamic_int8", "float16", "float32".
        calibration: `edgecnn.quantization.Calibration`, or just the `DATA` to calibrate on.
        io: type of input and output, e.g. "uint8"; the scheme's first choice by default.
        raw: leave non-maximum suppression out of a detector.
        probabilities: append a softmax or sigmoid to a model that gives logits.
        hints: what is known of a model by others.
        trust: run code that the model file carries.
        progress: called with (stage, done, total).

    Raises:
        UsageError: an argument is wrong.
        ModelFileError: the model can't be read.
        QuantizationError: it can't be converted as a whole.
    """
    from edgecnn.quantization import Calibration
    from edgecnn.quantization import quantize as stage

    return stage(
        model, output, scheme=scheme, calibration=calibration or Calibration(), io=io, raw=raw,
        probabilities=probabilities, trust=trust, hints=hints, progress=progress_or(progress),
    )  # fmt: skip


def quantize_within(  # noqa: PLR0913 (what the command takes)
    model: Any,
    output: str | Path,
    bounds: Bounds,
    data: str,
    *,
    calibration: Calibration | None = None,
    training: Training | None = None,
    hints: Hints = NO_HINTS,
    trust: bool = False,
    progress: Progress | None = None,
) -> Climb:
    """The fastest artifact within a bound on accuracy: configurations in order of cost, until one meets it.

    Args:
        model: as of `quantize`.
        output: where to write the artifact; NAME-best.tflite if none meets the bounds.
        bounds: `edgecnn.ladder.Bounds`: maximum drop, minimum agreement, and what hardware must run it.
        data: the evaluation set; calibration images are excluded.
        calibration: see `quantize`.
        training: `edgecnn.ladder.Training`, for configurations that train.
        hints: what is known of a model by others.
        trust: run code that the model file carries.
        progress: called with (stage, done, total).

    Raises:
        UsageError: a bound is missing, or needs labels that the data doesn't have.
        DataError: the data can't be read.
    """
    from edgecnn.ladder.climb import climb
    from edgecnn.quantization import Calibration

    return climb(
        model, output, bounds, data, calibration=calibration or Calibration(), training=training, hints=hints,
        trust=trust, progress=progress_or(progress),
    )  # fmt: skip


def compile_for_target(model: str | Path, output: str | Path, target: str = "edgetpu") -> TargetReport:
    """Compile a `.tflite` file for an accelerator; the contract stays inside the file.

    Raises:
        UsageError: there is no such target, or it has no compiler.
        CompilerError: the compiler isn't installed or fails.
    """
    from edgecnn.targets import compile
    from edgecnn.targets.model import read

    return compile(read(model), output, target)


def export(
    model: str | Path,
    target: str,
    folder: str | Path,
    options: Settings | Mapping[str, Any] | None = None,
    *,
    hints: Hints = NO_HINTS,
) -> Exported:
    """Write a folder with which another program runs a classifier, whole or not at all.

    Args:
        model: a `.tflite` file, ours or by others.
        target: what for, e.g. "python" or "web"; a file of `edgecnn/exports/kinds/`.
        folder: where to write; an earlier export there is replaced, anything else is refused.
        options: the target's own, by name.
        hints: what is known of a model by others.

    Raises:
        UsageError: there is no such target, or the model doesn't suit it.
        ModelFileError: the file is missing, damaged or of another kind.
    """
    from edgecnn.exports import export as stage
    from edgecnn.exports.settings import ExportSettings

    if options is None or isinstance(options, Mapping):
        options = ExportSettings.of({"for": target, **(options or {})}).options
    return stage(hints.read(model), target, folder, options)


def run(
    recipe: str | Path, *, folder: str | Path | None = None, progress: Progress | None = None
) -> Result | ComparedRuns:
    """Run a recipe, resuming where it was stopped; of several models, a run each, and their comparison.

    Args:
        recipe: a TOML file.
        folder: where to write; `runs/NAME` by default.
        progress: called with (stage, done, total).

    Raises:
        RecipeError: the recipe is wrong, or asks for what its data doesn't have.
        BoundNotMetError: a bound was not met; all files are there all the same.
    """
    from edgecnn.recipe.several import run as stage

    return stage(recipe, folder=folder, progress=progress_or(progress))
