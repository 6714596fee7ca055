"""A model as targets take it: any `.tflite` file, whatever goes in and comes out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgecnn import artifact
from edgecnn.graph import shapes
from edgecnn.runtime.model import model_file, tflite
from edgecnn.runtime.model.model_file import AnyFile, ModelFile
from edgecnn.runtime.model.tflite import TFLiteModel


@dataclass(frozen=True)
class TargetModel:
    """A model file in memory.

    Attributes:
        name: file name, for messages.
        graph_bytes: what the converter wrote, without a contract.
        model: the parsed flatbuffer, shapes inferred where the file leaves them out.
        file: the file with its contract where edgecnn wrote it; None for a file by others.
    """

    name: str
    graph_bytes: bytes
    model: TFLiteModel
    file: ModelFile | None


def read(path: str | Path) -> TargetModel:
    """Read any `.tflite` file.

    Raises:
        ModelFileError: the file is missing, damaged or of another kind.
    """
    path = Path(path)
    data = model_file.read_bytes(path)
    model = tflite.parse(data, path.name)
    if model_file.holds_contract(model, data):
        return as_target_model(model_file.from_bytes(data, path.name))
    return TargetModel(path.name, data, shapes.resolved(model, data), None)


def as_target_model(model: AnyFile | TargetModel) -> TargetModel:
    """The same of a file that was read already."""
    if isinstance(model, TargetModel):
        return model
    data = artifact.graph_bytes(model)
    sealed = model if isinstance(model, ModelFile) and model.sealed else None
    return TargetModel(model.name, data, shapes.resolved(model.model, model.data), sealed)
