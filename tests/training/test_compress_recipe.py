"""[prune] and [qat] in a recipe: stages like the others, and what one made the next one keeps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgecnn.core.errors import BoundNotMetError, RecipeError
from edgecnn.float_model import keras_file
from edgecnn.recipe.run import run
from edgecnn.recipe.sections import read, sections
from edgecnn.recipe.tuning import tuning_of
from edgecnn.runtime.model import model_file

RECIPE = """
[model]
file = "{model}"
[train]
data = "{data}"
strategy = "head"
epochs = 1
[[prune]]
method = "magnitude"
sparsity = 0.6
epochs = 1
[[prune]]
method = "clusters"
clusters = 9
epochs = 1
[qat]
epochs = 1
[quantize]
calibration = "{data}/train"
samples = 6
improve = "none"
"""


def test_zeros_and_clusters_of_a_recipe_are_in_its_artifact(small_keras: Path, pictures: Path, tmp_path: Path) -> None:
    recipe, folder = tmp_path / "all.toml", tmp_path / "out"
    recipe.write_text(RECIPE.format(model=small_keras, data=pictures))
    found = run(recipe, folder=folder)
    assert found.ran == ("train", "prune 1", "prune 2", "qat", "quantize", "verify", "report")
    contract = keras_file.read_contract(folder / "qat.keras")
    assert contract is not None
    steps = contract.model.compression
    assert [step.method for step in steps] == ["magnitude", "clusters", "qat"]
    tensors = model_file.read(found.artifact).model.graphs[0].tensors
    kernels = [tensor.values() for tensor in tensors if tensor.dtype == "INT8" and tensor.is_constant]
    kept = [kernel for kernel in kernels if kernel.ndim == 4 and len(np.unique(kernel)) <= 9]
    assert len(kept) == len(steps[1].layers) == 7  # two in each of three blocks, and the top
    assert np.mean([(kernel == 0).mean() for kernel in kept]) >= 0.6
    page = found.report.read_text()
    assert "How it was compressed" in page and page.count("15 test<") == 3
    assert run(recipe, folder=folder).ran == ()
    text = recipe.read_text()
    recipe.write_text(text.replace("[qat]\nepochs = 1", "[qat]\nepochs = 2"))
    assert run(recipe, folder=folder).ran[0] == "qat"
    recipe.write_text(text.replace("clusters = 9", "clusters = 9\nmax_drop = -100.0"))
    with pytest.raises(
        BoundNotMetError, match=r"clusters reduces top-1 by .* points on 15 test images; expected at most -100.0"
    ):
        run(recipe, folder=folder)


def test_every_pruned_layer_keeps_its_zeros(small_keras: Path, pictures: Path, tmp_path: Path) -> None:
    recipe, folder = tmp_path / "zeros.toml", tmp_path / "out"
    steps = '[prune]\nmethod = "magnitude"\nsparsity = 0.5\nepochs = 1\n[qat]\nepochs = 1\n[quantize]'
    text = RECIPE.format(model=small_keras, data=pictures)
    recipe.write_text(text[: text.index("[[prune]]")] + steps + text[text.index("\ncalibration") :])
    run(recipe, folder=folder)
    pruned, aware = (keras_file.load(folder / f"{name}.keras")[0] for name in ("pruned1", "qat"))
    shares = []
    for layer in pruned.layers:
        if layer.name.endswith(("expand_conv", "project_conv", "top_conv")):
            zeros = layer.kernel.numpy() == 0
            np.testing.assert_array_equal(aware.get_layer(layer.name).kernel.numpy()[zeros], 0)
            shares.append(zeros.mean())
    assert 0 < min(shares) < 0.5 < max(shares)  # layers competed


def test_what_is_given_counts_and_the_rest_is_the_training_s(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text(
        '[model]\nname = "mobilenet_v2"\n[train]\ndata = "a"\nvalidation = "b"\n[qat]\ntest = "c"\n'
        '[[prune]]\nmethod = "channels"\n[[prune]]\nmethod = "channels"\ndata = "d"\n'
    )
    recipe, _ = read(path)
    steps = [step for name in ("qat", "prune") for step in sections()[name].all_of(recipe)]
    tunings = [tuning_of(step, recipe) for step in steps]
    named = [(tuning.data, tuning.validation, tuning.test) for tuning in tunings]
    assert named == [("a", "b", "c"), ("a", "b", None), ("d", None, None)]


@pytest.mark.parametrize(
    ("section", "sentence"),
    [
        (
            '[prune]\nmethod = "channels"\nkeep = 2.0\ndata = "photos"',
            "keep is 2.0; expected a number above 0 and below 1",
        ),
        (
            '[prune]\nmethod = "channels"\nclusters = 4\ndata = "photos"',
            "clusters can't be used with the method channels; it has: c",
        ),
        ('[prune]\nmethod = "melt"\ndata = "photos"', "expected one of: channels, clusters, magnitude"),
        ('[prune]\nkeep = 0.5\ndata = "photos"', "prune.0.method is missing"),
        (
            '[prune]\nmethod = "channels"\nkep = 0.5\ndata = "photos"',
            "prune.0.kep: unknown key. Did you mean keep? Valid keys: method, ",
        ),
        ('[prune]\nmethod = "magnitude"\nfor = "tpu"\ndata = "photos"', "for is 'tpu'; expected one of: xnnpack"),
        (
            '[prune]\nmethod = "qat"\ndata = "photos"',
            "Quantization-aware training is `edgecnn train --qat`; in a recipe it is the section [qat].",
        ),
        ("[qat]\nepochs = 2", "\n  qat.data is missing; expected a data set, or a [train]"),
        ('[[prune]]\nmethod = "channels"', "prune.0.data is missing; expected a data set, or a [train]"),
        ('[qat]\ndata = "photos"\n[quantize]\nimprove = "best"', "quantize.improve is 'best', but [qat] fixes"),
    ],
)
def test_faults_of_the_sections_are_named(tmp_path: Path, section: str, sentence: str) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(f'[model]\nname = "mobilenet_v2"\n{section}\n')
    with pytest.raises(RecipeError) as error:
        read(path)
    assert sentence in str(error.value)
