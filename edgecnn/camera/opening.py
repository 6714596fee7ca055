"""The model of a live image: tried in a child process first, then opened and warmed up."""

from __future__ import annotations

import numpy as np

from edgecnn.runtime.delegates.loading import load as load_delegate
from edgecnn.runtime.model.model_file import ModelFile
from edgecnn.runtime.process import guard
from edgecnn.runtime.run.engine import Engine
from edgecnn.runtime.run.interpreter import default_threads

WARMUP = 5


def open_engine(file: ModelFile, threads: int | None, delegate: str) -> Engine:
    """The model, ready. One that kills the runtime, or has a loop without end, is an error message.

    Args:
        file: the model.
        threads: processor threads; None for all, at most 4.
        delegate: that runs the operators.

    Raises:
        EdgecnnError: the delegate is missing, or the model can't be run.
    """
    guard.isolated(_try, file, threads, delegate, limit_processor_s=guard.processor_s(file, WARMUP), delegate=delegate)
    return _engine(file, threads, delegate)


def _engine(file: ModelFile, threads: int | None, delegate: str) -> Engine:
    engine = Engine(file, threads or default_threads(), load_delegate(delegate, file.model))
    gray = np.full((*engine.contract.preprocessing.shape[:2], 3), 128, np.uint8)
    for _ in range(WARMUP):
        engine.probabilities(engine.prepare(gray))
    return engine


def _try(file: ModelFile, threads: int | None, delegate: str) -> bool:
    _engine(file, threads, delegate)
    return True
