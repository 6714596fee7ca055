"""The JSON schema of recipes, which editors read, and recipes whose sections come from the stages' files."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest
from commands import run_cli

from edgecnn.core.errors import RecipeError
from edgecnn.core.registry import STAGES
from edgecnn.recipe import sections
from edgecnn.recipe.stage import stages_of

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "edgecnn" / "recipe" / "schema.json"
RECIPES = sorted((ROOT / "recipes").glob("*.toml"))
STAGE = '''
from dataclasses import dataclass
from edgecnn.core.options import Settings, option
from edgecnn.recipe.section import Section
from edgecnn.recipe.stage import Stage

POSITION = 35

@dataclass(frozen=True)
class BlurSettings(Settings):
    """What blurs."""

    radius: int = option("Radius.", 2, low=1, high=9)

BLUR = Section("blur", BlurSettings)
SECTIONS = (BLUR,)

class Blur(Stage):
    name, model = "blur", "blurred.keras"
    def __init__(self, settings): self.settings = settings
    def inputs(self, context): return [self.settings.radius]
    def outputs(self, context): return [context.folder / self.model]
    def work(self, context): pass

def stages(recipe):
    return [Blur(settings) for settings in BLUR.all_of(recipe)]
'''


def test_the_schema_that_ships_is_what_the_command_prints() -> None:
    done = run_cli("run", "--schema")
    assert done.returncode == 0, done.stderr
    assert SCHEMA.read_text() == done.stdout, "run: edgecnn run --schema > edgecnn/recipe/schema.json"


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_names_the_schema(path: Path) -> None:
    first = path.read_text().splitlines()[0]
    assert first.startswith("#:schema ")
    assert (path.parent / first.removeprefix("#:schema ")).resolve() == SCHEMA


def test_every_key_has_a_type_and_says_what_it_is() -> None:
    schema = json.loads(SCHEMA.read_text())
    keys = {(name, key): entry for name, part in schema["$defs"].items() for key, entry in part["properties"].items()}
    assert len(keys) > 80
    for entry in keys.values():
        assert entry["description"].endswith(".") and ("type" in entry or "anyOf" in entry)
        assert entry.get("default", 0) is not None
    assert keys["TrainSection", "epochs"]["maximum"] == 100_000
    assert {"type": "array", "items": {"$ref": "#/$defs/PruneSection"}} in schema["properties"]["prune"]["anyOf"]


def test_a_recipe_describes_a_run_or_a_search() -> None:
    """A search makes its models, and its data may be given on the command line."""
    schema = json.loads(SCHEMA.read_text())
    assert schema["anyOf"] == [{"required": ["model"]}, {"required": ["search"]}] and "required" not in schema
    required = {name: part.get("required") for name, part in schema["$defs"].items()}
    assert (required["SearchSection"], required["TrainSection"]) == (None, ["data"])


@pytest.fixture()
def blur(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A stage that is one file, and that no other file names."""
    (tmp_path / "blur_stage.py").write_text(STAGE)
    spec = importlib.util.spec_from_file_location("blur_stage", tmp_path / "blur_stage.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "blur_stage", module)
    spec.loader.exec_module(module)
    monkeypatch.setitem(STAGES._files, "blur", "blur_stage")
    sections.sections.cache_clear()
    sections.recipe_model.cache_clear()
    yield module
    sections.sections.cache_clear()
    sections.recipe_model.cache_clear()


def test_a_stage_is_one_file(blur: ModuleType, tmp_path: Path) -> None:
    assert list(sections.schema()["properties"]).index("blur") == 3  # after [prune], by its position
    path = tmp_path / "r.toml"
    path.write_text('[model]\nname = "mobilenet_v1"\n[blur]\nradius = 3\n[qat]\ndata = "x"\n')
    recipe, _ = sections.read(path)
    stages = {stage.name: stage for stage in stages_of(recipe)}
    assert list(stages)[:3] == ["model", "blur", "qat"] and stages["blur"].settings.radius == 3  # type: ignore[attr-defined]
    from edgecnn.core.progress import silent
    from edgecnn.recipe.stage import Context

    context = Context(recipe, "", tmp_path, "r", silent)
    assert context.model_before(stages["qat"]) == tmp_path / "blurred.keras"
    path.write_text('[model]\nname = "mobilenet_v1"\n[blur]\nradius = 30\nsize = 1\n')
    with pytest.raises(RecipeError) as found:
        sections.read(path)
    assert "blur.radius is 30; expected a whole number from 1 to 9." in str(found.value)
    assert "blur.size: unknown key. Valid keys: radius." in str(found.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[train]\ndata = 'x'\nlearning_rate = nan", "train.learning_rate is nan; expected a number from 0 to 10."),
        ("[verify]\ndata = 'x'\nmax_drop = inf", "verify.max_drop is inf; expected a number from -100 to 100."),
        ("[train]\ndata = 'x'\nepochs = true", "train.epochs is True; expected a whole number"),
        ("[train]\ndata = 'x'\nepoch = 3", "train.epoch: unknown key. Did you mean epochs? Valid keys: data, strategy"),
        ("[quantize]\nscheme = 'int9'", "quantize.scheme is 'int9'; expected one of: dynamic_int8, "),
        (
            "[[prune]]\nmethod = 'swap'\ndata = 'x'\nkeep = 0.5",
            "prune.0.keep can't be used with the method swap; it has: to.",
        ),
        ("[prune]\nmethod = 'qat'\ndata = 'x'", "prune.0.method is 'qat'; expected one of: channels"),
        (
            "[prune]\nmethod = 'swap'",
            "prune.0.data is missing; expected a data set, or a [train] section whose data is used",
        ),
        (
            "[quantize]\nio = 'int16'",
            "quantize.io is 'int16'; expected one of the types of the scheme int8: uint8, int8, float32.",
        ),
        (
            "[quantize]\nscheme = 'int8'\nkeep_float = ['a']",
            "quantize.keep_float needs scheme int8_mixed; received int8.",
        ),
        ("train = 3", "train is 3; expected a section, [train]."),
    ],
)
def test_faults_are_in_our_words(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "r.toml"
    top = f"{text}\n" if text.startswith("train =") else ""
    path.write_text(f'{top}[model]\nname = "mobilenet_v1"\n' + ("" if top else f"{text}\n"))
    with pytest.raises(RecipeError) as found:
        sections.read(path)
    assert sentence in str(found.value)
