"""Golden vectors: inputs from an integer-only generator, outputs stored in the contract.

Any device makes the same inputs, so it can prove that it computes what the host computed, with nothing to copy.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..errors import ModelFileError
from .engine import Engine, Interface

GENERATOR = "splitmix64-blocks-1"
COUNT = 4
SEED = 20240229


def picture(seed: int, index: int, shape: tuple[int, int, int]) -> np.ndarray:
    """Test picture number `index`, uint8 (height, width, channels), the same bytes on every platform.

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


def make(engine: Engine, seed: int = SEED, count: int = COUNT) -> dict[str, Any]:
    """Run the test pictures; returns the contract's `golden` field."""
    outputs = [engine.invoke(engine.tensor(picture(seed, index, engine.input.shape[1:]))) for index in range(count)]  # type: ignore[arg-type]
    little_endian = outputs[0].dtype.newbyteorder("<")
    return {
        "generator": GENERATOR,
        "seed": seed,
        "count": count,
        "dtype": outputs[0].dtype.name,
        "outputs": [base64.b64encode(output.astype(little_endian).tobytes()).decode() for output in outputs],
    }


@dataclass(frozen=True)
class GoldenResult:
    """How a device's outputs differ from the stored ones.

    Attributes:
        count: vectors replayed.
        identical: how many gave the same bytes.
        max_steps: largest difference in quantization steps (float outputs: in real units, `max_difference`).
        max_difference: largest difference in real units.
        same_top1: how many gave the same best class.
    """

    count: int
    identical: int
    max_steps: int
    max_difference: float
    same_top1: int

    @property
    def passed(self) -> bool:
        """Whether every best class is the same."""
        return self.same_top1 == self.count

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**asdict(self), "passed": self.passed}


Runner = Callable[[Iterator[np.ndarray]], Iterator[np.ndarray]]


def replay(interface: Interface, runner: Runner) -> GoldenResult:
    """Run the contract's golden vectors wherever `runner` runs input tensors.

    Raises:
        ModelFileError: the file carries none, or they were made by a newer generator.
    """
    golden = interface.contract.golden
    if golden.get("generator") != GENERATOR:
        raise ModelFileError(f"{interface.file.name} carries no golden vectors that this version can replay.")
    shape, seed = interface.input.shape[1:], golden["seed"]
    tensors = [interface.tensor(picture(seed, index, shape)) for index in range(len(golden["outputs"]))]  # type: ignore[arg-type]
    dtype = np.dtype(golden["dtype"]).newbyteorder("<")
    expected = [np.frombuffer(base64.b64decode(text), dtype) for text in golden["outputs"]]
    return compare(interface, list(zip(expected, runner(iter(tensors)))))


def compare(interface: Interface, pairs: list[tuple[np.ndarray, np.ndarray]]) -> GoldenResult:
    """Compare (expected, got) raw outputs."""
    quantized = bool(interface.output.scale)
    steps = [int(np.abs(e.astype(np.int64) - g.astype(np.int64)).max()) if quantized else 0 for e, g in pairs]
    real = [np.abs(interface.output.dequantize(e) - interface.output.dequantize(g)).max() for e, g in pairs]
    return GoldenResult(
        count=len(pairs),
        identical=sum(e.tobytes() == g.tobytes() for e, g in pairs),
        max_steps=max(steps),
        max_difference=float(max(real)),
        same_top1=sum(int(g[e.argmax()] == g.max()) for e, g in pairs),
    )
