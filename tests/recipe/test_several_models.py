"""A recipe with several models: a run each, resumed like one, and their comparison."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgecnn.comparison.leaderboard import Leaderboard
from edgecnn.core.errors import RecipeError
from edgecnn.recipe.several import ComparedRuns, run

RECIPE = """
[model]
name = ["mobilenet_v1", "mobilenet_v2"]
input_size = 32
width = 0.25
classes = 5
[quantize]
scheme = "float32"
"""


def test_a_run_each_and_their_comparison(tmp_path: Path) -> None:
    recipe = tmp_path / "two.toml"
    recipe.write_text(RECIPE)
    found = run(recipe, folder=tmp_path / "out")
    assert isinstance(found, ComparedRuns)
    assert {name: result.ran for name, result in found.runs.items()} == dict.fromkeys(
        ("mobilenet_v1", "mobilenet_v2"), ("model", "quantize", "verify", "report")
    )
    sizes = {name: (tmp_path / "out" / name / "two.tflite").stat().st_size for name in found.runs}
    stored = Leaderboard.from_dict(json.loads((tmp_path / "out" / "comparison.json").read_text()))
    assert {row.model: row.size_bytes for row in stored.rows} == sizes and stored == found.board
    assert "mobilenet_v2" in found.page.read_text()
    (tmp_path / "out" / "mobilenet_v2" / "two.tflite").unlink()
    again = run(recipe, folder=tmp_path / "out")
    assert isinstance(again, ComparedRuns)
    assert again.runs["mobilenet_v1"].ran == () and "verify" in again.runs["mobilenet_v2"].ran
    assert again.board == found.board


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ('["mobilenet_v1", "mobilenet_v1"]', "lists a model more than once"),
        ('["mobilenet_v1", "mobilenet_v9"]', "mobilenet_v9"),
        ("[]", "expected either name"),
    ],
)
def test_names_that_cannot_be(tmp_path: Path, names: str, sentence: str) -> None:
    recipe = tmp_path / "two.toml"
    recipe.write_text(RECIPE.replace('["mobilenet_v1", "mobilenet_v2"]', names))
    with pytest.raises(RecipeError, match=sentence):
        run(recipe, folder=tmp_path / "out")
    assert not (tmp_path / "out").exists()
