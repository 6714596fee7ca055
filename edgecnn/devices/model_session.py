"""A model that waits somewhere, whoever runs it there: tensors in, raw outputs back, a frame of them at a time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

import numpy as np

from edgecnn.core.errors import UsageError
from edgecnn.runtime.run.engine import Interface

FRAME_BYTES = 4 << 20
Self = TypeVar("Self", bound="ModelSession")


class ModelSession(ABC):
    """Call it with input tensors as often as you like; also a context manager that closes it.

    Args:
        interface: what goes into the model and comes out of it.

    Attributes:
        system: what runs it, as `runtime.measure.system.describe()`.
        threads: of the processor.
        raw: the form of a raw output.
        raw_bytes: of a raw output.
    """

    system: dict[str, Any]
    threads: int

    def __init__(self, interface: Interface) -> None:
        self.raw = interface.raw
        self.raw_bytes = int(np.prod(self.raw.shape)) * self.raw.dtype.itemsize
        self._shape, self._dtype = interface.input.shape, interface.input.dtype
        self._per_frame = max(1, FRAME_BYTES // max(1, int(np.prod(self._shape)) * self._dtype.itemsize))

    def __call__(self, tensors: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Send tensors, (1, height, width, channels) each, in frames; yields each one's raw output, (classes,).

        Raises:
            UsageError: a tensor has another shape or type than the model's input.
            DeviceError: the connection was lost, or no answer comes.
            CrashError: the runtime crashed.
        """
        source = iter(tensors)
        while frame := [self._checked(tensor) for tensor in islice(source, self._per_frame)]:
            yield from self.answers(frame)

    @abstractmethod
    def answers(self, frame: list[bytes]) -> list[np.ndarray]:
        """The raw outputs for input tensors, the bytes of each. Errors as of a call."""

    @abstractmethod
    def close(self) -> None:
        """End the other side."""

    def _checked(self, tensor: np.ndarray) -> bytes:
        if tensor.shape != self._shape or tensor.dtype != self._dtype:
            received = f"{tensor.dtype} {list(tensor.shape)}"
            raise UsageError(
                f"A tensor is {received}; expected {self._dtype} {list(self._shape)}, as the model's input."
            )
        return tensor.tobytes()

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
