"""Golden vectors: inputs from an integer-only generator, outputs stored in the contract.

Any device makes the same inputs, so it can prove that it computes what the host computed, with nothing to copy.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ModelFileError
from ..model.records import Golden
from ..model.validation import Record, renamed
from ..tasks import check_finite
from .engine import Engine, Interface

GENERATOR = "splitmix64-blocks-1"
COUNT = 4
SEED = 20240229


def picture(seed: int, index: int, shape: tuple[int, int, int]) -> np.ndarray:
    """Test image number `index`, uint8 (height, width, channels), the same bytes on every platform.

    Squares of random color, of a side that shrinks with the index, under a little noise: flat areas and edges reach
    more of a network's range than noise alone.
    """
    height, width, channels = shape
    side = max(1, (max(height, width) // 4) >> index)
    rows, columns = -(-height // side), -(-width // side)
    blocks = _random_bytes(seed + 2 * index, rows * columns * channels).reshape(rows, columns, channels)
    coarse = blocks.repeat(side, axis=0).repeat(side, axis=1)[:height, :width].astype(np.uint16)
    noise = _random_bytes(seed + 2 * index + 1, height * width * channels).reshape(shape) >> 4
    return ((coarse * 15 >> 4) + noise).astype(np.uint8)


def _random_bytes(seed: int, count: int) -> np.ndarray:
    """SplitMix64 (Steele, Lea, Flood 2014) of a counter; unsigned 64-bit arithmetic wraps alike everywhere."""
    gamma = 0x9E3779B97F4A7C15
    state = (np.arange(1, count + 1, dtype=np.uint64) + np.uint64(seed << 32)) * np.uint64(gamma)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((state ^ (state >> np.uint64(31))) >> np.uint64(56)).astype(np.uint8)


def make(engine: Engine, seed: int = SEED, count: int = COUNT) -> Golden:
    """Run the test images; returns the contract's golden vectors.

    Raises:
        OutputValueError: an output holds NaN or infinite values, which no device could repeat.
    """
    shape = engine.contract.preprocessing.shape
    outputs = [engine.invoke(engine.tensor(picture(seed, index, shape))) for index in range(count)]
    for output in outputs:
        check_finite(engine.real(output))
    little_endian = outputs[0].dtype.newbyteorder("<")
    encoded = tuple(base64.b64encode(output.astype(little_endian).tobytes()).decode() for output in outputs)
    return Golden(GENERATOR, seed, count, outputs[0].dtype.name, encoded)


@dataclass(frozen=True)
class GoldenResult(Record):
    """How a device's outputs differ from the stored ones.

    Attributes:
        count: vectors replayed.
        identical: how many gave the same bytes.
        max_steps: largest difference in quantization steps (float outputs: in real units, `max_difference`).
        max_difference: largest difference in real units.
        same_answer: how many gave the same answer, e.g. the same best class.
    """

    DERIVED = ("passed",)

    count: int
    identical: int
    max_steps: int
    max_difference: float
    same_answer: int

    @property
    def passed(self) -> bool:
        """Whether every answer is the same."""
        return self.same_answer == self.count

    @classmethod
    def upgraded(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """0.1 had classifiers only."""
        return renamed(values, {"same_top1": "same_answer"})


Runner = Callable[[Iterator[np.ndarray]], Iterator[np.ndarray]]


def replay(interface: Interface, runner: Runner) -> GoldenResult:
    """Run the contract's golden vectors wherever `runner` runs input tensors.

    Raises:
        ModelFileError: the file carries none, or they were made by a newer generator.
    """
    golden = interface.contract.golden
    if not golden or golden.generator != GENERATOR:
        raise ModelFileError(
            f"{interface.file.name} contains no golden vectors that this version of edgecnn can replay. Quantize "
            "the model again."
        )
    expected = [_decoded(text, golden, interface) for text in golden.outputs]
    shape = interface.contract.preprocessing.shape
    tensors = [interface.tensor(picture(golden.seed, index, shape)) for index in range(len(expected))]
    return compare(interface, list(zip(expected, runner(iter(tensors)))))


def _decoded(text: str, golden: Golden, interface: Interface) -> np.ndarray:
    form = interface.raw
    try:
        octets = base64.b64decode(text)
    except ValueError:
        octets = b""
    if golden.dtype != form.dtype.name or len(octets) != form.shape[0] * form.dtype.itemsize:
        raise ModelFileError(
            f"{interface.file.name}: its golden vectors do not belong to this model; expected {form.shape[0]} "
            f"values of type {form.dtype.name} in each. Quantize the model again."
        )
    return np.frombuffer(octets, form.dtype.newbyteorder("<"))


def compare(interface: Interface, pairs: list[tuple[np.ndarray, np.ndarray]]) -> GoldenResult:
    """Compare (expected, received) raw outputs."""
    steps, real = [0], [0.0]
    for expected, found in pairs:
        for info, first, second in zip(interface.outputs, interface.split(expected), interface.split(found)):
            if info.scale:
                steps.append(int(np.abs(first.astype(np.int64) - second.astype(np.int64)).max()))
            real.append(float(np.abs(info.dequantize(first) - info.dequantize(second)).max()))
    same = (interface.task.same(interface.real(e), interface.real(f), interface.contract) for e, f in pairs)
    return GoldenResult(
        count=len(pairs),
        identical=sum(expected.tobytes() == found.tobytes() for expected, found in pairs),
        max_steps=max(steps),
        max_difference=max(real),
        same_answer=sum(same),
    )
