"""What a search finds: written as `search.json`, and step by step into its folder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from edgecnn.estimation.record import Basis, Positive
from edgecnn.runtime.model.records import Share
from edgecnn.runtime.model.validation import Range, Record
from edgecnn.searching.candidate import Candidate

Count = Annotated[int, Range(0)]


@dataclass(frozen=True)
class Network(Record):
    """What is known of a candidate's network before it is trained.

    Attributes:
        size_bytes: of its `.tflite` graph, by scheme; labels and golden vectors come on top.
        amounts: of work, see `edgecnn.estimation.work`; the same in every number format.
        edge_tpu: why an Edge TPU would not run all of its int8 graph; empty if it would.
        wall_s: that it took to find out.
        error: why it can't be built; empty if it can.
    """

    size_bytes: dict[str, Count]
    amounts: dict[str, float]
    edge_tpu: str = ""
    wall_s: float = 0.0
    error: str = ""


@dataclass(frozen=True)
class Trial(Record):
    """A short training of a candidate's network.

    Attributes:
        images: that it was trained on.
        accuracy: of the float model on the validation images; None if it failed.
        metric: what that is.
        wall_s: that it took, building included.
        cpu_s: processor time of all that, over all threads.
        error: why it failed; empty if it didn't.
    """

    images: Count
    accuracy: Share | None = None
    metric: str = ""
    wall_s: float = 0.0
    cpu_s: float = 0.0
    error: str = ""


@dataclass(frozen=True)
class Finalist(Record):
    """A candidate that was trained, quantized and verified; its files are in its folder.

    Attributes:
        sha256: digest of the artifact.
        size_bytes: of the artifact.
        accuracy: of the artifact on held-out images.
        metric: what that is.
        wall_s: that it took.
        error: why it failed; empty if it didn't.
    """

    sha256: str = ""
    size_bytes: Count = 0
    accuracy: Share | None = None
    metric: str = ""
    wall_s: float = 0.0
    error: str = ""


@dataclass(frozen=True)
class Measured(Record):
    """The latency of a finalist's artifact on the device.

    Attributes:
        latency_ms: median.
        interval_ms: of the median, 95 %.
        kind: "measured", "too noisy" (measured while other programs ran) or "emulated".
        wall_s: that it took.
        error: why it failed; empty if it didn't.
    """

    latency_ms: float = 0.0
    interval_ms: tuple[float, float] = (0.0, 0.0)
    kind: str = "measured"
    wall_s: float = 0.0
    error: str = ""


@dataclass(frozen=True)
class Row(Record):
    """What became of one candidate.

    Attributes:
        candidate: which.
        state: "best", "front" (a finalist that no other beats in both latency and accuracy), "finalist", "trial",
            "not tried" or "discarded".
        reason: why it was discarded, or misses a constraint; a sentence, else empty.
        latency_ms: measured where `latency_kind` says so, else estimated.
        interval_ms: of it: 95 % of the median, 90 % of an estimate.
        latency_kind: "measured", "too noisy", "emulated", "estimated" or "not estimated".
        estimated_ms: the estimate, also of a measured one.
        size_bytes: of the artifact, or of the graph before it is made.
        energy_mj: of an inference, estimated; None where it is not known.
        accuracy: of the artifact of a finalist, of the float model of a trial.
        accuracy_kind: "artifact" or "trial"; empty without accuracy.
        images: training images that the accuracy comes from.
    """

    candidate: Candidate
    state: str
    reason: str = ""
    latency_ms: Positive | None = None
    interval_ms: tuple[Positive, Positive] | None = None
    latency_kind: str = "not estimated"
    estimated_ms: Positive | None = None
    size_bytes: Count = 0
    energy_mj: float | None = None
    accuracy: Share | None = None
    accuracy_kind: str = ""
    images: Count = 0


@dataclass(frozen=True)
class SearchResult(Record):
    """The whole search.

    Attributes:
        data: that was trained on.
        device: that was measured; empty where nothing was.
        basis: what the estimates rest on.
        constraints: that were asked for, by option.
        metric: what the accuracies are of.
        rows: all candidates: the best, the front, other finalists, trials, the rest.
        best: folder of the best finalist under `finalists`; empty if none meets the constraints.
        board_runs: how many models were measured.
        trained_images: images of all trainings together, each counted once per training.
        seconds: that all steps took together, on however many workers.
        notes: what a reader should know, in sentences.
    """

    data: str
    device: str
    basis: Basis
    constraints: dict[str, Any]
    metric: str
    rows: tuple[Row, ...]
    best: str
    board_runs: Count
    trained_images: Count
    seconds: float
    notes: tuple[str, ...] = ()
