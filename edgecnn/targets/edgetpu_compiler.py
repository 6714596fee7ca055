"""Coral's `edgetpu_compiler`: call it where it is installed, read its log, keep the contract in what it writes."""

from __future__ import annotations

import hashlib
import re
import shutil
import struct
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn import artifact
from edgecnn.core import files, temporary
from edgecnn.core.errors import CompilerError, CrashError, ModelFileError
from edgecnn.runtime.delegates.coral import CUSTOM_OPERATOR
from edgecnn.runtime.model.flatbuffer import Table
from edgecnn.runtime.model.model_file import ModelFile
from edgecnn.runtime.model.tflite import OPERATOR_NAMES
from edgecnn.runtime.process import guard
from edgecnn.runtime.run.interpreter import interpreter_module, quiet
from edgecnn.targets import Memory, TargetReport, Verdict, check
from edgecnn.targets.edgetpu_rules import MAPPED, NEWEST_VERSIONS, WRONG_VERSION
from edgecnn.targets.model import TargetModel

_ELSEWHERE = {"win32": "; on Windows in WSL", "darwin": "; on macOS in a container"}.get(sys.platform, "")
PROGRAM = "edgetpu_compiler"
TIMEOUT_S = 600  # its own timer ends it after 180 s
_STATUS_LINE = re.compile(r"^\s*([A-Z][A-Z0-9_]+|\S*[Cc]ustom\S*)\s+(\d+)\s+(\S.*?)\s*$")
_SIZE = re.compile(r":\s*([\d.]+)\s*(B|[KMG]i?B)")
_UNITS = {"B": 0, "K": 10, "M": 20, "G": 30}
_STEM = "model"
_TRIALS = 4


@dataclass(frozen=True)
class _Run:
    compiled: bytes
    log: str


def compile(model: TargetModel, output: str | Path) -> TargetReport:
    """Compile a model for the Edge TPU; what the rules expect of it doesn't stop the compiler.

    A model with a contract keeps it, golden vectors included; its provenance then names the compiler. Versions of
    operators that are newer than the compiler are lowered where the model computes the same bytes afterwards.

    Args:
        model: any.
        output: the file to write.

    Raises:
        CompilerError: the compiler isn't installed or fails, or the model is compiled already.
    """
    program = shutil.which(PROGRAM)
    if program is None:
        raise CompilerError(
            f"{PROGRAM} is not on PATH. Install it on x86-64 Linux from Coral's Debian package source "
            f"(coral.ai/docs/edgetpu/compiler){_ELSEWHERE}. Without it, `edgecnn inspect MODEL "
            "--target edgetpu` applies its published rules."
        )
    if any(operator.name == CUSTOM_OPERATOR for operator in model.model.graph.operators):
        raise CompilerError(
            f"{model.name} is already compiled for the Edge TPU. Give the file from before compilation."
        )
    graph, lowered = lower_versions(model)
    run = _call(program, graph)
    report = read_log(run.log, model.name)
    report = replace(report, notes=_surprise(check(model.model, "edgetpu", model.name), report))
    if model.file is not None:
        contract = model.file.contract
        extra = {**contract.provenance.extra, "edgetpu": _provenance(model.file, report, lowered)}
        artifact.write(output, run.compiled, contract.replace(provenance=replace(contract.provenance, extra=extra)))
    else:
        files.write_bytes(output, run.compiled)
    return report


def _surprise(expected: TargetReport, report: TargetReport) -> tuple[str, ...]:
    """Where the compiler's result differs from what the rules expect."""
    newer = sum(row.status == WRONG_VERSION for row in expected.operators)
    if newer or expected.mapped == report.mapped:
        return ()
    return (
        (
            f"The published rules of `edgecnn inspect` predicted {expected.mapped} operators on the Edge TPU; the "
            "compiler has the last word."
        ),
    )


def read_log(log: str, name: str = "model") -> TargetReport:
    """What the compiler's log says.

    Raises:
        CompilerError: it holds no table of operators.
    """
    version = re.search(r"Edge TPU Compiler version (\S+)", log)
    rows = tuple(
        Verdict(-1, "", kind, status == MAPPED, status, "" if status == MAPPED else f"{status[0].lower()}{status[1:]}.",
                count=int(count))
        for kind, count, status in (match.groups() for match in map(_STATUS_LINE.match, log.splitlines()) if match)
    )  # fmt: skip
    if not rows:
        raise CompilerError(
            "The log of edgetpu_compiler has no table of operators; expected one from version 16. Its last "
            f"lines:\n{_last_lines(log)}"
        )
    source = f"Edge TPU Compiler version {version.group(1)}" if version else "the Edge TPU compiler's log"
    return TargetReport("Edge TPU", name, source, rows, _memory(log))


