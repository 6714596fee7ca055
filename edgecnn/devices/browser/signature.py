"""How LiteRT names a model's outputs: by the signature's names, or those of the tensors where there is none."""

from __future__ import annotations

from collections.abc import Sequence

from edgecnn.core.errors import DeviceError
from edgecnn.runtime.model.flatbuffer import Table
from edgecnn.runtime.model.model_file import AnyFile

_SIGNATURES, _OUTPUTS, _NAME, _TENSOR = 7, 1, 0, 1  # fields of the tables Model, SignatureDef and TensorMap


def order_of(file: AnyFile, names: Sequence[str]) -> list[int]:
    """Which of LiteRT's outputs each output of the graph is; LiteRT has them in the order of the signature.

    Raises:
        DeviceError: LiteRT's names are not the file's.
    """
    graph = file.model.graph
    if len(graph.outputs) == 1 == len(names):
        return [0]
    tensors = {name: number for number, name in enumerate(names)}
    found = [next((tensors[name] for name in _names(file, index) if name in tensors), None) for index in graph.outputs]
    if len(tensors) != len(graph.outputs) or sorted(n for n in found if n is not None) != list(range(len(found))):
        raise DeviceError(
            f"{file.name} has {len(graph.outputs)} outputs, which LiteRT.js names {', '.join(names)}; expected the "
            "names of its signature. Convert the model again."
        )
    return [number for number in found if number is not None]


def _names(file: AnyFile, tensor: int) -> list[str]:
    """Names that an output tensor of the main graph may have."""
    signatures = Table.root(file.data, bounded=True).tables(_SIGNATURES)
    entries = signatures[0].tables(_OUTPUTS) if signatures else []
    named = [entry.string(_NAME) for entry in entries if entry.scalar(_TENSOR, "uint32") == tensor]
    return [*named, file.model.graph.tensors[tensor].name]
