"""All stages of a recipe in a row; stopped anywhere, it goes on from the last finished stage.

Each stage is a function from files to files. A stage is done again when its section of the recipe, an input file or a
data set changed; `state.json` keeps one fingerprint of these and the digest of each output. Since stages are
deterministic, a stage that was done again with the same result leaves the later ones alone.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgecnn import __version__, files
from edgecnn.errors import BoundNotMetError, EdgecnnError
from edgecnn.progress import Progress, silent
from edgecnn.recipe import Recipe, TuningSection, read

STATE = "state.json"


@dataclass(frozen=True)
class Context:
    """What the stages share.

    Attributes:
        recipe: what to do.
        text: the recipe as it was written.
        folder: where the files of the run are.
        name: the recipe's name; the artifact is `folder/name.tflite`.
        progress: called with (stage, done, total).
    """

    recipe: Recipe
    text: str
    folder: Path
    name: str
    progress: Progress

    @property
    def built(self) -> Path:
        """The Keras model as it was built, or the file that exists already."""
        return Path(self.recipe.model.file) if self.recipe.model.file else self.folder / "model.keras"

    @property
    def float_model(self) -> Path:
        """The Keras model that is quantized."""
        return self.folder / "qat.keras" if self.recipe.qat else self.pruned

    @property
    def trained(self) -> Path:
        """The Keras model that knows its classes."""
        return self.folder / "trained.keras" if self.recipe.train else self.built

    @property
    def pruned(self) -> Path:
        """The Keras model after the last step of pruning."""
        return self.pruned_steps[-1] if self.pruned_steps else self.trained

    @property
    def pruned_steps(self) -> list[Path]:
        """One Keras model for each step."""
        return [self.folder / f"pruned{number}.keras" for number, _ in enumerate(self.recipe.prune, 1)]

    @property
    def training(self) -> Path:
        """What happened in training, as JSON."""
        return self.folder / "training.json"

    @property
    def quantized(self) -> Path:
        """The artifact before its accuracy was measured."""
        return self.folder / "quantized.tflite"

    @property
    def artifact(self) -> Path:
        """The artifact with the measured accuracy in its contract."""
        return self.folder / f"{self.name}.tflite"

    @property
    def verification(self) -> Path:
        """The verification as JSON."""
        return self.folder / "verification.json"

    @property
    def profile(self) -> Path:
        """The profile as JSON."""
        return self.folder / "profile.json"

    @property
    def report(self) -> Path:
        """The page."""
        return self.folder / "report.html"


@dataclass(frozen=True)
class Stage:
    """One step.

    Attributes:
        name: as it is shown.
        wanted: whether the recipe asks for it.
        inputs: what it depends on besides the program: JSON values, with the digests of files and data sets.
        outputs: the files that it writes.
        work: does it.
    """

    name: str
    wanted: Callable[[Context], bool]
    inputs: Callable[[Context], Any]
    outputs: Callable[[Context], list[Path]]
    work: Callable[[Context], None]


@dataclass(frozen=True)
class Result:
    """Where the files are, and which stages ran now rather than before."""

    artifact: Path
    report: Path
    verification: dict[str, Any] | None
    profile: dict[str, Any] | None
    ran: tuple[str, ...]


def run(recipe: str | Path, *, folder: str | Path | None = None, progress: Progress = silent) -> Result:
    """Run a recipe.

    Args:
        recipe: a TOML file.
        folder: where to write; by default `runs/NAME` under the current folder.
        progress: called with (stage, done, total).

    Raises:
        RecipeError: the recipe is wrong.
        BoundNotMetError: a bound in [prune], [qat] or [verify] was not met; all files are there all the same.
        EdgecnnError: a stage failed; what was finished before is kept.
    """
    settings, text = read(recipe)
    name = Path(recipe).stem
    context = Context(settings, text, Path(folder or Path("runs") / name), name, progress)
    with _locked(context.folder):
        stages = (*_BEFORE_PRUNING, *_prune_stages(context), *_AFTER_PRUNING)
        ran = tuple(stage.name for stage in stages if stage.wanted(context) and _bring_up_to_date(stage, context))
    result = Result(context.artifact, context.report, _json(context.verification), _json(context.profile), ran)
    _check_bounds(context, result)
    return result


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Two runs in one folder would overwrite each other's files."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("w")
    except OSError as error:
        raise EdgecnnError(
            f"Can't write to {folder}: {error.strerror}. Choose another folder with --output."
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise EdgecnnError(
                f"Another run is at work in {folder}. Wait for it, or choose another --output."
            ) from error
        yield


def _bring_up_to_date(stage: Stage, context: Context) -> bool:
    """Do a stage unless it is done; returns whether it was done now."""
    basis = {"edgecnn": __version__, "inputs": stage.inputs(context)}
    fingerprint = files.sha256(json.dumps(basis, sort_keys=True).encode())
    state = _json(context.folder / STATE) or {}
    done = state.get(stage.name, {})
    if done.get("fingerprint") == fingerprint and done.get("outputs") == _digests(stage.outputs(context)):
        context.progress(f"{stage.name}: done before", 0, 0)
        return False
    context.progress(stage.name, 0, 0)
    stage.work(context)
    state[stage.name] = {"fingerprint": fingerprint, "outputs": _digests(stage.outputs(context))}
    files.write_json(context.folder / STATE, state)
    return True


def _digests(paths: list[Path]) -> dict[str, str]:
    return {path.name: files.file_sha256(path) if path.is_file() else "missing" for path in paths}


def _json(path: Path) -> Any:
    """A JSON file's value; None where there is no whole one."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _file(path: str | Path) -> str:
    """A digest of a file or of all files in a folder (a SavedModel); "missing" leaves the message to the stage."""
    path = Path(path)
    if path.is_dir():
        return files.sha256(
            "".join(f"{_file(part)} {part.name}" for part in sorted(path.rglob("*")) if part.is_file()).encode()
        )
    return files.file_sha256(path) if path.is_file() else "missing"


