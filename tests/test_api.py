"""The Python API, as the README shows it."""

from __future__ import annotations

import pkgutil
from pathlib import Path

import pytest
from skimage import data

import edgecnn
import edgecnn.api
from edgecnn.core.errors import EdgecnnError


def test_from_a_name_to_a_named_picture(tmp_path: Path) -> None:
    model = edgecnn.build("mobilenet_v1", input_size=32, width=0.25, classes=5)
    for name in ("first.tflite", "again.tflite"):  # the first call imports the package of the function's name
        edgecnn.quantize(model, tmp_path / name, scheme="float32")
        found = edgecnn.verify(tmp_path / name, model, "photos:test")
        assert found.agreement.percent == 100
        assert (
            edgecnn.profile(tmp_path / name, runs=3).to_dict()["model"]["size_bytes"]
            == (tmp_path / name).stat().st_size
        )
    classifier = edgecnn.load(tmp_path / "again.tflite")
    best = classifier.classify(data.astronaut(), 2)
    assert len(best) == 2 and best[0]["label"] in {str(index) for index in range(5)}


def test_no_module_hides_a_function() -> None:
    """The packages are nouns: `edgecnn.quantize` is the function, whatever was imported before."""
    names = {module.name for module in pkgutil.iter_modules(edgecnn.__path__)}
    assert not names & set(edgecnn.__all__)


def test_every_function_is_at_the_top() -> None:
    functions = {name for name in edgecnn.api.__all__ if not isinstance(getattr(edgecnn.api, name), type)}
    assert functions == {name for name in functions if getattr(edgecnn, name) is getattr(edgecnn.api, name)}
    assert functions <= set(dir(edgecnn))


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("quantize", ("missing.keras", "out.tflite")),
        ("run", ("missing.toml",)),
        ("verify", ("missing.tflite", "missing.keras", "photos")),
    ],
)
def test_functions_answer_missing_files(name: str, arguments: tuple[str, ...]) -> None:
    with pytest.raises(EdgecnnError, match=r"missing\."):
        getattr(edgecnn, name)(*arguments)
