"""Which of XNNPACK's kernels run a model: LiteRT's profiler knows their names, TFLite's interpreter does not.

    python edgecnn/core/compat/litert_profiler.py MODEL.tflite RUNS

prints {"kernels": {name: operators}, "ms": the fastest of so many runs}. This file needs nothing but
LiteRT, so that it can be sent to another machine alone. LiteRT 2.3.0: the profiler is reached through the C interface
of libLiteRt.so, whose functions are not part of a stable API, and LiteRT's CompiledModel does not run on every
processor; hence a process of its own, and no answer when that fails.
"""

from __future__ import annotations

import ctypes
import json
import re
import subprocess
import sys
import time
from pathlib import Path

_CPU = 1  # kLiteRtHwAcceleratorCpu
_POINTER = ctypes.c_void_p
_TIMEOUT_S = 120


def kernels(path: str | Path) -> dict[str, int] | None:
    """XNNPACK kernel -> number of operators that it ran in one inference here; None if LiteRT doesn't tell."""
    command = [sys.executable, str(Path(__file__)), str(path), "1"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_TIMEOUT_S)
        found: dict[str, int] = json.loads(done.stdout.splitlines()[-1])["kernels"]
    except (subprocess.SubprocessError, OSError, ValueError, LookupError):
        return None
    return found or None


class _RankedType(ctypes.Structure):
    """LiteRtRankedTensorType: element type, then rank and flags, sizes, strides."""

    _fields_ = [
        ("element", ctypes.c_int32),
        ("bits", ctypes.c_uint32),
        ("sizes", ctypes.c_int32 * 8),
        ("strides", ctypes.c_uint32 * 8),
    ]


class _Profiled:
    """A compiled model with its profiler on."""

    def __init__(self, path: str) -> None:
        import ai_edge_litert

        self._library = ctypes.CDLL(str(Path(ai_edge_litert.__file__).parent / "libLiteRt.so"))
        self._environment = self._made("CreateEnvironment", 0, None)
        self._model = self._made("CreateModelFromFile", self._environment, path.encode())
        options = self._made("CreateOptions")
        self._call("SetOptionsHardwareAccelerators", options, _CPU)
        self._payload = ctypes.create_string_buffer(b"enable_profiling = true\n")
        self._destroy = ctypes.CFUNCTYPE(None, _POINTER)(lambda pointer: None)
        payload = ctypes.cast(self._payload, _POINTER)
        opaque = self._made("CreateOpaqueOptions", b"runtime_options_string", payload, self._destroy)
        self._call("AddOpaqueOptions", options, opaque)
        self._compiled = self._made("CreateCompiledModel", self._environment, self._model, options)
        self._profiler = self._made("CompiledModelGetProfiler", self._compiled)
        self._buffers = [(_POINTER * 1)(self._buffer(side)) for side in ("Input", "Output")]

    def _call(self, name: str, *arguments: object) -> None:
        status = getattr(self._library, f"LiteRt{name}")(*arguments)
        if status:
            raise RuntimeError(f"LiteRt{name} failed with status {status}")

    def _made(self, name: str, *arguments: object) -> ctypes.c_void_p:
        made = _POINTER()
        self._call(name, *arguments, ctypes.byref(made))
        return made

    def _buffer(self, side: str) -> ctypes.c_void_p:
        zero, tensor_type = ctypes.c_size_t(0), _RankedType()
        subgraph = self._made("GetModelSubgraph", self._model, zero)
        tensor = self._made(f"GetSubgraph{side}", subgraph, zero)
        self._call("GetRankedTensorType", tensor, ctypes.byref(tensor_type))
        needs = self._made(f"GetCompiledModel{side}BufferRequirements", self._compiled, zero, zero)
        make = "CreateManagedTensorBufferFromRequirements"
        return self._made(make, self._environment, ctypes.byref(tensor_type), needs)

    def run_ms(self) -> float:
        """One inference."""
        zero, one, start = ctypes.c_size_t(0), ctypes.c_size_t(1), time.perf_counter()
        self._call("RunCompiledModel", self._compiled, zero, one, self._buffers[0], one, self._buffers[1])
        return (time.perf_counter() - start) * 1000

    def kernels(self) -> dict[str, int]:
        """Kernel -> number of operators, by the profiler."""
        self._call("StartProfiler", self._profiler)
        self.run_ms()
        self._call("StopProfiler", self._profiler)
        text = ctypes.c_char_p()
        self._call("GetProfileSummary", self._profiler, self._compiled, ctypes.byref(text))
        summary = (text.value or b"").decode().partition("Summary by node type")[2].partition("Delegate Statistics")[0]
        return {name.strip(): int(count) for name, count in re.findall(r"Delegate/(.+?)\s{2,}(\d+)\s", summary)}


def _main(path: str, runs: str) -> None:
    model = _Profiled(path)
    print(json.dumps({"kernels": model.kernels(), "ms": min(model.run_ms() for _ in range(int(runs)))}))


if __name__ == "__main__":
    _main(*sys.argv[1:])
