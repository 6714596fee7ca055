"""Plug-ins: every file keeps its kind's protocol, and one more file is all that a new one takes.

The new one comes here as an entry point of a small distribution on PYTHONPATH, which is found in the same way as a file
in the folder, and as a file in a copy of the package.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edgecnn.core import registry
from edgecnn.core.registry import Registry

ROOT = Path(__file__).parents[2]
KINDS: dict[str, tuple[Registry, str]] = {
    "model": (registry.MODEL_FAMILIES, "edgecnn.models.spec.FamilyFile"),
    "weights": (registry.WEIGHT_SOURCES, "edgecnn.weights.WeightSource"),
    "mapping": (registry.WEIGHT_MAPPINGS, "edgecnn.weights.mapping.WeightMapping"),
    "scheme": (registry.SCHEMES, "edgecnn.quantization.scheme.SchemeFile"),
    "strategy": (registry.TRAINING_STRATEGIES, "edgecnn.training.trainer.StrategyFile"),
    "data": (registry.DATA_KINDS, "edgecnn.data.kind.DataKindFile"),
    "device": (registry.DEVICES, "edgecnn.devices.DeviceFile"),
    "delegate": (registry.DELEGATES, "edgecnn.runtime.delegates.kind.DelegateFile"),
    "source": (registry.CAMERA_SOURCES, "edgecnn.camera.source.SourceKind"),
    "sink": (registry.CAMERA_SINKS, "edgecnn.camera.sink.SinkFile"),
    "method": (registry.COMPRESSION, "edgecnn.compression.job.Method"),
    "target": (registry.TARGETS, "edgecnn.targets.TargetFile"),
    "cause": (registry.CAUSES, "edgecnn.verification.doctor.case.Cause"),
    "board": (registry.BOARDS, "edgecnn.boards.BoardFile"),
    "export": (registry.EXPORTS, "edgecnn.exports.ExportKind"),
    "stage": (registry.STAGES, "edgecnn.recipe.stage.StageKind"),
}
"""Every kind of plug-in whose files are functions and constants, with the protocol of a file. A task is a class."""


def test_every_registry_is_held_to_a_protocol() -> None:
    known = {entry.package for entry, _ in KINDS.values()} | {registry.TASKS.package}
    assert {value.package for value in vars(registry).values() if isinstance(value, Registry)} == known


def test_every_file_keeps_its_protocol(tmp_path: Path) -> None:
    """By mypy, as an editor would say it."""
    lines = ["from __future__ import annotations"]
    for kind, (entry, protocol) in KINDS.items():
        module, _, name = protocol.rpartition(".")
        lines.append(f"from {module} import {name} as {kind}_protocol")
        for plugin in entry.names():
            lines.append(f"import {entry.package}.{plugin}")
            lines.append(f"{kind}_{plugin}: {kind}_protocol = {entry.package}.{plugin}")
    (tmp_path / "plugins.py").write_text("\n".join(lines) + "\n")
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--config-file",
        str(ROOT / "pyproject.toml"),
        str(tmp_path / "plugins.py"),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def copied(tmp_path: Path) -> dict[str, str]:
    """A copy of the package, and the environment in which it is the one that is imported."""
    shutil.copytree(ROOT / "edgecnn", tmp_path / "edgecnn", ignore=shutil.ignore_patterns("__pycache__"))
    return {**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}


def printed(environment: dict[str, str], *command: str) -> str:
    done = subprocess.run(
        [sys.executable, *command],
        env=environment,
        cwd=environment["PYTHONPATH"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_file_more_is_a_plugin_more(tmp_path: Path) -> None:
    """Of every kind at once: a file beside the others is in the names, and its protocol's defaults are filled in."""
    environment = copied(tmp_path)
    code = "from edgecnn.core import registry\n"
    for kind, (entry, _) in KINDS.items():
        folder = tmp_path / entry.package.replace(".", "/")
        (folder / f"brand_new_{kind}.py").write_text('"""One more."""\nVARIANTS = {}\nSYNTAX = "brand-new-data"\n')
        code += f"assert 'brand_new_{kind}' in registry.Registry({entry.kind!r}, {entry.package!r}).names(), {kind!r}\n"
    code += (
        "from edgecnn.models.spec import Family\n"
        "assert registry.MODEL_FAMILIES.plugin('brand_new_model', Family).training_model(None) is None\n"
        "from edgecnn.data.kind import DataKind\n"
        "assert registry.DATA_KINDS.plugin('brand_new_data', DataKind).official_test('x') is None\n"
    )
    printed(environment, "-c", code)


def test_it_is_in_help_listing_and_schema(tmp_path: Path) -> None:
    environment = copied(tmp_path)
    package = tmp_path / "edgecnn"

    def twin(folder: str, name: str, new: str) -> None:
        shutil.copy(package / folder / f"{name}.py", package / folder / f"{new}.py")

    twin("quantization/schemes", "int8", "int8_brand_new")
    assert "int8_brand_new" in printed(environment, "-m", "edgecnn", "quantize", "--help")
    twin("training/strategies", "scratch", "brand_new_strategy")
    assert "brand_new_strategy" in printed(environment, "-m", "edgecnn", "train", "--help")
    twin("compression/methods", "swap", "brand_new_method")
    schema = printed(environment, "-m", "edgecnn", "run", "--schema")
    assert all(name in schema for name in ("int8_brand_new", "brand_new_strategy", "brand_new_method"))
    twin("camera/sinks", "jsonl", "brand_new_sink")
    assert "brand_new_sink" in printed(environment, "-m", "edgecnn", "demo", "--help")
    twin("cli", "report", "brand-new-command")
    assert "brand-new-command" in printed(environment, "-m", "edgecnn", "--help")
    text = (package / "models/families/vgg.py").read_text()
    (package / "models/families/brand_new.py").write_text(text.replace('"vgg', '"brand_new_vgg'))
    assert "brand_new_vgg" in printed(environment, "-m", "edgecnn", "models", "brand_new")


@pytest.mark.parametrize("former", [False, True])
def test_an_entry_point_is_found_under_both_groups(tmp_path: Path, former: bool) -> None:
    entries = [entry for entry, _ in KINDS.values() if entry.former or not former]
    metadata = tmp_path / "brand_new-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: brand-new\nVersion: 1.0\n")
    groups = [entry.former if former else entry.package for entry in entries]
    (metadata / "entry_points.txt").write_text("".join(f"[{group}]\nbrand_new = brand_new\n\n" for group in groups))
    (tmp_path / "brand_new.py").write_text("EXAMPLE = 'brand new'\n")
    code = "from edgecnn.core.registry import Registry\n" + "".join(
        f"found = Registry({entry.kind!r}, {entry.package!r}, {entry.former!r})\n"
        "assert 'brand_new' in found.names() and found.load('brand_new').EXAMPLE == 'brand new'\n"
        for entry in entries
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
