"""A vector for each class: by a text encoder from sentences about it, or computed before."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.core.errors import ModelFileError, UsageError
from edgecnn.core.progress import Progress
from edgecnn.labeling.settings import LabelOptions
from edgecnn.labeling.tokenizer import read_tokenizer
from edgecnn.runtime.model.json_text import printable
from edgecnn.runtime.model.label_file import read_labels
from edgecnn.runtime.regular_file import read_regular

CONTEXT = 77
"""Tokens of a text, where the encoder leaves it open: CLIP's number."""
_MAX_BYTES = 1 << 30
_PLACE = "{}"
_JOINT = "text_embeds"  # what exporters call a text's vector in the space of the images'
Encode = Callable[[np.ndarray], np.ndarray]
"""int64 (texts, tokens) -> float32 (texts, size)."""


def class_embeddings(options: LabelOptions, progress: Progress) -> tuple[tuple[str, ...], np.ndarray]:
    """The classes, and float32 (classes, size) vectors of length 1.

    Raises:
        UsageError: what says them is missing, or said twice.
        ModelFileError: a file is missing, damaged, holds pickled objects, or doesn't fit.
    """
    names = _names(options)
    if options.embeddings is not None:
        if options.text_encoder or options.tokenizer:
            raise UsageError("--embeddings stands in place of --text-encoder and --tokenizer. Remove one of them.")
        names, vectors = _read(options.embeddings, names)
    else:
        vectors = _encoded(names, options, progress)
    if len(names) < 2 or len({*names}) < len(names):
        raise UsageError(f"The classes are {', '.join(names) or 'missing'}; expected at least two different ones.")
    if not np.isfinite(vectors).all() or not vectors.any(axis=1).all():
        raise ModelFileError("The text embeddings hold numbers that are not finite, or a class without any.")
    return names, _unit(vectors)


def _names(options: LabelOptions) -> tuple[str, ...]:
    if options.classes and options.labels:
        raise UsageError("--classes and --labels both name the classes. Remove one of them.")
    names = options.classes or (read_labels(options.labels) if options.labels else ())
    if not names and (options.embeddings is None or options.embeddings.suffix != ".npz"):
        raise UsageError("The classes are not named. Give --classes CLASS,... or --labels FILE.")
    return tuple(printable(name) for name in names)


def _unit(vectors: np.ndarray) -> np.ndarray:
    result: np.ndarray = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return result


def _encoded(names: Sequence[str], options: LabelOptions, progress: Progress) -> np.ndarray:
    """The mean of the templates' unit vectors (arXiv:2103.00020, section 3.1.4)."""
    if options.text_encoder is None or options.tokenizer is None:
        raise UsageError("The classes need --text-encoder and --tokenizer, or --embeddings computed before.")
    if missing := [each for each in options.template if _PLACE not in each]:
        raise UsageError(f"--template is {missing[0]!r}; expected a sentence with {_PLACE} in place of the class.")
    tokenizer = read_tokenizer(options.tokenizer)
    encode, length = _text_encoder(options.text_encoder, progress)
    texts = [template.replace(_PLACE, name) for name in names for template in options.template]
    found = _unit(encode(np.stack([tokenizer(text, length) for text in texts])))
    return found.reshape(len(names), len(options.template), -1).mean(axis=1)


def _text_encoder(path: Path, progress: Progress) -> tuple[Encode, int]:
    """A text encoder, and how many tokens it takes."""
    if path.suffix.lower() == ".onnx":
        return _onnx(path, progress)
    if path.suffix in (".keras", ".h5", ".hdf5"):
        return _keras(path)
    raise ModelFileError(f"{path} is no text encoder; expected a .keras, .h5, .hdf5 or .onnx file.")


def _onnx(path: Path, progress: Progress) -> tuple[Encode, int]:
    from edgecnn.encoders.onnx_session import Session

    session = Session(path, progress)
    if any(each.type not in (np.int64, np.int32) or len(each.shape) != 2 for each in session.inputs):
        raise _unfit(path, [(each.name, each.shape) for each in session.inputs])
    rows, length = (each if isinstance(each, int) else 0 for each in session.inputs[0].shape)
    names = [each.name for each in session.outputs]

    def encode(tokens: np.ndarray) -> np.ndarray:
        step = rows or len(tokens)
        parts = []
        for start in range(0, len(tokens), step):
            part = tokens[np.minimum(np.arange(start, start + step), len(tokens) - 1)]
            given = [_mask(part) if "mask" in each.name else part for each in session.inputs]
            parts.append(_vectors(session(*given), names, path)[: len(tokens) - start])
        return np.concatenate(parts).astype(np.float32)

    return encode, length or CONTEXT


