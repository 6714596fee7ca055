"""Run prepared tensors that come in on standard input; raw outputs go out on standard output.

In: frames of a count (4 bytes, little-endian) and as many input tensors; a count of 0 ends. Out: one line of JSON (the
tensors' shapes and types, the machine, or an error), then for every frame its outputs. The end of the input without a
count of 0 means that the host is gone: the program ends too.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import IO, Any

import numpy as np

from ..errors import EdgecnnError
from ..measure import latency, system
from ..model import model_file
from ..model.model_file import ModelFile
from ..portable import processes
from ..run.engine import Engine, Interface
from ..run.program import TensorInfo
from . import guard
from .supervise import EXIT_ORPHANED, error_answer

IDLE_S = 600.0  # a host that is silent for so long is gone, though the network did not say so


def serve(options: argparse.Namespace) -> int:
    """Answer frames until the host ends; returns the exit status."""
    with os.fdopen(os.dup(1), "wb") as output:
        os.dup2(2, 1)  # what a library prints must not get between the answers
        try:
            plan = latency.Plan(options.delegate, options.threads[0])
            file = model_file.read(options.model[0])
            if plan.delegate != "cpu":  # a library that crashes is told as an error
                guard.isolated(_open, file, plan, delegate=plan.delegate)
            return _serve(latency.open_engine(file, plan), output)
        except EdgecnnError as error:
            _write_line(output, error_answer(error))
            return 1


def _open(file: ModelFile, plan: latency.Plan) -> None:
    engine = latency.open_engine(file, plan)
    engine.invoke(np.zeros(engine.input.shape, engine.input.dtype))


def _serve(engine: Engine, output: IO[bytes]) -> int:
    _write_line(output, {**forms(engine), "threads": engine.threads, "system": system.describe()})
    source, size = sys.stdin.buffer, engine.input.dtype.itemsize * int(np.prod(engine.input.shape))
    while True:
        if not processes.readable([source.fileno()], IDLE_S):
            return EXIT_ORPHANED
        head = source.read(4)
        if len(head) < 4:
            return EXIT_ORPHANED
        count = int.from_bytes(head, "little")
        if count == 0:
            return 0
        # The whole frame first: the host reads no answer before it has sent it.
        data = source.read(count * size)
        if len(data) < count * size:
            return EXIT_ORPHANED
        for tensor in np.frombuffer(data, engine.input.dtype).reshape(count, *engine.input.shape):
            output.write(engine.invoke(tensor).tobytes())
        output.flush()


def forms(interface: Interface) -> dict[str, dict[str, Any]]:
    """Shape and number type of what goes in and of each answer; the host expects what its own file says."""
    return {"input": _spell(interface.input), "output": _spell(interface.raw)}


def _spell(tensor: TensorInfo) -> dict[str, Any]:
    return {"shape": list(tensor.shape), "dtype": tensor.dtype.name}


def _write_line(output: IO[bytes], value: dict[str, Any]) -> None:
    output.write(json.dumps(value).encode() + b"\n")
    output.flush()
