"""The jobs that measure: each takes the parsed options and returns JSON values."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable
from typing import Any

from ..measure import latency as measuring
from ..measure import system
from ..model import model_file
from ..model.model_file import AnyFile
from . import guard, lock
from .limits import measuring_s
from .supervise import Telling, die_with_parent

_BRANCHES = ("WHILE", "IF", "CALL")  # a loop may be inside the other two


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Time one model, each number of threads in a child of its own, so that memory and start-up don't mix."""
    plan = plan_of(options)
    results, golden = [], None
    with lock.measuring(options.wait):
        for threads in options.threads:
            result = guard.isolated(
                _in_child,
                _measure_one,
                options,
                dataclasses.replace(plan, threads=threads),
                timeout_s=measuring_s(plan.budget_s),
                delegate=plan.delegate,
            )
            results.append(result["measurement"])
            golden = golden or result["golden"]
    return {"system": system.describe(), "import_ms": options.import_ms, "measurements": results, "golden": golden}


def per_op(options: argparse.Namespace) -> dict[str, Any]:
    """Time each operator of the first model; the second is the same model cut into operators."""
    from ..measure import per_op as timing

    file, plan = read_models(options, 1)[0], plan_of(options)
    with open(options.model[1], "rb") as stream:
        parts = stream.read()
    if timing.needs_files() and parts[:2] != b"PK":
        return {"needs_files": True}
    with lock.measuring(options.wait):
        times = guard.isolated(
            _in_child,
            timing.measure,
            file,
            parts,
            plan,
            Telling(),
            timeout_s=measuring_s(plan.budget_s),
            delegate=plan.delegate,
        )
    return {"system": system.describe(), "times": times}


def sustained(options: argparse.Namespace) -> dict[str, Any]:
    """Run one model without a pause for `options.seconds`."""
    from ..measure.sustained import sustain

    file, plan = read_models(options)[0], plan_of(options)
    with lock.measuring(options.wait):
        limit_s = options.seconds + measuring_s(plan.budget_s)
        found = guard.isolated(
            _in_child, sustain, file, plan, options.seconds, Telling(), timeout_s=limit_s, delegate=plan.delegate
        )
    return {"system": system.describe(), **found}


def compare(options: argparse.Namespace) -> dict[str, Any]:
    """Time two models in interleaved runs."""
    from ..measure.interleaved import compare as in_turns

    first, second = read_models(options)
    plan = plan_of(options)
    with lock.measuring(options.wait):
        found = guard.isolated(
            _in_child,
            in_turns,
            first,
            second,
            plan,
            Telling(),
            timeout_s=measuring_s(plan.budget_s),
            delegate=plan.delegate,
        )
    return {"system": system.describe(), **found}


def read_models(options: argparse.Namespace, count: int | None = None) -> list[AnyFile]:
    """The models that the options name, or the first `count`, under the names that the host knows them by."""
    names: list[str | None] = [*options.name, *[None] * len(options.model)]
    files = [model_file.read_any(path) for path in options.model[:count]]
    files = [dataclasses.replace(file, name=name or file.name) for file, name in zip(files, names)]
    for file in files:
        _check_ends(file, plan_of(options))
    return files


def _check_ends(file: AnyFile, plan: measuring.Plan) -> None:
    """Run a model that has loops once, under a limit, before it is timed for minutes.

    Raises:
        CrashError: a loop has no end.
    """
    if any(operator.name in _BRANCHES for operator in file.model.graph.operators):
        guard.isolated(
            _in_child, _run_once, file, plan, limit_processor_s=guard.processor_s(file), delegate=plan.delegate
        )


def _run_once(file: AnyFile, plan: measuring.Plan) -> None:
    program = measuring.open_program(file, plan)
    program.run(measuring.test_tensors(file, program))


def plan_of(options: argparse.Namespace) -> measuring.Plan:
    """The options as a plan; the threads are the first of the list."""
    return measuring.Plan(options.delegate, options.threads[0], options.runs, options.warmup, options.budget)


def _measure_one(options: argparse.Namespace, plan: measuring.Plan) -> dict[str, Any]:
    measurement, golden = measuring.measure(lambda: read_models(options)[0], plan, Telling())
    return {"measurement": measurement.to_dict(), "golden": golden.to_dict() if golden else None}


def _in_child(function: Callable[..., Any], *arguments: Any) -> Any:
    die_with_parent()
    return function(*arguments)
