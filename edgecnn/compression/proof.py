"""What a compression saved: both models converted, and sizes and times measured side by side on this machine."""

from __future__ import annotations

import gzip
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgecnn import artifact
from edgecnn.core import temporary
from edgecnn.core.compat.litert_profiler import kernels
from edgecnn.core.errors import QuantizationError
from edgecnn.core.progress import Progress, silent
from edgecnn.float_model import keras_file
from edgecnn.float_model.kernels import still_holds
from edgecnn.quantization import Calibration, quantize
from edgecnn.runtime.measure.latency import test_tensor, timed_runs
from edgecnn.runtime.model.model_file import ModelFile
from edgecnn.runtime.model.records import ModelDescription
from edgecnn.runtime.model.validation import Record, renamed
from edgecnn.runtime.process.lock import measuring
from edgecnn.runtime.run.engine import Engine

RUNS, TURNS, WAIT_S = 10, 10, 600.0
SCHEMES = ("float32", "int8")
SPARSE_KERNEL = "SPMM"


@dataclass(frozen=True)
class Figures(Record):
    """One converted model.

    Attributes:
        size_bytes: of the graph.
        gzip_bytes: of the graph, compressed.
        latency_ms: median on one thread of this machine, in interleaved runs with the model that it is compared with.
    """

    size_bytes: int
    gzip_bytes: int
    latency_ms: float


@dataclass(frozen=True)
class Proof(Record):
    """Figures before and after by scheme, and model facts before and after.

    Attributes:
        figures: scheme -> before, after.
        parameters: before, after.
        macs: before, after.
        sparse: whether the model was pruned by weights, and the float one is stored sparse.
        kernels: XNNPACK kernel -> operators that it ran in the sparse float model; None if unknown.
        refused: scheme -> why one of the models can't have it.
    """

    DERIVED = ("machine", "threads")

    figures: dict[str, tuple[Figures, Figures]]
    parameters: tuple[int, int]
    macs: tuple[int, int]
    sparse: bool
    kernels: dict[str, int] | None = None
    refused: dict[str, str] = field(default_factory=dict)

    @property
    def machine(self) -> str:
        """Where it was measured."""
        return platform.machine()

    @property
    def threads(self) -> int:
        """Of each measurement."""
        return 1

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; each scheme's figures stand among the other keys, by its name."""
        values = super().to_dict()
        figures, kernels = values.pop("figures"), values.pop("kernels")
        return {**values, **figures, "xnnpack_kernels": kernels}

    @classmethod
    def upgraded(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """The schemes' figures in one place; 0.1 did not write `sparse`."""
        values = renamed(values, {"xnnpack_kernels": "kernels"})
        figures = {scheme: values.pop(scheme) for scheme in SCHEMES if scheme in values}
        return {"sparse": values.get("kernels") is not None, **values, "figures": figures}

    def rows(self) -> list[tuple[str, str, str, str]]:
        """For a table: what, before, after, ratio."""
        rows = [_row("parameters", self.parameters, ","), _row("MACs", self.macs, ",")]
        for scheme, (before, after) in self.figures.items():
            rows.append(_row(f"{scheme}, bytes", (before.size_bytes, after.size_bytes), ","))
            rows.append(_row(f"{scheme}, bytes after gzip", (before.gzip_bytes, after.gzip_bytes), ","))
            rows.append(_row(f"{scheme}, ms here, one thread", (before.latency_ms, after.latency_ms), ".2f"))
        return rows

    def notes(self) -> list[str]:
        """What the figures don't say."""
        refused = [f"Note: {scheme} was not measured. {reason}" for scheme, reason in self.refused.items()]
        return refused + (self._kernel_notes() if self.sparse and "float32" in self.figures else [])

    def _kernel_notes(self) -> list[str]:
        before, after = self.figures["float32"]
        paid = f"size x {after.size_bytes / before.size_bytes:.2f}, time x {after.latency_ms / before.latency_ms:.2f}"
        if self.kernels is None:
            return [f"Note: LiteRT does not report on this machine which kernels ran. With the zeros: {paid}."]
        machine, ran = platform.machine(), ", ".join(f"{count} {name}" for name, count in self.kernels.items())
        sparse = sum(count for name, count in self.kernels.items() if SPARSE_KERNEL in name)
        if sparse:
            told = f"{sparse} of them use the zeros ({SPARSE_KERNEL}): {paid}."
        else:
            told = (
                "None of them uses the zeros, which then reduce only the download size, not the latency "
                f"({paid}). XNNPACK's sparse kernels ({SPARSE_KERNEL}) run on aarch64, for a float32 model pruned "
                "with --for xnnpack; int8 models never become faster."
            )
        return [f"Note: XNNPACK kernels of the sparse float32 model on this {machine} machine: {ran}. {told}"]


def prove(before: str | Path, after: str | Path, data: str, progress: Progress = silent) -> Proof:
    """Convert both models by the usual schemes, and measure.

    Args:
        before: .keras file of the model as it was.
        after: .keras file of the compressed model.
        data: `DATA` to calibrate on.
        progress: told what is being done.
    """
    contracts = [keras_file.read_contract(path) if Path(path).suffix == ".keras" else None for path in (before, after)]
    facts = [contract.model if contract else ModelDescription() for contract in contracts]
    sparse = still_holds(keras_file.load(after, trust=None)[0], facts[1].compression, "magnitude")
    figures, refused, ran = {}, {}, None
    for scheme in SCHEMES:
        progress(f"Converting to {scheme}", 0, 0)
        with temporary.folder() as folder:
            stored_sparse = sparse and scheme == "float32"
            paths = [Path(folder) / name for name in ("before.tflite", "after.tflite")]
            calibration = Calibration(data)
            try:
                first = quantize(before, paths[0], scheme=scheme, calibration=calibration)
                second = quantize(
                    after, paths[1], scheme="float32_sparse" if stored_sparse else scheme, calibration=calibration
                )
            except QuantizationError as error:
                refused[scheme] = str(error)
                continue
            if stored_sparse:
                ran = kernels(paths[1])
        progress(f"Timing {scheme}", 0, 0)
        figures[scheme] = _compared(first, second)
    counted = [(fact.parameters or 0, fact.macs or 0) for fact in facts]
    return Proof(figures, (counted[0][0], counted[1][0]), (counted[0][1], counted[1][1]), sparse, ran, refused)


def _compared(first: ModelFile, second: ModelFile) -> tuple[Figures, Figures]:
    with measuring(WAIT_S):
        engines = [Engine(file, threads=1) for file in (first, second)]
        tensors = [test_tensor(engine) for engine in engines]
        samples: tuple[list[float], list[float]] = ([], [])
        for turn in range(TURNS + 1):  # the first warms up
            for engine, tensor, kept in zip(engines, tensors, samples):
                times = timed_runs(engine, tensor, RUNS)
                kept.extend(times if turn else ())
    one, two = (_figures(file, kept) for file, kept in zip((first, second), samples))
    return one, two


def _figures(file: ModelFile, samples: Sequence[float]) -> Figures:
    graph = artifact.graph_bytes(file)
    return Figures(len(graph), len(gzip.compress(graph, 9)), round(statistics.median(samples), 4))


def _row(what: str, pair: tuple[float, float], form: str) -> tuple[str, str, str, str]:
    before, after = pair
    return what, format(before, form), format(after, form), f"x {after / before:.2f}" if before else ""
