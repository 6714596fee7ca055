"""Recipes: what is right, and one clear sentence for each thing that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgecnn.core.errors import RecipeError
from edgecnn.recipe import sections

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*.toml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_recipes_that_ship_are_valid(path: Path) -> None:
    settings, text = sections.read(path)
    assert text == path.read_text()
    made = [f"runs/{other.stem}/trained.keras" for other in RECIPES if "[train]" in other.read_text()]
    assert settings.model.file is None or settings.model.file in made


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("", ["model is missing. Valid keys: model, "]),
        ("[model]\n", ["expected either name (an architecture) or file"]),
        ('[model]\nname = "resnet_1"\n', ["model.name is 'resnet_1'"]),
        ('[model]\nname = "mobilenet_v2"\nfile = "m.keras"\n', ["not both"]),
        ('[model]\nfile = "m.keras"\nwidth = 0.5\n', ["these keys have no effect: width. Remove them"]),
        (
            '[model]\nname = "mobilenet_v2"\ninput_size = 8\n',
            ["model.input_size is 8; expected a whole number from 32 to 2,048"],
        ),
        (
            '[model]\nname = "mobilenet_v2"\nseed = -1\n',
            ["model.seed is -1; expected a whole number from 0 to 4,294,967,295"],
        ),
        ('[model]\nname = "mobilenet_v2"\n[train]\ndata = "x"\nworker = 1\n', ["train.worker: unknown key"]),
        (
            '[model]\nname = "mobilenet_v2"\n[train]\ndata = "x"\nwarmup = 2\n',
            ["train.warmup is 2; expected a number from 0 to 1"],
        ),
        (
            '[model]\nname = "mobilenet_v2"\n[quantise]\n',
            ["quantise: unknown key. Did you mean quantize? Valid keys: model, "],
        ),
        (
            '[model]\nname = "mobilenet_v2"\n[quantize]\nscheme = "int4"\n',
            ["quantize.scheme is 'int4'", "int8_per_tensor"],
        ),
        (
            '[model]\nname = "mobilenet_v2"\n[quantize]\nscheme = "float16"\nio = "uint8"\n',
            ["types of the scheme float16: float32"],
        ),
        ('[model]\nname = "mobilenet_v2"\n[verify]\n', ["verify.data is missing"]),
        (
            '[model]\nname = "mobilenet_v2"\n[profile]\nthreads = [0]\n',
            ["profile.threads is [0]; expected whole numbers from 1 to 256"],
        ),
        ('[model]\nname = "mobilenet_v2\n', ["not valid TOML"]),
        ('[model]\nname = "mobilenet_v2"\n[report]\n', ["has 1 error:\n  report: unknown key"]),
    ],
)
def test_faults_are_named(tmp_path: Path, text: str, sentences: list[str]) -> None:
    path = tmp_path / "r.toml"
    path.write_text(text)
    with pytest.raises(RecipeError) as found:
        sections.read(path)
    for sentence in sentences:
        assert sentence in str(found.value)


def test_all_faults_are_listed_at_once(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text('[model]\nnam = "x"\nwidth = "wide"\n[quantize]\nsamples = 0\n')
    with pytest.raises(RecipeError, match=r"3 error|4 error") as found:
        sections.read(path)
    assert all(key in str(found.value) for key in ("model.nam", "model.width", "quantize.samples"))


def test_missing_file_and_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(RecipeError, match="Can't read"):
            sections.read(path)
