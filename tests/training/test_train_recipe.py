"""[train] in a recipe: a stage like the others."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from commands import run_cli

from edgecnn.core.errors import RecipeError, UsageError
from edgecnn.core.hints import Hints
from edgecnn.core.progress import silent
from edgecnn.data.split import open_splits
from edgecnn.encoders import EncoderHints
from edgecnn.float_model import keras_file
from edgecnn.recipe.held_out import held_out_data
from edgecnn.recipe.run import fingerprint, run
from edgecnn.recipe.sections import read, recipe_model, sections
from edgecnn.recipe.stage import Context, stages_of
from edgecnn.runtime.model import model_file
from edgecnn.training import FitSettings, TrainOptions
from edgecnn.training.settings import LessonSettings

RECIPE = """
[model]
file = "{model}"
[train]
data = "{data}"
strategy = "head"
epochs = 2
[quantize]
calibration = "{data}/train"
samples = 6
"""


def test_training_is_a_stage_that_is_not_repeated(small_keras: Path, pictures: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "colors.toml"
    recipe.write_text(RECIPE.format(model=small_keras, data=pictures))
    first = run(recipe, folder=tmp_path / "out")
    assert "train" in first.ran
    contract = keras_file.read_contract(tmp_path / "out" / "trained.keras")
    assert contract is not None and contract.labels == ("ant", "bee", "cat")
    assert "How it was trained" in first.report.read_text()
    assert run(recipe, folder=tmp_path / "out").ran == ()
    recipe.write_text(recipe.read_text().replace("epochs = 2", "epochs = 3"))
    assert run(recipe, folder=tmp_path / "out").ran[0] == "train"


def test_what_files_say_is_part_of_a_stage(small_keras: Path, pictures: Path, tmp_path: Path) -> None:
    """Names of the teacher's classes: another order of them trains again."""
    names, recipe = tmp_path / "names.txt", tmp_path / "taught.toml"
    names.write_text("ant\nbee\ncat\n")
    text = RECIPE.format(model=small_keras, data=pictures)
    taught = f'epochs = 1\nteacher = "{small_keras}"\nteacher_labels = "{names}"\n'
    recipe.write_text(text.replace("epochs = 2\n", taught))
    ran = []
    for order in ("ant\nbee\ncat\n", "ant\nbee\ncat\n", "cat\nbee\nant\n"):
        names.write_text(order)
        found, _ = read(recipe)
        context = Context(found, text, tmp_path / "out", "taught", silent)
        stage = next(stage for stage in stages_of(found) if stage.name == "train")
        ran.append(fingerprint(stage, context))
    assert ran[0] == ran[1] != ran[2]


def test_a_wrong_key_names_the_choices(small_keras: Path, pictures: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "wrong.toml"
    text = RECIPE.format(model=small_keras, data=pictures)
    recipe.write_text(text.replace('"head"', '"magic"').replace("epochs = 2", "epoch = 2"))
    with pytest.raises(RecipeError) as error:
        read(recipe)
    assert "train.epoch: unknown key" in str(error.value) and "auto, finetune, head, scratch" in str(error.value)


def test_the_section_has_every_option_of_the_function(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text('[model]\nname = "mobilenet_v1"\n[train]\ndata = "x"\nepochs = 3\n')
    options = sections()["train"].of(read(tmp_path / "r.toml")[0])
    assert isinstance(options, TrainOptions) and options.overrides == {"epochs": 3}
    own = {"keep_best", "save_every_steps", "cluster", "worker"}  # for programs, and for `edgecnn train`
    named = {
        field.name
        for kind in (FitSettings, TrainOptions, LessonSettings, EncoderHints, Hints)
        for field in dataclasses.fields(kind)
    }
    keys = recipe_model().model_json_schema()["$defs"]["TrainSection"]["properties"]
    assert set(keys) == named - own - {"overrides", "hints", "lesson", "encoder"}


def test_workers_of_a_cluster_are_sent_to_the_command(
    small_keras: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = tmp_path / "r.toml"
    recipe.write_text(RECIPE.format(model=small_keras, data=pictures))
    cluster = {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 1}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(cluster))
    with pytest.raises(UsageError, match=r"names 2 workers, .*`edgecnn train`"):
        run(recipe, folder=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_was_held_out_is_verified_on_and_the_rest_calibrates(
    small_keras: Path, pictures: Path, tmp_path: Path
) -> None:
    recipe = tmp_path / "colors.toml"
    recipe.write_text(
        f'[model]\nfile = "{small_keras}"\n[train]\ndata = "{pictures}/train"\nstrategy = "head"\nepochs = 1\n'
        "validation_share = 0.3\n[quantize]\nsamples = 6\n[verify]\n"
    )
    splits = open_splits(f"{pictures}/train", share=0.3)
    found = run(recipe, folder=tmp_path / "out").verification
    assert found is not None and found.data == f"held-out/0.3:{pictures}/train"
    assert found.pictures == len(splits.validation) and (found.trained_on, found.calibrated_on) == (0, 0)
    provenance = model_file.read(tmp_path / "out" / "colors.tflite").contract.provenance
    assert provenance.calibration is not None and provenance.trained_on is not None
    assert {digest[:16] for digest in splits.digests[0]} >= set(provenance.calibration.pictures.values())
    assert provenance.trained_on.images == len(splits.train)
    done = run_cli("run", recipe, "-o", tmp_path / "out")
    assert f"{found.metrics['top1'].artifact} (float: {found.metrics['top1'].float_model})" in " ".join(
        done.stdout.split()
    )


def test_without_verify_the_summary_has_the_validation_accuracy(
    small_keras: Path, pictures: Path, tmp_path: Path
) -> None:
    recipe = tmp_path / "colors.toml"
    recipe.write_text(RECIPE.format(model=small_keras, data=pictures))
    done = run_cli("run", recipe, "-o", tmp_path / "out")
    trained = model_file.read(tmp_path / "out" / "colors.tflite").contract.accuracy.trained
    assert done.returncode == 0, done.stderr
    assert f"test top1 (float) {trained['test_top1_percent']:.1f} % [" in " ".join(done.stdout.split())


def test_test_images_and_validation_images_that_are_named_are_verified_on(tmp_path: Path) -> None:
    def held_out(keys: str) -> str | None:
        (tmp_path / "r.toml").write_text(f'[model]\nname = "mobilenet_v1"\n[train]\ndata = "x"\n{keys}')
        return held_out_data(read(tmp_path / "r.toml")[0])

    assert held_out("") == "held-out:x"
    assert held_out('validation = "y"') == "y"
    assert held_out('validation = "y"\ntest = "z"') == "z"