def lower_versions(model: TargetModel) -> tuple[bytes, dict[str, list[int]]]:
    """The model without its contract, with operator versions that the compiler can read.

    Returns:
        The bytes, and {operator: [version, lowered version]}; nothing is lowered where the outputs would change.
    """
    graph = model.graph_bytes
    data, lowered = bytearray(graph), {}
    for code in Table.root(graph).tables(1):
        number = max(code.scalar(0, "int8"), code.scalar(3, "int32"))
        name = OPERATOR_NAMES[number] if 0 <= number < len(OPERATOR_NAMES) else ""
        newest, version = NEWEST_VERSIONS.get(name), code.scalar(2, "int32", 1)
        if newest is not None and version > newest:
            struct.pack_into("<i", data, code.place(2), newest)
            lowered[name] = [version, newest]
    if lowered and not _same_outputs(graph, bytes(data)):
        return graph, {}
    return bytes(data), lowered


def _same_outputs(before: bytes, after: bytes) -> bool:
    """Whether two models compute the same bytes on this machine's processor; False where the runtime refuses one."""
    try:
        return bool(guard.isolated(_digests, before) == guard.isolated(_digests, after))
    except (ModelFileError, CrashError):
        return False


def _digests(data: bytes) -> list[str]:
    """SHA-256 of all outputs for a few random inputs."""
    module = interpreter_module()
    try:
        with quiet():
            interpreter = module.Interpreter(model_content=data, num_threads=1)
            interpreter.allocate_tensors()
        return [_digest(interpreter, np.random.default_rng(seed)) for seed in range(_TRIALS)]
    except (RuntimeError, ValueError, TypeError) as error:
        raise ModelFileError(f"the TFLite runtime can't run it: {error}") from error


def _digest(interpreter: Any, random: np.random.Generator) -> str:
    for row in interpreter.get_input_details():
        values = random.random(row["shape"]) if np.issubdtype(row["dtype"], np.floating) else _integers(random, row)
        interpreter.set_tensor(row["index"], values.astype(row["dtype"]))
    interpreter.invoke()
    digest = hashlib.sha256()
    for row in interpreter.get_output_details():
        digest.update(interpreter.get_tensor(row["index"]).tobytes())
    return digest.hexdigest()


def _integers(random: np.random.Generator, row: dict[str, Any]) -> np.ndarray:
    """All values of 8 bits; 0 and 1 for larger types, which hold counts and indices."""
    low, high = (-128, 128) if row["dtype"] == np.int8 else (0, 256) if row["dtype"] == np.uint8 else (0, 2)
    values: np.ndarray = random.integers(low, high, row["shape"])
    return values


def _call(program: str, graph: bytes) -> _Run:
    with temporary.folder() as name:
        folder = Path(name)
        source = folder / f"{_STEM}.tflite"
        source.write_bytes(graph)
        try:
            done = subprocess.run(
                [program, "-s", "-o", str(folder), str(source)], capture_output=True, text=True, timeout=TIMEOUT_S,
                errors="replace", stdin=subprocess.DEVNULL, cwd=folder,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise CompilerError(
                f"{PROGRAM} did not finish within {TIMEOUT_S} s and was stopped. Use a smaller model."
            ) from error
        except OSError as error:
            raise CompilerError(f"Can't run {program}: {error.strerror}. Install it again.") from error
        compiled, log = folder / f"{_STEM}_edgetpu.tflite", folder / f"{_STEM}_edgetpu.log"
        said = done.stdout + done.stderr
        if done.returncode or not compiled.is_file():
            raise CompilerError(f"{PROGRAM} failed (exit status {done.returncode}):\n{_last_lines(said)}")
        # With -s the table is printed; without it, or in older versions, it is in the log file alone.
        if not any(map(_STATUS_LINE.match, said.splitlines())) and log.is_file():
            said += log.read_text(errors="replace")
        return _Run(compiled.read_bytes(), said)


def _last_lines(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if "ERROR" in line or "failed" in line]
    return "\n".join((errors or lines)[-6:]) or "(it printed nothing)"


def _memory(log: str) -> Memory:
    sizes = {
        key: _size(line)
        for key, text in (
            ("on", "On-chip memory used"),
            ("left", "On-chip memory remaining"),
            ("off", "Off-chip memory"),
        )
        for line in log.splitlines()
        if text in line
    }
    on_chip, streamed = sizes.get("on", 0), sizes.get("off", 0)
    mib = 1 << 20
    note = f"Compiler: {on_chip / mib:.2f} MiB of parameters on the chip, {sizes.get('left', 0) / mib:.2f} MiB free"
    note += f"; {streamed / mib:.2f} MiB are read over the bus at every inference." if streamed else "; none streamed."
    whole = on_chip + streamed
    return Memory(whole, on_chip, streamed, False, note, (whole, whole), (streamed, streamed))


def _size(line: str) -> int:
    match = _SIZE.search(line)
    return int(float(match.group(1)) * (1 << _UNITS[match.group(2)[0]])) if match else 0


def _provenance(file: ModelFile, report: TargetReport, lowered: dict[str, list[int]]) -> dict[str, Any]:
    return {
        "compiler": report.source,
        "compiled_from_sha256": file.sha256,
        "mapped_operators": report.mapped,
        "operators": report.total,
        "lowered_versions": lowered,
    }
