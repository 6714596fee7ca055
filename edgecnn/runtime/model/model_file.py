"""A `.tflite` file with what is known of it: its contract, or the best that standard metadata and its tensors tell."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from ..errors import ModelFileError, RecordError
from . import assumptions
from . import metadata as standard
from .contract import Contract, Preprocessing
from .json_text import parse_json, printable
from .label_file import read_labels
from .records import ModelDescription
from .scaling import guessed_scaling
from .tflite import TFLiteModel, parse

BUFFER_NAME = "edgecnn"
GRAPH_BUFFER_NAME = "edgecnn_graph"  # 16 bytes: where the converter's file starts, and its length
# The contract's buffer is `{"sha256":"<64 digits>", ...}`: the digest of the whole file with these digits as zeros.
DIGEST_START = len('{"sha256":"')
DIGEST_SIZE = 64
_OWN_BEGINNING = re.compile(rb'\{"sha256":"[0-9a-f]{64}","')
MAX_SIZE_BYTES = 2 << 30


@dataclass(frozen=True)
class ModelFile:
    """A model file in memory.

    Attributes:
        name: file name, for messages.
        data: the file's bytes.
        graph: the parsed flatbuffer.
        contract: how to use it.
        sealed: whether the file carries our contract and its digest is right: it is what edgecnn wrote.
    """

    name: str
    data: bytes
    model: TFLiteModel
    contract: Contract
    sealed: bool

    @property
    def sha256(self) -> str:
        """Digest of the whole file."""
        return hashlib.sha256(self.data).hexdigest()


def read(path: str | Path, labels: str | Path | None = None, said: Collection[str] = ()) -> ModelFile:
    """Read a `.tflite` file of ours or by others.

    Args:
        path: the file.
        labels: a file with class names, for a model that has none; see `label_file`.
        said: names of what a person says of a model by others, which needn't be assumed; see `edgecnn.core.hints`.

    Raises:
        ModelFileError: the file is missing, damaged or of another kind, or has another number of outputs than labels.
    """
    path = Path(path)
    file = from_bytes(read_bytes(path), path.name, said)
    if labels is None:
        return file
    contract = file.contract.replace(labels=read_labels(labels, outputs_of(file.model)))
    return ModelFile(file.name, file.data, file.model, contract, file.sealed)


def from_bytes(data: bytes, name: str = "the model", said: Collection[str] = ()) -> ModelFile:
    """The same for a file that is in memory already."""
    model = parse(data, name)
    own = model.metadata.get(BUFFER_NAME)
    if own is None and holds_contract(model, data):
        raise ModelFileError(f"{name} is damaged: it holds a contract of edgecnn that can't be found. Copy it again.")
    if own is not None:
        _check_digest(data, own, name)
        return ModelFile(name, data, model, _own_contract(own, name), sealed=True)
    return ModelFile(name, data, model, _guess_contract(model, data, name, said), sealed=False)


def holds_contract(model: TFLiteModel, data: bytes) -> bool:
    """Whether a file carries a contract of ours, be it damaged or under a damaged name."""
    return BUFFER_NAME in model.metadata or GRAPH_BUFFER_NAME in model.metadata or bool(_OWN_BEGINNING.search(data))


def outputs_of(model: TFLiteModel) -> int | None:
    """How many values the model's only output has; None where that isn't one vector."""
    shape = model.graph.tensors[model.graph.outputs[0]].shape
    vector = len(model.graph.outputs) == 1 and len(shape) >= 1 and all(size == 1 for size in shape[:-1])
    return int(shape[-1]) if vector else None


def read_bytes(path: Path) -> bytes:
    """A model file's bytes.

    Raises:
        ModelFileError: it is missing, a folder, too large or can't be read.
    """
    try:
        if path.is_dir():
            raise ModelFileError(f"{path} is a folder; expected a .tflite file.")
        if path.stat().st_size > MAX_SIZE_BYTES:
            raise ModelFileError(
                f"{path} has {path.stat().st_size:,} bytes; a .tflite file has at most {MAX_SIZE_BYTES:,}."
            )
        return path.read_bytes()
    except FileNotFoundError as error:
        raise ModelFileError(f"There is no file {path}.") from error
    except (OSError, MemoryError) as error:
        raise ModelFileError(f"Can't read {path}: {error}.") from error


def _check_digest(data: bytes, own: memoryview, name: str) -> None:
    text = bytes(own[DIGEST_START : DIGEST_START + DIGEST_SIZE])
    place = data.find(bytes(own))
    digest = hashlib.sha256(data[: place + DIGEST_START])
    digest.update(b"0" * DIGEST_SIZE)
    digest.update(memoryview(data)[place + DIGEST_START + DIGEST_SIZE :])
    if digest.hexdigest().encode() != text:
        raise ModelFileError(f"{name} is damaged: its content doesn't match the digest that it carries. Copy it again.")


def _own_contract(own: memoryview, name: str) -> Contract:
    try:
        values = parse_json(own)
        if isinstance(values, dict):
            values.pop("sha256", None)
        return Contract.from_dict(values)
    except RecordError as error:
        raise ModelFileError(f"{name}: its contract can't be read: {error}") from error


def _guess_contract(model: TFLiteModel, data: bytes, name: str, said: Collection[str]) -> Contract:
    tensor = model.graph.tensors[model.graph.inputs[0]]
    if len(tensor.shape) != 4 or tensor.shape[0] != 1 or tensor.shape[3] not in (1, 3):
        raise ModelFileError(
            f"{name} takes an input of shape {list(tensor.shape)}; expected one image, [1, height, width, 1 or 3]."
        )
    buffer = model.metadata.get(standard.BUFFER_NAME)
    known = standard.read(buffer, data) if buffer is not None else None
    output = model.graph.tensors[model.graph.outputs[0]]
    preprocessing = Preprocessing(
        tensor.shape[1],
        tensor.shape[2],
        color="gray" if tensor.shape[3] == 1 else "rgb",
        crop=1.0,
    )
    preprocessing, assumed = guessed_scaling(model.graph, known, preprocessing, said, name)
    if known is None:
        assumed += assumptions.of_the_image("no metadata", preprocessing, said)
    ends_in_softmax = any(op.name == "SOFTMAX" and op.outputs[0] == output.index for op in model.graph.operators)
    looks_like_softmax = output.scale.size == 1 and abs(float(output.scale[0]) - 1 / 256) < 1e-6
    return Contract(
        preprocessing,
        output="probabilities" if ends_in_softmax or looks_like_softmax else "logits",
        labels=tuple(map(printable, known.labels)) if known else (),
        model=ModelDescription(printable(known.name if known and known.name else Path(name).stem)),
        assumed=tuple(assumed),
    )
