"""One operator of a float `.tflite` as the table of operations gets it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgecnn.core.compat.tensorflow import tf
from edgecnn.core.errors import ModelFileError

_PADDING = ("SAME", "VALID")  # by code


@dataclass(frozen=True)
class Node:
    """An operator with its inputs as values.

    Attributes:
        inputs: constants as NumPy arrays, everything else as tensors; None for an input that is left out.
        outputs: how many it has.
        options: its table of options, None where it has none.
    """

    inputs: tuple[Any, ...]
    outputs: int
    options: Any

    def option(self, name: str, default: Any = 0) -> Any:
        """A field of its options by its name in the schema; the schema's default where the file leaves it out."""
        return getattr(self.options, name, default)

    def input(self, place: int) -> Any:
        """An input, or None where there is none at that place."""
        return self.inputs[place] if place < len(self.inputs) else None

    def numbers(self, place: int) -> list[int]:
        """An input of whole numbers that don't depend on the image, flat.

        Raises:
            ModelFileError: they do.
        """
        value = self.input(place)
        known = value if value is None or isinstance(value, np.ndarray) else tf.get_static_value(value)
        if known is None:
            raise ModelFileError(f"its input {place} depends on the image; expected a constant")
        return [int(number) for number in known.reshape(-1)]

    @property
    def padding(self) -> str:
        """ "SAME" or "VALID"."""
        return _PADDING[self.option("padding")]

    @property
    def strides(self) -> list[int]:
        """(1, rows, columns, 1)."""
        return [1, self.option("strideH", 1), self.option("strideW", 1), 1]

    @property
    def dilations(self) -> list[int]:
        """(rows, columns)."""
        return [self.option("dilationHFactor", 1), self.option("dilationWFactor", 1)]

    def activated(self, values: Any) -> Any:
        """What the fused activation makes of the values.

        Raises:
            ModelFileError: there is no such activation.
        """
        code = self.option("fusedActivationFunction")
        if code not in _ACTIVATIONS:
            raise ModelFileError(f"its fused activation {code} is unknown")
        return _ACTIVATIONS[code](values)


_ACTIVATIONS: dict[int, Callable[[Any], Any]] = {
    0: lambda values: values,
    1: lambda values: tf.nn.relu(values),
    2: lambda values: tf.clip_by_value(values, -1.0, 1.0),
    3: lambda values: tf.nn.relu6(values),
    4: lambda values: tf.tanh(values),
}
"""By the code in the schema; the last one there, sign_bit, is used by no converter."""
