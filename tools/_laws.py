"""Fit the latency laws of edgecnn/estimation/laws/ to published measurements.

Usage: tools/laws MEASUREMENTS.csv      fits all laws, writes them, shows their errors on models held out
       tools/laws --models [NAME...]    counts the work of all variants, which `edgecnn models --board` shows at once

Columns of the table: board, processor, runtime, model, width, input_size, dtype ("float32", "int8"), median_ms,
watts_at_the_wall (may be empty), source. The work of a model is counted once on its graph
and kept in edgecnn/estimation/amounts.json.
"""

from __future__ import annotations

import csv
import gc
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from law_fitting import COLUMNS, Fitter, Observation, spread, without_families, without_thirds

from edgecnn.core.files import write_json
from edgecnn.estimation import graphs
from edgecnn.estimation.law import Laws
from edgecnn.models import variants

FOLDER = Path(graphs.__file__).parent
AMOUNTS = FOLDER / "amounts.json"
POOL_WITHOUT = ("jetson_orin_cpu",)  # twelve cores: small models are overhead there, and tell nothing of the others
BOARDS = {"raspberry_pi_4": "raspberry_pi_4", "rk3588s": "raspberry_pi_5"}
"""Board of the table -> board of edgecnn whose law it becomes."""
THREADS = 4
NEWER = "Current LiteRT computes with XNNPACK, which is up to 1.4 times as fast as the runtime that was measured."
NOTES = {
    "raspberry_pi_4": (NEWER,),
    "raspberry_pi_5": (
        "Measured on an RK3588S, which has the same four Cortex-A76 at 2.4 GHz, but other memory.",
        NEWER,
    ),
}


class Group(NamedTuple):
    """A device with a runtime, as the table names it."""

    board: str
    processor: str
    runtime: str

    def __str__(self) -> str:
        return " / ".join(self)


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["--models"]:
        count((name, 1.0, None) for name in arguments[1:] or variants())
        return
    with Path(arguments[0]).open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    count((row["model"], float(row["width"]), int(row["input_size"])) for row in rows)
    fit(rows)


def count(models: Iterable[tuple[str, float, int | None]]) -> None:
    """Count the work of the models that are not in the table of amounts yet."""
    from edgecnn.core.compat.tensorflow import keras

    known = json.loads(AMOUNTS.read_text()) if AMOUNTS.exists() else {}
    for name, width, size in sorted(set(models), key=str):
        key = graphs.key(name, width, size)
        if key in known:
            continue
        known[key] = {amount: round(value) for amount, value in sorted(graphs.count(name, width, size).items())}
        print(key, flush=True)
        write_json(AMOUNTS, dict(sorted(known.items())))
        keras.backend.clear_session()
        gc.collect()


def observations(rows: Iterable[dict[str, str]], number_format: str) -> Iterator[Observation]:
    """Of one number format."""
    known = json.loads(AMOUNTS.read_text())
    for row in rows:
        if row["dtype"] != number_format:
            continue
        key = graphs.key(row["model"], float(row["width"]), int(row["input_size"]))
        group = str(Group(row["board"], row["processor"], row["runtime"]))
        watts = float(row["watts_at_the_wall"]) if row["watts_at_the_wall"] else None
        yield Observation(group, key, family(row["model"]), known[key], float(row["median_ms"]), watts)


def family(model: str) -> str:
    """For example mobilenet_v3 of mobilenet_v3_small_minimalistic."""
    from edgecnn.models import catalog

    return catalog.family(model)


def fit(rows: list[dict[str, str]]) -> None:
    found: dict[str, list[Laws]] = {}
    groups = sorted(
        {(row["board"], row["processor"], row["runtime"], row["source"]) for row in rows if row["board"] in BOARDS}
    )
    fitters = {}
    for number_format, columns in COLUMNS.items():
        pool = [each for each in observations(rows, number_format) if not each.group.startswith(POOL_WITHOUT)]
        fitters[number_format] = (Fitter(columns, pool), pool)
    for *names, source in groups:
        group = Group(*names)
        laws = {each: law(*fitters[each], str(group), each) for each in COLUMNS}
        board = BOARDS[group.board]
        whole = Laws(board, group.processor, group.runtime, "cpu", THREADS, source, laws, NOTES[board])
        found.setdefault(board, []).append(whole)
    for board, entries in found.items():
        entries.sort(key=lambda each: ("TFLite" in each.runtime, each.runtime), reverse=True)
        write_json(FOLDER / "laws" / f"{board}.json", {"laws": [each.to_dict() for each in entries]})


def law(fitter: Fitter, pool: list[Observation], group: str, number_format: str):
    """The law of one group, with the spread of models that a fit didn't see; its errors are shown."""
    families, thirds = without_families(fitter, group, pool), without_thirds(fitter, group, pool)
    left, part = np.abs(list(families.values())), np.abs(thirds)
    within = ", ".join(f"{np.mean(part <= bound):.0%} within {bound:.0%}" for bound in (0.1, 0.2))
    print(f"{group} {number_format}")
    print(f"  a family left out: median {np.median(left):.1%}, worst {left.max():.1%}")
    print(f"  a random third left out: median {np.median(part):.1%}, {within}")
    return fitter.law(group, spread([*families.values(), *thirds]))


if __name__ == "__main__":
    main(sys.argv[1:])
