"""The contract of a third-party float model: read from its file, given by hints, or assumed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edgecnn.core.errors import ModelFileError
from edgecnn.core.hints import Hints
from edgecnn.float_model.frozen_graph import freeze, output_activation
from edgecnn.float_model.input_range import range_of
from edgecnn.runtime.model import assumptions
from edgecnn.runtime.model.contract import Contract, Preprocessing
from edgecnn.runtime.model.input_range import SIGNED
from edgecnn.runtime.model.json_text import printable
from edgecnn.runtime.model.records import ModelDescription


def foreign_contract(
    name: str, shape: tuple[int | None, ...], dtype: Any, call: Callable[[Any], Any], hints: Hints
) -> tuple[Contract, str]:
    """The contract of a model without one, before the hints are applied to it, and what its output passes through last.

    Args:
        name: for people.
        shape: of its input; None where it is open.
        dtype: of its input.
        call: the model.
        hints: what was said; it isn't assumed.

    Raises:
        ModelFileError: it takes no single image, or its input size is open.
    """
    if len(shape) != 4 or shape[3] not in (1, 3):
        raise ModelFileError(f"The model has an input of shape {list(shape)}; expected [batch, height, width, 1 or 3].")
    height, width = shape[1] or hints.input_size, shape[2] or hints.input_size
    if not height or not width:
        raise ModelFileError(f"The model has no fixed input size ({list(shape)}). Set the size with --input-size N.")
    both_said = {"mean", "std"} <= hints.said
    graph = None if both_said and hints.output_kind else freeze(call, (height, width, shape[3]))
    found = None if both_said else range_of(graph, (height, width, shape[3]), dtype)
    preprocessing = Preprocessing(height, width, color="gray" if shape[3] == 1 else "rgb")
    preprocessing = (found or SIGNED).applied(preprocessing)
    contract = Contract(
        preprocessing,
        model=ModelDescription(printable(name)),
        assumed=(
            *assumptions.of_the_image("no contract", preprocessing, hints.said),
            *assumptions.of_scaling(found, hints.said),
        ),
    )
    return contract, output_activation(graph)
