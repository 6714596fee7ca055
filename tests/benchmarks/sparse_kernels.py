"""Which XNNPACK kernels run a float model, and its emulated time beside another's, on the aarch64 stand-in.

    python tests/benchmarks/sparse_kernels.py DENSE.tflite SPARSE.tflite

The stand-in is QEMU with a Cortex-A76: kernels and answers are those of a Raspberry Pi 5, times are not. LiteRT 2.3.0
only: its profiler is reached through the C interface of libLiteRt.so, whose functions are not part of a stable API.
With --here MODEL the model runs in this process (that is what the stand-in is told to do).
"""

from __future__ import annotations

import ctypes
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUNS, TURNS = 5, 3
CPU_ACCELERATOR = 1
POINTER = ctypes.c_void_p


class RankedType(ctypes.Structure):
    """LiteRtRankedTensorType: element type, then rank and flags, sizes, strides."""

    _fields_ = [
        ("element", ctypes.c_int32),
        ("bits", ctypes.c_uint32),
        ("sizes", ctypes.c_int32 * 8),
        ("strides", ctypes.c_uint32 * 8),
    ]


class Profiled:
    """A compiled model with its profiler on."""

    def __init__(self, path: str) -> None:
        import ai_edge_litert

        self._library = ctypes.CDLL(str(Path(ai_edge_litert.__file__).parent / "libLiteRt.so"))
        self._environment = self._made("CreateEnvironment", 0, None)
        self._model = self._made("CreateModelFromFile", self._environment, path.encode())
        options = self._made("CreateOptions")
        self._call("SetOptionsHardwareAccelerators", options, CPU_ACCELERATOR)
        self._payload = ctypes.create_string_buffer(b"enable_profiling = true\n")
        self._destroy = ctypes.CFUNCTYPE(None, POINTER)(lambda pointer: None)
        payload = ctypes.cast(self._payload, POINTER)
        opaque = self._made("CreateOpaqueOptions", b"runtime_options_string", payload, self._destroy)
        self._call("AddOpaqueOptions", options, opaque)
        self._compiled = self._made("CreateCompiledModel", self._environment, self._model, options)
        self._profiler = self._made("CompiledModelGetProfiler", self._compiled)
        self._buffers = [(POINTER * 1)(self._buffer(side)) for side in ("Input", "Output")]

    def _call(self, name: str, *arguments: object) -> None:
        status = getattr(self._library, f"LiteRt{name}")(*arguments)
        if status:
            raise RuntimeError(f"LiteRt{name}: status {status}")

    def _made(self, name: str, *arguments: object) -> ctypes.c_void_p:
        made = POINTER()
        self._call(name, *arguments, ctypes.byref(made))
        return made

    def _buffer(self, side: str) -> ctypes.c_void_p:
        zero, tensor_type = ctypes.c_size_t(0), RankedType()
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

    def kernels(self) -> list[str]:
        """ "kernel: number of operators", by the profiler."""
        self._call("StartProfiler", self._profiler)
        self.run_ms()
        self._call("StopProfiler", self._profiler)
        text = ctypes.c_char_p()
        self._call("GetProfileSummary", self._profiler, self._compiled, ctypes.byref(text))
        summary = (text.value or b"").decode().partition("Summary by node type")[2].partition("Delegate Statistics")[0]
        return [f"{name.strip()}: {count}" for name, count in re.findall(r"Delegate/(.+?)\s{2,}(\d+)\s", summary)]


def here(path: str) -> None:
    """Print the kernels, then the fastest of some runs."""
    model = Profiled(path)
    for line in model.kernels():
        print(line)
    print("ms", min(model.run_ms() for _ in range(RUNS)))


def main(paths: list[str]) -> None:
    """Both models on the stand-in, in turns."""
    sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]
    import fake_pi

    with tempfile.TemporaryDirectory() as folder:
        board = fake_pi.FakePi("cortex-a76", Path(folder), "stand-in")
        board.build()
        python = Path(folder) / "bin" / "python3"
        best: dict[str, float] = {}
        for turn in range(TURNS):
            for path in paths:
                command = [str(python), __file__, "--here", str(Path(path).resolve())]
                lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
                best[path] = min(best.get(path, float("inf")), float(lines[-1].split()[1]))
                if turn == 0:
                    print(f"{path}: {', '.join(lines[:-1])}", flush=True)
    for path, value in best.items():
        print(f"{path}: {value:.0f} ms, emulated (x {value / best[paths[0]]:.2f})")


if __name__ == "__main__":
    here(sys.argv[2]) if sys.argv[1] == "--here" else main(sys.argv[1:])
