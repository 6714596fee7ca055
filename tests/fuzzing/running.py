"""Runs cases and keeps what they find."""

from __future__ import annotations

import importlib
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fuzzing import obeyed, sandbox
from fuzzing.case import Case, Target

WARM = (
    *("numpy", "cv2", "rich.table", "ai_edge_litert.interpreter", "edgecnn.runtime.process.guard"),
    *("edgecnn.runtime.run.answers", "edgecnn.inspection.page", "edgecnn.targets", "edgecnn.profiling.per_op"),
    *("edgecnn.profiling.results", "edgecnn.reporting", "edgecnn.data.kinds.folder", "edgecnn.devices.kinds.local"),
    *(f"edgecnn.cli.{name}" for name in ("inspect", "classify", "profile", "report", "verify", "visualize", "compile")),
)
"""What is imported before the forks."""


@dataclass(frozen=True)
class Finding:
    """A case that did what no case may.

    Attributes:
        number: of the case: the target, the seed and this make it again.
        fault: what it did.
        line: the command.
    """

    number: int
    fault: str
    line: str


def target_names() -> list[str]:
    """The files of `targets/`."""
    folder = Path(__file__).parent / "targets"
    return sorted(path.stem for path in folder.glob("*.py") if path.stem != "__init__")


def load(name: str, corpus: Sequence[Path]) -> Target:
    """A target by its file's name, and what its commands need imported."""
    made: Target = importlib.import_module(f"fuzzing.targets.{name}").Fuzz(corpus)
    for module in (*WARM, *(("edgecnn.core.compat.tensorflow", "edgecnn.quantization") if made.HOST else ())):
        importlib.import_module(module)
    return made


def case_of(target: Target, seed: str, number: int) -> Case:
    """The case of that number: the same for the same target, seed and corpus."""
    return target.case(random.Random(f"{seed}/{number}"))


def run_case(case: Case, folder: Path, deadline_s: float = sandbox.DEADLINE_S) -> str | None:
    """Write a case to an empty folder and run it; what is wrong with it, if anything is."""
    case.write(folder)
    outcome = sandbox.run(command(case, folder), case.words, folder, deadline_s)
    pages = [folder / name for name in case.pages]
    return outcome.fault() or obeyed.by_a_shell(outcome.printed, folder) or obeyed.by_a_browser(pages, folder)


def command(case: Case, folder: Path) -> Callable[[Sequence[str]], int]:
    """What `sandbox.run` calls: the command line, with the case's environment."""

    def call(words: Sequence[str]) -> int:
        from edgecnn.cli import main

        tempfile.tempdir = str(folder)
        os.environ.update({"XDG_CACHE_HOME": str(folder / ".cache"), "HOME": str(folder), "COLUMNS": "140"})
        os.environ.update({name: value.format(folder=folder) for name, value in case.environment.items()})
        sys.argv = ["edgecnn", *words]
        try:
            main()
        except SystemExit as end:
            return end.code if isinstance(end.code, int) else int(end.code is not None)
        return 0

    return call


def fuzz(
    target: Target, seed: str, numbers: Iterator[int], until: float = float("inf"), keep: Path | None = None,
    deadline_s: float = sandbox.DEADLINE_S,
) -> tuple[int, list[Finding]]:  # fmt: skip
    """Run cases; returns how many, and what they found.

    Args:
        target: makes them.
        seed: of all.
        numbers: of the cases.
        until: monotonic seconds at which no further case starts.
        keep: the folder for the cases that find something: of each fault the first few.
        deadline_s: of processor time, for each.
    """
    count, findings, seen = 0, [], Counter[str]()
    for number in numbers:
        if time.monotonic() > until:
            break
        case = case_of(target, seed, number)
        with tempfile.TemporaryDirectory(prefix="fuzz-", ignore_cleanup_errors=True) as name:
            folder = Path(name)
            fault = run_case(case, folder, deadline_s)
        count += 1
        if count % 500 == 0:
            print(f"  {count} cases, {len(findings)} findings", file=sys.stderr, flush=True)
        if fault:
            findings.append(Finding(number, fault, case.line()))
            seen[fault] += 1
            if seen[fault] == 1:
                print(f"  case {number}: {fault}\n    {case.line()}", file=sys.stderr, flush=True)
            if keep and seen[fault] <= 3:
                _keep(case, findings[-1], keep)
    return count, findings


def _keep(case: Case, finding: Finding, folder: Path) -> None:
    place = folder / f"{finding.number:06d}"
    shutil.rmtree(place, ignore_errors=True)
    case.write(place)
    (place / "FINDING").write_text(f"{finding.fault}\n\ncd {place} && {finding.line}\n", errors="replace")
