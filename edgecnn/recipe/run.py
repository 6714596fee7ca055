"""All stages of a recipe in a row; stopped anywhere, it goes on from the last finished stage.

`state.json` keeps one fingerprint of what each stage depends on, and the digest of each file that it wrote.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgecnn.core import files, folder_lock
from edgecnn.core.errors import EdgecnnError, RecipeError, UsageError
from edgecnn.core.files import same_file
from edgecnn.core.options import SettingError
from edgecnn.core.progress import Progress, silent
from edgecnn.core.version import __version__
from edgecnn.float_model.converters.converter import CONVERTERS, check_source
from edgecnn.recipe import sections
from edgecnn.recipe.each_model import each_model
from edgecnn.recipe.section import Recipe
from edgecnn.recipe.stage import QUANTIZED, Context, Stage, check_model_file, digest, stages_of

if TYPE_CHECKING:
    from edgecnn.profiling import Profile
    from edgecnn.verification import Verification

STATE = "state.json"


@dataclass(frozen=True)
class Result:
    """Where the files are, and which stages ran now rather than before."""

    artifact: Path
    report: Path
    verification: Verification | None
    profile: Profile | None
    ran: tuple[str, ...]


def run(path: str | Path, *, folder: str | Path | None = None, progress: Progress = silent) -> Result:
    """Run a recipe of one model; `edgecnn.recipe.several.run` takes those of several, too.

    Args:
        path: the recipe, a TOML file.
        folder: where to write; by default `runs/NAME` under the current folder.
        progress: called with (stage, done, total).

    Raises:
        RecipeError: the recipe is wrong, or asks for what its data doesn't have.
        BoundNotMetError: a bound in [prune], [qat] or [verify] was not met; all files are there all the same.
        EdgecnnError: a stage failed; what was finished before is kept.
    """
    recipe, text = sections.read(path)
    if each_model(recipe):
        raise RecipeError(f"{path} names several models; expected one.")
    context = context_of(path, recipe, text, folder, progress)
    refuse(context, path)
    return run_stages(context)


def context_of(path: str | Path, recipe: Recipe, text: str, folder: str | Path | None, progress: Progress) -> Context:
    """What the stages share; nothing is written yet."""
    name = Path(path).stem
    return Context(recipe, text, Path(folder or Path("runs") / name), name, progress)


def run_stages(context: Context) -> Result:
    """Do what isn't done yet.

    Raises:
        BoundNotMetError: a bound was not met.
        EdgecnnError: a stage failed.
    """
    stages = stages_of(context.recipe)
    with folder_lock.held(context.folder, "Another run is using the folder"):
        ran = tuple(stage.name for stage in stages if _bring_up_to_date(stage, context))
        for stage in stages:
            stage.check_bounds(context)
    return Result(context.artifact, context.report, context.found_verification(), context.found_profile(), ran)


def refuse(context: Context, path: str | Path) -> None:
    """Say before any stage works what is bound to fail, or to destroy an input.

    Raises:
        EdgecnnError: it is.
    """
    stages = stages_of(context.recipe)
    _refuse_model_file(stages, context)
    for stage in stages:
        with _naming(stage):
            stage.refuse(context)
    inputs = {**_files_of(context), "the recipe": str(path)}
    for key, given in inputs.items():
        for stage in stages:
            if any(same_file(given, output) for output in stage.outputs(context)):
                raise RecipeError(
                    f"{key} is {given}, but the stage {stage.name} would overwrite this file. Choose another "
                    "folder with --output."
                )


def _refuse_model_file(stages: Sequence[Stage], context: Context) -> None:
    file = context.recipe.keys_of("model").get("file")
    if not file:
        return
    further = next((stage.name for stage in stages if stage.model), None)
    check_model_file("model.file", str(file), others={} if further else QUANTIZED)
    if further and context.trust:
        raise RecipeError(
            f"model.trust has no effect: the stage {further} runs no code from a file. Remove model.trust."
        )
    if Path(file).suffix.lower() in CONVERTERS:
        check_source(Path(file), trust=context.trust)


def _files_of(context: Context) -> dict[str, str]:
    """Files that the recipe names, by key."""
    keys = (("model", "file"), ("model", "weights"), ("train", "teacher"), ("quantize", "labels"))
    found = {f"{section}.{key}": context.recipe.keys_of(section).get(key) for section, key in keys}
    return {key: str(file) for key, file in found.items() if file}


@contextlib.contextmanager
def _naming(stage: Stage) -> Iterator[None]:
    """Put the section's name before what is refused."""
    try:
        yield
    except SettingError as error:
        raise RecipeError(f"{stage.name}.{error}") from error
    except RecipeError:  # names its key
        raise
    except UsageError as error:
        raise RecipeError(f"[{stage.name}] {error}") from error
    except EdgecnnError as error:
        raise type(error)(f"[{stage.name}] {error}") from error


def fingerprint(stage: Stage, context: Context) -> str:
    """Of all that a stage depends on: it is done again where this changes."""
    basis = {"edgecnn": __version__, "inputs": stage.inputs(context)}
    return files.sha256(json.dumps(basis, sort_keys=True, default=digest).encode())


def _bring_up_to_date(stage: Stage, context: Context) -> bool:
    """Do a stage unless it is done; returns whether it was done now."""
    basis = fingerprint(stage, context)
    state = read_state(context.folder / STATE)
    done = state.get(stage.name, {})
    if done.get("fingerprint") == basis and done.get("outputs") == _digests(stage, context):
        context.progress(f"{stage.name}: done before", 0, 0)
        return False
    context.progress(stage.name, 0, 0)
    with _naming(stage):
        stage.work(context)
    state[stage.name] = {"fingerprint": basis, "outputs": _digests(stage, context)}
    files.write_json(context.folder / STATE, state)
    return True


def read_state(path: Path) -> dict[str, dict[str, Any]]:
    """What a run before has finished; nothing where the file is damaged."""
    found = files.read_json(path)
    whole = isinstance(found, dict) and all(isinstance(entry, dict) for entry in found.values())
    return found if whole else {}


def _digests(stage: Stage, context: Context) -> dict[str, str]:
    return {path.name: digest(path) for path in stage.outputs(context)}
