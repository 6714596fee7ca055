"""An image encoder by others, as one function from images to vectors: a Keras file or an ONNX model."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.core.errors import ModelFileError, UsageError
from edgecnn.core.files import file_sha256, sha256
from edgecnn.core.progress import Progress, silent
from edgecnn.encoders.described import Described, beside
from edgecnn.encoders.settings import EncoderHints
from edgecnn.float_model.converters.external_data import external_files
from edgecnn.runtime.model.contract import Contract, Preprocessing
from edgecnn.runtime.run.preprocess import input_table

BATCH = 32
ONNX = ".onnx"
KNOWN_SCALES = (
    "CLIP takes --encoder-mean 122.77,116.75,104.09 --encoder-std 68.50,66.63,70.32; DINOv2 and most models of "
    "ImageNet take --encoder-mean 123.675,116.28,103.53 --encoder-std 58.395,57.12,57.375; a model that normalizes by "
    "itself takes --encoder-mean 0 --encoder-std 1 (pixels) or 255 (0 to 1)"
)
Call = Callable[[np.ndarray], Sequence[np.ndarray]]
"""float32 (images, height, width, channels) -> all outputs, (images, ...) each."""


@dataclass(frozen=True)
class ImageEncoder:
    """A model that makes a vector of an image.

    Attributes:
        name: of its file.
        key: digest of all that its vectors depend on, beside the image.
        preprocessing: how images become its input.
        call: float32 (images, height, width, channels), normalized -> float32 (images, size).
        size: of a vector.
        contract: of a model of edgecnn; None for others.
        notes: what was found out about it, in sentences.
    """

    name: str
    key: str
    preprocessing: Preprocessing
    call: Callable[[np.ndarray], np.ndarray]
    size: int
    contract: Contract | None = None
    notes: tuple[str, ...] = ()

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """uint8 (images, height, width, channels), fitted to its input -> float32 (images, size)."""
        table = input_table(self.preprocessing, np.dtype(np.float32), 0, 0)
        return self.call(table[images, np.arange(table.shape[1])])


@dataclass(frozen=True)
class Opened:
    """A model before it is known which of its outputs is wanted.

    Attributes:
        path: of its file.
        sizes: height, width and channels of its input; 0 where they are open.
        layout: "NCHW" or "NHWC": of feature maps among its outputs.
        call: the model.
        names: of its outputs.
        contract: of a model of edgecnn.
        scale: mean and std that its own operations tell; None where they don't.
    """

    path: Path
    sizes: tuple[int, int, int]
    layout: str
    call: Call
    names: tuple[str, ...]
    contract: Contract | None = None
    scale: tuple[float, float] | None = None


def open_encoder(
    path: str | Path, hints: EncoderHints, *, features: bool = True, progress: Progress = silent
) -> ImageEncoder:
    """Open an encoder and try it out on an empty image.

    Args:
        path: a `.keras` or `.h5` file, or an `.onnx` model.
        hints: what is known of it.
        features: of a classifier of edgecnn take what comes before its last layer; otherwise its output.
        progress: told when an environment for ONNX Runtime is made.

    Raises:
        ModelFileError: the file is missing, damaged, of another kind, or no image encoder.
        UntrustedModelError: it asks for code.
        UsageError: its input is not known; the message names the options that say it.
        MissingExtraError: ONNX Runtime can't be installed.
    """
    path = Path(path)
    found = _opened(path, hints, features, progress)
    described = None if found.contract else beside(path)
    preprocessing, notes = _preprocessing(found, described, hints)
    pick, told = _picked(found, preprocessing, hints.encoder_output)
    size = int(pick(found.call(np.zeros((1, *preprocessing.shape), np.float32))).shape[1])
    weights = external_files(path) if path.suffix.lower() == ONNX else []
    digests = [file_sha256(each) for each in (path, *weights)]
    key = sha256("\n".join(map(str, (*digests, preprocessing, hints.encoder_output, features, told))).encode())
    return ImageEncoder(
        path.name, key, preprocessing, lambda inputs: pick(found.call(inputs)), size, found.contract, (*notes, *told)
    )


def _opened(path: Path, hints: EncoderHints, features: bool, progress: Progress) -> Opened:
    from edgecnn.encoders import keras_encoder, onnx_encoder

    if path.suffix.lower() == ONNX:
        return Opened(path, *onnx_encoder.opened(path, hints.encoder_layout, progress))
    if path.suffix in keras_encoder.SUFFIXES:
        return Opened(path, *keras_encoder.opened(path, hints.encoder_output, features))
    raise ModelFileError(f"{path} is no image encoder; expected a .keras, .h5, .hdf5 or .onnx file.")


def _preprocessing(
    found: Opened, described: Described | None, hints: EncoderHints
) -> tuple[Preprocessing, tuple[str, ...]]:
    """How images become its input: said, or from its contract, a configuration beside it, or its own operations."""
    height, width, channels = found.sizes
    told = described.fields if described else {}
    size = hints.encoder_size or told.get("size") or 0
    _check_size(found, hints.encoder_size or 0)
    fields: dict[str, Any] = {"color": "gray" if channels == 1 else "rgb", "crop": 1.0}
    if found.contract is not None:
        fields = dataclasses.asdict(found.contract.preprocessing)
    elif found.scale is not None and "mean" not in told:
        fields |= {"mean": (found.scale[0],), "std": (found.scale[1],)}
    fields |= {name: value for name, value in told.items() if name != "size"}
    said = {"mean": hints.encoder_mean, "std": hints.encoder_std, "crop": hints.encoder_crop}
    fields |= {name: value for name, value in said.items() if value is not None}
    fields |= {"height": height or size, "width": width or size}
    _check_known(found.path, fields)
    preprocessing = Preprocessing(**fields)
    return preprocessing, (_sentence(found, described, preprocessing),)


def _check_size(found: Opened, said: int) -> None:
    height, width, _ = found.sizes
    if said and {height, width} - {0, said}:
        raise UsageError(
            f"--encoder-size is {said}, but {found.path} has a fixed input of {height} x {width} pixels. Remove "
            "--encoder-size."
        )


def _check_known(path: Path, fields: dict[str, Any]) -> None:
    channels = 1 if fields["color"] == "gray" else 3
    for name in ("mean", "std"):
        if name not in fields:
            raise UsageError(
                f"{path} does not say how its input is normalized, and there is no preprocessor_config.json beside it. "
                f"Give --encoder-mean and --encoder-std, in pixel values. {KNOWN_SCALES}."
            )
        if len(fields[name]) not in (1, channels):
            raise UsageError(
                f"The {name} of {path}'s input has {len(fields[name])} values; expected 1, or 1 for each of the "
                f"{channels} channels. Set it with --encoder-{name}."
            )
    if not fields["height"] or not fields["width"]:
        raise UsageError(f"{path} has no fixed input size. Set it with --encoder-size N.")


def _sentence(found: Opened, described: Described | None, preprocessing: Preprocessing) -> str:
    if found.contract is not None:
        source = "its contract"
    elif described is not None:
        source = described.source
    else:
        source = "what it computes first" if found.scale else "what was said"
    means, stds = (",".join(f"{value:.4g}" for value in values) for values in (preprocessing.mean, preprocessing.std))
    return (
        f"{found.path.name} takes {preprocessing.width} x {preprocessing.height} pixels in {found.layout}, "
        f"(pixel - {means}) / {stds}, {preprocessing.fit} {preprocessing.crop:g}, by {source}."
    )


def _picked(
    found: Opened, preprocessing: Preprocessing, name: str | None
) -> tuple[Callable[[Sequence[np.ndarray]], np.ndarray], tuple[str, ...]]:
    """What takes the vectors from the model's outputs, and what a person should know of that.

    Raises:
        ModelFileError: it has several outputs that may be meant, or none.
        UsageError: it has none of that name.
    """
    outputs = found.call(np.zeros((1, *preprocessing.shape), np.float32))
    names = ", ".join(f"{each} {list(values.shape)}" for each, values in zip(found.names, outputs))
    if name is not None and name not in found.names:
        raise UsageError(f"{found.path} has no output {name}. Its outputs: {names}.")
    chosen = [row for row, each in enumerate(found.names) if each == name] if name else list(range(len(outputs)))
    if len(chosen) > 1:
        chosen = [row for row in chosen if outputs[row].ndim == 2 and outputs[row].shape[1] > 1]
    if len(chosen) != 1:
        raise ModelFileError(
            f"{found.path} has the outputs {names}; expected one, of vectors. Choose it with --encoder-output NAME."
        )
    row = chosen[0]
    shape = list(outputs[row].shape)
    if len(shape) == 2:
        return lambda values: np.asarray(values[row], np.float32), ()
    if len(shape) == 3:
        said = (
            f"The first token of the output {found.names[row]} {shape} of {found.path.name}, its class token, is used."
        )
        return lambda values: np.asarray(values[row][:, 0], np.float32), (said,)
    if len(shape) == 4:
        axes = (2, 3) if found.layout == "NCHW" else (1, 2)
        said = f"The mean over the places of the feature map {found.names[row]} {shape} of {found.path.name} is used."
        return lambda values: np.asarray(values[row], np.float32).mean(axis=axes), (said,)
    raise ModelFileError(f"{found.path}: the output {names} is no vector, sequence of tokens or feature map.")
