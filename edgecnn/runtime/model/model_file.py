"""A `.tflite` file with what is known of it: its contract, or the best that standard metadata and its tensors tell."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import ModelFileError, RecordError
from ..regular_file import likely_meant, read_regular
from . import assumptions, foreign_detector, free_input, output_kind, purpose
from . import metadata as standard
from .contract import TASK, Contract, Preprocessing
from .graph import Graph
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
class AnyFile:
    """A `.tflite` file in memory, whatever goes in and comes out.

    Attributes:
        name: file name, for messages.
        data: the file's bytes.
        model: the parsed flatbuffer.
    """

    name: str
    data: bytes
    model: TFLiteModel

    @property
    def sha256(self) -> str:
        """Digest of the whole file."""
        return hashlib.sha256(self.data).hexdigest()

    def __reduce__(self) -> tuple[Any, ...]:
        """Travels to another process as bytes, which are parsed there."""
        return _parsed, (self.name, self.data)


@dataclass(frozen=True)
class ModelFile(AnyFile):
    """A file of which it is known what goes in and comes out: ours, or an image classifier by others.

    Attributes:
        contract: how to use it.
        sealed: whether the file carries our contract and its digest is right: it is what edgecnn wrote.
    """

    contract: Contract
    sealed: bool

    def __reduce__(self) -> tuple[Any, ...]:
        """As of `AnyFile`."""
        return _parsed, (self.name, self.data, self.contract, self.sealed)


def _parsed(name: str, data: bytes, *known: Any) -> AnyFile:
    model = parse(data, name)
    return ModelFile(name, data, model, *known) if known else AnyFile(name, data, model)


class NoClassifierError(ModelFileError):
    """A sound file by others that can't be used as an image classifier."""


def read(
    path: str | Path,
    labels: str | Path | None = None,
    said: Collection[str] = (),
    input_size: int | None = None,
) -> ModelFile:
    """Read a `.tflite` file of ours or an image classifier by others.

    Args:
        path: the file.
        labels: a file with class names, for a model that has none; see `label_file`.
        said: names of what a person says of a model by others, which needn't be assumed; see `edgecnn.core.hints`.
        input_size: height and width for a model that leaves them open.

    Raises:
        ModelFileError: the file is missing, damaged or of another kind, or has another number of outputs than labels.
        NoClassifierError: it is by others and no image classifier.
    """
    path = Path(path)
    data = read_bytes(path)
    if input_size is not None:
        data = free_input.closed(data, parse(data, path.name), input_size)
    file = from_bytes(data, path.name, said)
    if labels is None:
        return file
    names = foreign_detector.class_names(read_labels(labels, outputs_of(file.model)), file.model.graph, str(labels))
    contract = file.contract.replace(labels=names)
    return ModelFile(file.name, file.data, file.model, contract, file.sealed)


def from_bytes(data: bytes, name: str = "the model", said: Collection[str] = ()) -> ModelFile:
    """The same for a file that is in memory already."""
    model = parse(data, name)
    own = model.metadata.get(BUFFER_NAME)
    if own is None and holds_contract(model, data):
        raise ModelFileError(
            f"{name} is damaged: the edgecnn contract inside it can't be located. Copy the file again."
        )
    if own is not None:
        _check_digest(data, own, name)
        return ModelFile(name, data, model, _own_contract(own, name), sealed=True)
    return ModelFile(name, data, model, _guess_contract(model, data, name, said), sealed=False)


def read_any(path: str | Path, said: Collection[str] = ()) -> AnyFile:
    """Read any `.tflite` file: a `ModelFile` where that is possible.

    Raises:
        ModelFileError: the file is missing or damaged.
    """
    path = Path(path)
    return any_from_bytes(read_bytes(path), path.name, said)


def any_from_bytes(data: bytes, name: str = "the model", said: Collection[str] = ()) -> AnyFile:
    """The same for a file that is in memory already."""
    try:
        return from_bytes(data, name, said)
    except NoClassifierError:
        return AnyFile(name, data, parse(data, name))


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
        ModelFileError: it is missing, no regular file, too large or can't be read.
    """
    try:
        return read_regular(path, MAX_SIZE_BYTES)
    except FileNotFoundError as error:
        raise ModelFileError(f"There is no file {path}.{likely_meant(path) or ' Check the path.'}") from error
    except (OSError, MemoryError) as error:
        raise ModelFileError(
            f"Can't read {path}: {getattr(error, 'strerror', None) or error}. Check its name and permissions."
        ) from error


def _check_digest(data: bytes, own: memoryview, name: str) -> None:
    text = bytes(own[DIGEST_START : DIGEST_START + DIGEST_SIZE])
    place = data.find(bytes(own))
    digest = hashlib.sha256(data[: place + DIGEST_START])
    digest.update(b"0" * DIGEST_SIZE)
    digest.update(memoryview(data)[place + DIGEST_START + DIGEST_SIZE :])
    if digest.hexdigest().encode() != text:
        raise ModelFileError(f"{name} is damaged: its content does not match its SHA-256 digest. Copy the file again.")


def _own_contract(own: memoryview, name: str) -> Contract:
    try:
        values = parse_json(own)
        if isinstance(values, dict):
            values.pop("sha256", None)
        return Contract.from_dict(values)
    except RecordError as error:
        raise ModelFileError(f"{name}: its contract can't be read: {error}") from error


def _guess_contract(model: TFLiteModel, data: bytes, name: str, said: Collection[str]) -> Contract:
    graph = model.graph
    order = foreign_detector.output_order(graph)
    if reason := purpose.refusal(graph, name, is_detector=order is not None):
        raise NoClassifierError(reason)
    tensor = graph.tensors[graph.inputs[0]]
    if free_input.is_open(tensor):
        raise NoClassifierError(
            f"{name} has no fixed input size ({purpose.shown(tensor)}). Set height and width with --input-size N."
        )
    buffer = model.metadata.get(standard.BUFFER_NAME)
    known = standard.read(buffer, data) if buffer is not None else None
    if known is None and "color" not in said and (reason := purpose.doubt(tensor, name)):
        raise NoClassifierError(reason)
    preprocessing = Preprocessing(
        tensor.shape[1],
        tensor.shape[2],
        color="gray" if tensor.shape[3] == 1 else "rgb",
        crop=1.0,
        fit="stretch" if order else "crop",
    )
    preprocessing, assumed = guessed_scaling(graph, known, preprocessing, said, name)
    if known is None:
        assumed += assumptions.of_the_image("no metadata", preprocessing, said)
    output, of_output = ("boxes", []) if order else _guess_output(graph, name, said)
    return Contract(
        preprocessing,
        task="detection" if order else TASK,
        output=output,
        labels=foreign_detector.class_names(tuple(map(printable, known.labels)), graph, name) if known else (),
        model=ModelDescription(printable(known.name if known and known.name else Path(name).stem)),
        assumed=(*assumed, *of_output),
        extra={foreign_detector.ORDER: list(order)} if order else {},
    )


def _guess_output(graph: Graph, name: str, said: Collection[str]) -> tuple[str, list[str]]:
    try:
        return output_kind.guessed(graph, said)
    except ModelFileError as error:
        raise NoClassifierError(f"{name}: {error}") from error