def _data(spec: str, samples: int | None = None, seed: int = 0) -> str:
    from edgecnn.data import open_data

    data = open_data(spec)
    return (data if samples is None else data.sample(samples, seed)).digest()


def _build(context: Context) -> None:
    from edgecnn import keras_file
    from edgecnn.models import build_model

    section = context.recipe.model
    options = section.model_dump(exclude={"name", "file"})
    keras_file.save(*build_model(str(section.name), **options), context.built)


def _build_inputs(context: Context) -> Any:
    weights = context.recipe.model.weights
    own_file = _file(weights) if weights not in ("none", "imagenet") else ""
    return [context.recipe.model.model_dump(), own_file]


def _train(context: Context) -> None:
    from edgecnn import keras_file
    from edgecnn.train import TrainOptions, remove_checkpoints, train

    section = context.recipe.train
    assert section is not None
    folder = context.folder / "training"
    found = train(context.built, TrainOptions(**section.options()), folder=folder, progress=context.progress)
    keras_file.save(found.model, found.contract, context.trained)
    files.write_json(context.training, found.to_dict())
    remove_checkpoints(folder)


def _train_inputs(context: Context) -> Any:
    section = context.recipe.train
    if section is None:
        return None
    data = [_data(spec) for spec in (section.data, section.validation, section.test) if spec]
    return [section.model_dump(), _file(context.built), _file(section.teacher) if section.teacher else "", data]


def _compress(
    context: Context, before: Path, method: str, section: TuningSection, options: dict[str, Any], after: Path
) -> None:
    from edgecnn import keras_file
    from edgecnn.compress import Tuning, compress
    from edgecnn.train import remove_checkpoints

    tuning, folder = Tuning(**section.tuning(context.recipe.train)), context.folder / "training" / after.stem
    found = compress(before, method, tuning, options, folder=folder, progress=context.progress)
    keras_file.save(found.model, found.contract, after)
    remove_checkpoints(folder)


def _tuning_inputs(context: Context, section: TuningSection) -> Any:
    tuning = section.tuning(context.recipe.train)
    data = [_data(tuning[name]) for name in ("data", "validation", "test") if tuning[name]]
    return [section.model_dump(), tuning, data]


def _prune_stages(context: Context) -> Iterator[Stage]:
    """One for each step, so that a later one is stopped or changed without doing the earlier ones again."""
    before = context.trained
    for number, (step, after) in enumerate(zip(context.recipe.prune, context.pruned_steps), 1):
        yield Stage(
            "prune" if len(context.recipe.prune) == 1 else f"prune {number}",
            _always,
            lambda c, before=before, step=step: [_file(before), _tuning_inputs(c, step)],  # type: ignore[misc]
            lambda c, after=after: [after],  # type: ignore[misc]
            lambda c, before=before, step=step, after=after: _compress(  # type: ignore[misc]
                c, before, step.method, step, step.options(), after
            ),
        )
        before = after


def _qat(context: Context) -> None:
    assert context.recipe.qat is not None
    _compress(context, context.pruned, "qat", context.recipe.qat, {}, context.float_model)


def _qat_inputs(context: Context) -> Any:
    return [_file(context.pruned), _tuning_inputs(context, context.recipe.qat)] if context.recipe.qat else None


def _quantize(context: Context) -> None:
    from edgecnn.quantize import Calibration, quantize

    section = context.recipe.quantize
    calibration = Calibration(section.calibration, section.samples, section.seed, section.improve)
    quantize(
        context.float_model,
        context.quantized,
        scheme=section.scheme,
        calibration=calibration,
        io=section.io,
        progress=context.progress,
    )


