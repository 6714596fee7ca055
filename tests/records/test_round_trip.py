"""Every record of the package comes back from its JSON as it went in; what 0.1 wrote still loads."""

from __future__ import annotations

import ast
import inspect
import json
from pathlib import Path
from typing import Any

import pytest
from record_examples import example, packages, records

import edgecnn
from edgecnn.compression.pipeline import CompressionRecord
from edgecnn.core.files import read_record
from edgecnn.inspection.record import NetworkRecord
from edgecnn.ladder import ClimbRecord
from edgecnn.profiling import Profile
from edgecnn.profiling.results import Results
from edgecnn.runtime.model import model_file
from edgecnn.runtime.model.contract import Contract
from edgecnn.runtime.model.provenance import Tried
from edgecnn.runtime.model.validation import Record
from edgecnn.runtime.run import golden
from edgecnn.runtime.run.engine import Engine
from edgecnn.training.record import TrainingRecord
from edgecnn.verification import Verification
from edgecnn.verification.doctor.diagnosis import Diagnosis

OF_0_1 = Path(__file__).parent / "of_0_1"


@pytest.mark.parametrize("kind", records(), ids=lambda kind: kind.__name__)
def test_comes_back_as_it_went_in(kind: type[Record]) -> None:
    made = example(kind)
    text = json.dumps(made.to_dict())
    again = kind.from_dict(json.loads(text))
    assert again == made and json.dumps(again.to_dict()) == text


def test_what_has_to_dict_is_a_record() -> None:
    """So that it has `from_dict`, and the test above."""
    folder = Path(edgecnn.__file__).parent
    found = [
        f"{path.relative_to(folder)}: {node.name}"
        for path in folder.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
        and any(isinstance(item, ast.FunctionDef) and item.name == "to_dict" for item in node.body)
        and node.name not in {kind.__name__ for kind in (*records(), *_bases())}
    ]
    assert found == [] and len(packages()) > 200


def _bases() -> set[type]:
    return {base for kind in records() for base in inspect.getmro(kind) if base is not object}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("verification", Verification),
        ("verification_unlabeled", Verification),
        ("profile", Results),
        ("profile_all", Results),
        ("training", TrainingRecord),
        ("prune", CompressionRecord),
        ("qat", CompressionRecord),
        ("climb", ClimbRecord),
        ("doctor", Diagnosis),
        ("inspect", NetworkRecord),
    ],
)
def test_what_0_1_wrote_is_read(name: str, kind: type[Record]) -> None:
    found = read_record(OF_0_1 / f"{name}.json", kind, "a file of 0.1")
    assert kind.from_dict(json.loads(json.dumps(found.to_dict()))) == found


def test_the_figures_of_0_1_are_where_they_belong() -> None:
    old = {path.stem: json.loads(path.read_text()) for path in OF_0_1.glob("*.json")}
    found = Verification.from_dict(old["verification"])
    assert found.metrics["top1"].artifact.to_dict() == old["verification"]["top1"]
    assert found.metrics["top5"].float_model.to_dict() == old["verification"]["float_top5"]
    assert found.golden is not None and found.golden.same_answer == old["verification"]["golden"]["same_top1"]
    assert found.answers[0].artifact.label == old["verification"]["answers"][0]["artifact"]["label"]
    kept = {key: value for key, value in found.to_dict().items() if key in old["verification"] and key != "golden"}
    assert kept == {key: value for key, value in old["verification"].items() if key != "golden"}
    assert Verification.from_dict(old["verification_unlabeled"]).metrics == {}
    (profile,) = Results.from_dict(old["profile"]["profiles"][0]).profiles
    assert profile == Profile.from_dict(old["profile"]["profiles"][0])
    assert profile.best.measurement.latency_ms.p95 == old["profile"]["profiles"][0]["rows"][0]["latency_ms"]["p95"]
    trained = TrainingRecord.from_dict(old["training"])
    assert [phase.name for phase in trained.phases] == [stage["name"] for stage in old["training"]["stages"]]
    assert trained.validation.percent == old["training"]["validation"]["top1_percent"]
    pruned = CompressionRecord.from_dict(old["prune"])
    assert (pruned.before, pruned.after) == (old["prune"]["before_top1_percent"], old["prune"]["after_top1_percent"])
    assert pruned.extra["sparsity"] == 0.85
    (tried,) = ClimbRecord.from_dict(old["climb"]).steps
    assert isinstance(tried, Tried)
    assert (tried.configuration, tried.verdict, tried.added_latency_ms) == ("plain", "met", 0.0)


CONTRACTS = json.loads((OF_0_1 / "contracts.json").read_text())


@pytest.mark.parametrize("name", CONTRACTS)
def test_contracts_of_0_1_lose_nothing(name: str) -> None:
    old = CONTRACTS[name]
    found = Contract.from_dict(old)
    assert found.task == "classification" and Contract.from_dict(json.loads(found.to_json())) == found
    words = {"top1_percent": "score", "rung": "configuration", "price_ms": "added_latency_ms", "top1": "metric"}
    new = found.to_dict()
    assert _lost(old, {**new, "accuracy": {**new["accuracy"], "float": new["accuracy"].get("trained")}}, words) == []


def _lost(old: Any, new: Any, words: dict[str, str], path: str = "") -> list[str]:
    """Places whose values are no longer there; empty ones may be left out."""
    if isinstance(old, dict):
        return [
            place
            for key, value in old.items()
            if value not in ({}, [], "", False, None, "none")
            for place in _lost(value, (new or {}).get(words.get(key, key)), words, f"{path}.{key}")
        ]
    if isinstance(old, list) and isinstance(new, list):
        return [place for n, pair in enumerate(zip(old, new)) for place in _lost(*pair, words, f"{path}[{n}]")]
    same = old == new or (old, new) in (("held", "met"), (0, None), (0.0, None))
    return [] if same else [f"{path}: {old} -> {new}"]


def test_an_artifact_of_0_1_runs() -> None:
    engine = Engine(model_file.read(OF_0_1 / "tiny.tflite"))
    assert engine.file.sealed and golden.replay(engine, engine.run).passed


def test_keys_of_a_newer_version_are_kept_in_contracts_and_passed_over_elsewhere() -> None:
    values = {**CONTRACTS["best.tflite"], "new": [1]}
    values["provenance"] = {**values["provenance"], "signed_by": {"name": "x"}}
    written = Contract.from_dict(values).to_dict()
    assert written["new"] == [1] and written["provenance"]["signed_by"] == {"name": "x"}
    old = json.loads((OF_0_1 / "verification.json").read_text())
    assert Verification.from_dict({**old, "new": 1}) == Verification.from_dict(old)