def _mask(tokens: np.ndarray) -> np.ndarray:
    """1 up to the end of each text, which has the largest number."""
    ends = tokens.argmax(axis=1)[:, np.newaxis]
    result: np.ndarray = (np.arange(tokens.shape[1]) <= ends).astype(np.int64)
    return result


def _keras(path: Path) -> tuple[Encode, int]:
    from edgecnn.core.compat.tensorflow import tf
    from edgecnn.float_model import keras_model

    model, _ = keras_model.load_as_saved(path, trust=None)
    shape = tuple(model.inputs[0].shape)
    if len(model.inputs) != 1 or len(shape) != 2:
        raise _unfit(path, [(each.name, tuple(each.shape)) for each in model.inputs])

    def encode(tokens: np.ndarray) -> np.ndarray:
        found = model(tf.cast(tokens, model.inputs[0].dtype), training=False)
        outputs = found if isinstance(found, (list, tuple)) else [found]
        return _vectors([np.asarray(each) for each in outputs], list(model.output_names), path).astype(np.float32)

    return encode, shape[1] or CONTEXT


def _unfit(path: Path, inputs: Sequence[tuple[str, tuple[Any, ...]]]) -> ModelFileError:
    shown = ", ".join(f"{name} {list(shape)}" for name, shape in inputs)
    return ModelFileError(
        f"{path} takes {shown}; expected the numbers of a text's tokens, [texts, tokens], and perhaps their mask. Give "
        "the text encoder by itself, as text_model.onnx of CLIP's exports is."
    )


def _vectors(outputs: Sequence[np.ndarray], names: Sequence[str], path: Path) -> np.ndarray:
    """The only output of vectors, or that which is named as such."""
    flat = [row for row, values in enumerate(outputs) if values.ndim == 2]
    chosen = [row for row in flat if names[row] == _JOINT] or flat
    if len(chosen) != 1:
        shown = ", ".join(f"{name} {list(values.shape)}" for name, values in zip(names, outputs))
        raise ModelFileError(
            f"{path} has the outputs {shown}; expected one of vectors, or one named {_JOINT}. Export the text "
            "encoder with its projection."
        )
    return outputs[chosen[0]]


def _read(path: Path, names: Sequence[str]) -> tuple[tuple[str, ...], np.ndarray]:
    """An array with a row per class, or an archive with an array per class."""
    try:
        found = np.load(io.BytesIO(read_regular(path, _MAX_BYTES)), allow_pickle=False)
        if isinstance(found, np.ndarray):
            return tuple(names), _rows(found, names, path)
        with found:
            known = {printable(name): name for name in found.files}
            chosen = tuple(names or known)
            if missing := [name for name in chosen if name not in known]:
                raise ModelFileError(f"{path} has no array named {missing[0]}; it has {', '.join(known)[:200]}.")
            return chosen, np.stack([_mean(found[known[name]], path) for name in chosen])
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise ModelFileError(
            f"{path} can't be read as text embeddings ({' '.join(str(error).split())[:120]}); expected a .npy or .npz "
            "file of numbers, without pickled objects."
        ) from error


def _rows(values: np.ndarray, names: Sequence[str], path: Path) -> np.ndarray:
    if values.ndim != 2 or len(values) != len(names) or values.dtype.kind != "f":
        raise ModelFileError(
            f"{path} is an array of {values.dtype} {list(values.shape)}; expected floats, one row for each of the "
            f"{len(names)} classes."
        )
    return values.astype(np.float32)


def _mean(values: np.ndarray, path: Path) -> np.ndarray:
    """One vector, or the mean of several unit vectors (of templates)."""
    if values.ndim not in (1, 2) or values.dtype.kind != "f" or 0 in values.shape:
        raise ModelFileError(f"{path} has an array of {values.dtype} {list(values.shape)}; expected floats, a vector.")
    result: np.ndarray = _unit(np.atleast_2d(values.astype(np.float32))).mean(axis=0)
    return result