def _quantize_inputs(context: Context) -> Any:
    section = context.recipe.quantize
    data = _data(section.calibration, section.samples, section.seed)
    return [section.model_dump(), _file(context.float_model), data]


def _verify(context: Context) -> None:
    from edgecnn import artifact
    from edgecnn.data import open_data
    from edgecnn.runtime import model_file
    from edgecnn.verify import verify

    section = context.recipe.verify
    file = model_file.read(context.quantized)
    if section is None:
        artifact.rewrite(context.artifact, file, file.contract)
        return
    data = open_data(section.data)
    data = data if section.samples is None else data.sample(section.samples)
    found = verify(file, context.float_model, data, progress=context.progress)
    files.write_json(context.verification, found.to_dict())
    artifact.rewrite(context.artifact, file, file.contract.replace(accuracy=found.summary()))


def _verify_inputs(context: Context) -> Any:
    section = context.recipe.verify
    inputs = [_file(context.quantized), _file(context.float_model)]
    if section is None:
        return inputs
    # The bounds are held against the stored result: to change one measures nothing again.
    return [section.model_dump(exclude={"max_drop", "min_agreement"}), _data(section.data, section.samples), *inputs]


def _profile(context: Context) -> None:
    from edgecnn.profiling import profile

    section = context.recipe.profile
    assert section is not None
    context.progress("Measuring the latency", 0, 0)
    found = profile(
        context.artifact,
        section.device,
        section.delegate,
        list(section.threads) or None,
        section.runs,
        section.warmup,
    )
    files.write_json(context.profile, found.to_dict())


def _report(context: Context) -> None:
    from edgecnn import report

    profiles = [profile] if context.recipe.profile and (profile := _json(context.profile)) else []
    verification = _json(context.verification) if context.recipe.verify else None
    training = _json(context.training) if context.recipe.train else None
    report.write(context.report, context.artifact, verification, profiles, context.text, training=training)


def _always(context: Context) -> bool:
    return True


_BEFORE_PRUNING = (
    Stage("model", lambda c: c.recipe.model.file is None, _build_inputs, lambda c: [c.built], _build),
    Stage(
        "train",
        lambda c: c.recipe.train is not None,
        _train_inputs,
        lambda c: [c.trained, c.training],
        _train,
    ),
)
_AFTER_PRUNING = (
    Stage("qat", lambda c: c.recipe.qat is not None, _qat_inputs, lambda c: [c.float_model], _qat),
    Stage("quantize", _always, _quantize_inputs, lambda c: [c.quantized], _quantize),
    Stage(
        "verify",
        _always,
        _verify_inputs,
        lambda c: [c.artifact, c.verification] if c.recipe.verify else [c.artifact],
        _verify,
    ),
    Stage(
        "profile",
        lambda c: c.recipe.profile is not None,
        lambda c: [c.recipe.profile.model_dump() if c.recipe.profile else None, _file(c.artifact)],
        lambda c: [c.profile],
        _profile,
    ),
    Stage(
        "report",
        _always,
        lambda c: [c.text, *map(_file, (c.artifact, c.verification, c.profile, c.training))],
        lambda c: [c.report],
        _report,
    ),
)


def _check_bounds(context: Context, result: Result) -> None:
    _check_compression(context)
    section, found = context.recipe.verify, result.verification
    if section is None or found is None:
        return
    drop, agreement = found["drop"], found["agreement"]
    if section.max_drop is not None and drop is None:
        raise BoundNotMetError(f"max_drop = {section.max_drop} needs labels, and {section.data} has none.")
    if section.max_drop is not None and drop["percent"] > section.max_drop:
        raise BoundNotMetError(f"Top-1 drops by {drop['percent']} points; the recipe allows {section.max_drop}.")
    if section.min_agreement is not None and agreement["percent"] < section.min_agreement:
        raise BoundNotMetError(f"Agreement is {agreement['percent']} %; the recipe asks for {section.min_agreement} %.")


def _check_compression(context: Context) -> None:
    from edgecnn import keras_file

    recipe = context.recipe
    sections: list[TuningSection] = [*recipe.prune, *([recipe.qat] if recipe.qat else [])]
    contract = keras_file.read_contract(context.float_model) if sections else None
    if contract is None:
        return
    for section, step in zip(sections, contract.model["compression"][-len(sections) :]):
        top1 = step["top1_percent"]
        drop = round(top1["before"] - top1["after"], 3)
        if section.max_drop is not None and drop > section.max_drop:
            raise BoundNotMetError(
                f"{step['method']} costs {drop} points of top-1 on {top1['pictures']} {top1['split']} pictures; the "
                f"recipe allows {section.max_drop}."
            )
