"""An artifact changed for a program that takes less than `edgecnn classify`: sealed anew, with new golden vectors."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from edgecnn import artifact
from edgecnn.graph.probabilities import PROBABILITIES_OF, with_probabilities
from edgecnn.runtime.model import model_file
from edgecnn.runtime.model.contract import Contract
from edgecnn.runtime.model.model_file import ModelFile
from edgecnn.runtime.model.rejection import NONE_OF_THESE, PROBABILITY, Rejection
from edgecnn.runtime.process import guard
from edgecnn.runtime.run import golden
from edgecnn.runtime.run.engine import Engine, Interface


def giving_probabilities(file: ModelFile, **changes: Any) -> ModelFile:
    """The same model with probabilities as its output, by a softmax or a sigmoid in the graph where they aren't yet.

    Args:
        file: the model.
        changes: other fields of its contract that change.

    Raises:
        ModelFileError: its output can't be made probabilities, or the runtime refuses the model.
    """
    kind = PROBABILITIES_OF.get(file.contract.output)
    contract, graph = file.contract.replace(**changes), artifact.graph_bytes(file)
    if kind is not None:
        plain = contract.replace(output=kind, rejection=carried(contract.rejection))
        return sealed(file, with_probabilities(graph, contract.output), plain)
    return file if contract == file.contract else sealed(file, graph, contract)


def byte_steps(interface: Interface) -> int:
    """How far the input tensor is from the bytes of an image, at most; 0 where it takes them as they are."""
    if interface.input.dtype != np.uint8:
        return 255
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    spread = np.resize(np.repeat(levels, interface.input.shape[-1], axis=2), interface.input.shape[1:])
    return int(np.abs(interface.tensor(spread)[0].astype(int) - spread).max())


def taking_bytes(contract: Contract, interface: Interface) -> Contract:
    """The contract by which the input tensor is the bytes of an image."""
    channels, taken = contract.preprocessing.channels, interface.input
    preprocessing = dataclasses.replace(
        contract.preprocessing, mean=(float(taken.zero_point),) * channels, std=(1 / taken.scale,) * channels
    )
    return contract.replace(preprocessing=preprocessing)


def carried(rejection: Rejection | None) -> Rejection | None:
    """What is left of a rejection where the output is plain probabilities: their own threshold, background classes."""
    if rejection is None or (rejection.score == PROBABILITY and rejection.temperature == 1):
        return rejection
    return Rejection(PROBABILITY, None, background=rejection.background) if rejection.background else None


def threshold_of(contract: Contract, default: float) -> float:
    """The probability below which an answer doesn't count in a program that has only such a threshold."""
    rejection = contract.rejection
    return default if rejection is None or rejection.threshold is None else round(rejection.threshold, 4)


def rejection_notes(file: ModelFile, adapted: ModelFile, program: str) -> list[str]:
    """What becomes of "none of these" in a program that has only a threshold of probabilities, in sentences."""
    before, after = file.contract.rejection, adapted.contract.rejection
    if before is None or before.threshold is None:
        return []
    if after is not None and after.threshold is not None:
        return [f"{program} gives no class where the probability is below {threshold_of(adapted.contract, 0)}."]
    return [
        f"{program} can't compute the score by which the model answers {NONE_OF_THESE!r} ({before.score}, temperature "
        f"{before.temperature:g}), so it has only a threshold of plain probabilities. For the same answers, make the "
        "artifact with `edgecnn quantize --probabilities`, and set its threshold with `edgecnn open-set`."
    ]


def with_contract(file: ModelFile, contract: Contract) -> ModelFile:
    """The same graph with another contract."""
    return sealed(file, artifact.graph_bytes(file), contract)


def sealed(file: ModelFile, graph: bytes, contract: Contract) -> ModelFile:
    """A graph with its contract and the golden vectors that this machine makes; `file` gives the name."""
    bare = model_file.from_bytes(artifact.seal(graph, contract.replace(golden=None)), file.name)
    guard.try_out(bare)
    data = artifact.seal(graph, contract.replace(golden=golden.make(Engine(bare, threads=1))))
    return model_file.from_bytes(data, file.name)
