"""A finalist: its recipe, run in a worker, and its latency, measured from the machine of the search."""

from __future__ import annotations

import base64
import dataclasses
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgecnn.core import files
from edgecnn.core.errors import EdgecnnError
from edgecnn.searching.candidate import Candidate
from edgecnn.searching.record import Finalist, Measured

RECIPE, ARTIFACT = "model.toml", "model.tflite"
_BROUGHT = (RECIPE, ARTIFACT, "verification.json", "training.json", "report.html")


def recipe_of(candidate: Candidate, template: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """The recipe that makes a candidate, as TOML values.

    Args:
        candidate: what to make.
        template: sections that all candidates share; "train" has the data.
        seed: of random weights and of the training.
    """
    build = {"width": candidate.width, "input_size": candidate.input_size, "weights": candidate.weights}
    strategy = "auto" if candidate.weights == "imagenet" else "scratch"
    train = {"strategy": strategy, "seed": seed, **template.get("train", {})}
    if candidate.weights == "none":
        build["seed"] = seed
        train["strategy"] = "scratch"
    prune = {} if candidate.keep == 1 else {"prune": _pruning(candidate, template)}
    return {
        "model": {"name": candidate.architecture, **build},
        "train": train,
        **prune,
        "quantize": {**template.get("quantize", {}), "scheme": candidate.scheme},
        "verify": dict(template.get("verify", {})),
    }


def _pruning(candidate: Candidate, template: Mapping[str, Any]) -> dict[str, Any]:
    return {**template.get("prune", {}), "method": "channels", "keep": candidate.keep}


def make(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Run a finalist's recipe; a `Finalist` as JSON values and "files", by name in base64.

    Args:
        payload: "folder" to work in, and to go on in where a stopped run left off; "recipe", a TOML text.
    """
    from edgecnn.recipe.run import run

    folder, started = Path(payload["folder"]), time.monotonic()
    files.write_text(folder / RECIPE, payload["recipe"])
    try:
        done = run(folder / RECIPE, folder=folder)
    except EdgecnnError as error:
        return {**Finalist(error=str(error)).to_dict(), "files": {}}
    verification = done.verification
    assert verification is not None  # every such recipe has a [verify]
    metric, values = next(iter(verification.metrics.items()))
    artifact = done.artifact.read_bytes()
    found = Finalist(files.sha256(artifact), len(artifact), values.artifact, metric)
    found = dataclasses.replace(found, wall_s=round(time.monotonic() - started, 3))
    brought = {name: (folder / name).read_bytes() for name in _BROUGHT if (folder / name).is_file()}
    return {**found.to_dict(), "files": {name: base64.b64encode(data).decode() for name, data in brought.items()}}


def keep(folder: Path, result: Mapping[str, Any]) -> Finalist:
    """Write the files of a finalist that was made elsewhere; its record."""
    for name, text in result["files"].items():
        data = base64.b64decode(text)
        path = folder / name
        if name in _BROUGHT and not (path.is_file() and path.read_bytes() == data):
            files.write_bytes(path, data)
    return Finalist.from_dict({name: value for name, value in result.items() if name != "files"})


def measure(folder: Path, device: Any, threads: int | None) -> Measured:
    """Measure a finalist's artifact on an open device, which its lock keeps for one measurement at a time.

    Raises:
        DeviceError: the device can't be used.
    """
    from edgecnn.core.errors import DeviceError
    from edgecnn.profiling import profile

    started = time.monotonic()
    try:
        found = profile(folder / ARTIFACT, device, threads=threads)
    except DeviceError:
        raise
    except EdgecnnError as error:
        return Measured(error=str(error))
    files.write_json(folder / "profile.json", found.to_dict())
    best = found.best
    kind = "emulated" if found.emulated else "too noisy" if best.noise.too_noisy else "measured"
    return Measured(
        best.measurement.latency_ms.median, best.median_interval_ms, kind, round(time.monotonic() - started, 3)
    )
