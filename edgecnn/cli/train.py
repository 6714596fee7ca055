"""`edgecnn train`: train a model on the user's own classes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgecnn.cli._arguments import KERAS
from edgecnn.cli._options import Command, options_of
from edgecnn.cli._output import (
    emit,
    json_option,
    note,
    output_option,
    print_table,
    restart_option,
    say,
    show_data_report,
    show_notes,
    wide_option,
)
from edgecnn.training.settings import TrainOptions

if TYPE_CHECKING:
    from edgecnn.compression.pipeline import CompressionRecord
    from edgecnn.training import Trained

GROUP = "Make a model"
POSITION = 30


@click.command(cls=Command, resumes=True)
@click.argument("model", type=KERAS, metavar="MODEL")
@output_option("Model file to write; ends with .keras.")
@options_of(TrainOptions, "options")
@click.option(
    "--qat",
    is_flag=True,
    help="Fine-tune a trained model by quantization-aware training (QAT); can't be used with --strategy.",
)
@restart_option
@json_option
@wide_option
def command(model: str, output: str, options: TrainOptions, qat: bool, restart: bool, json_path: str | None) -> None:
    """Train MODEL (.keras or .h5) on DATA and write the model of the epoch that validates best.

    An interrupted run resumes when the same command is given again; its checkpoint and TensorBoard log are in the
    folder FILE.training. Settings that are not given are the strategy's own.

    \b
    Examples:
      edgecnn train lite0.keras --data my-pictures -o mine.keras
      edgecnn train new.keras --data fashion-mnist --strategy scratch -o f.keras
    """
    from edgecnn.core.progress import Terminal
    from edgecnn.float_model import keras_file
    from edgecnn.training import remove_checkpoints, train

    keras_file.checked_name(output)
    folder = Path(f"{output}.training")
    if restart:
        remove_checkpoints(folder)
    if qat:
        _train_aware(model, output, folder, json_path, options)
        return
    progress = Terminal()
    try:
        shown = {"show_report": show_data_report, "show_model": _warn}
        trained = train(model, options, folder=folder, progress=progress, **shown)
    finally:
        progress.close()
    if not trained.is_chief:
        note("This worker is done; worker 0 writes the model.")
        return
    keras_file.save(trained.model, trained.contract, output)
    result = {"output": output, **trained.record().to_dict()}
    from edgecnn.core.files import write_json

    write_json(folder / "result.json", result)
    remove_checkpoints(folder)
    show_notes(trained.contract.assumed)
    emit(result, json_path, lambda: _show(output, trained))


def _train_aware(model: str, output: str, folder: Path, json_path: str | None, options: TrainOptions) -> None:
    """Quantization-aware training of a model that knows its classes already."""
    from edgecnn.compression import Tuning, compress
    from edgecnn.core.errors import UsageError
    from edgecnn.core.files import write_json
    from edgecnn.core.progress import Terminal
    from edgecnn.float_model import keras_file
    from edgecnn.training import remove_checkpoints

    for name in ("unfreeze", "teacher", "cluster", "worker", "strict"):
        if getattr(options, name) not in (None, (), False):
            raise UsageError(
                f"--{name} can't be used with --qat, which fine-tunes a trained model. Remove one of them."
            )
    if said := options.lesson.said():
        raise UsageError(f"--{said[0].replace('_', '-')} can't be used with --qat. Remove one of them.")
    tuning = Tuning(
        options.data, options.validation, options.test, options.validation_share, options.images, options.overrides,
        hints=options.hints,
    )  # fmt: skip
    progress = Terminal()
    try:
        trained = compress(model, "qat", tuning, folder=folder, progress=progress, show_report=show_data_report)
    finally:
        progress.close()
    keras_file.save(trained.model, trained.contract, output)
    result = {"output": output, **trained.record().to_dict()}
    write_json(folder / "result.json", result)
    remove_checkpoints(folder)
    show_notes(trained.contract.assumed)
    emit(result, json_path, lambda: say(_aware_sentence(output, trained.record())))


def _aware_sentence(output: str, trained: CompressionRecord) -> str:
    change = f"{trained.before:.2f} -> {trained.after:.2f} %"
    return (
        f"{output}: float {trained.title} {change} on {trained.pictures} {trained.split} images. `edgecnn "
        "quantize` uses the activation ranges that were trained."
    )


def _warn(keras_model: Any) -> None:
    from edgecnn import targets

    for warning in targets.warn_before_training(keras_model):
        note(f"Before training: {warning}")


def _show(output: str, trained: Trained) -> None:
    rows = [
        (
            phase.name,
            str(len(phase.history.epochs)),
            str(phase.history.best_epoch),
            f"{phase.history.best.validation_accuracy_percent:.2f} %",
            f"{phase.history.wall_s:.0f} s",
            f"{phase.history.cpu_s:.0f} s",
        )
        for phase in trained.phases
    ]
    from edgecnn.training.distill import NAME

    metric = trained.record().metric
    percents = [phase.history.best.validation_accuracy_percent for phase in trained.phases if phase.name != NAME]
    if percents and max(percents) > percents[-1]:
        note(
            f"Note: an earlier phase reached {max(percents):.2f} % on the validation images, and the last one, which "
            f"is written, {percents[-1]:.2f} %. Lower the learning rates, or train the head alone (--strategy head)."
        )
    columns = ("phase", "epochs", "kept", f"validation {metric}", "time", "processor time")
    print_table(columns, rows, drop_first=("processor time", "time"))
    test = f", test {metric} {trained.test.accuracy_percent:.2f} %" if trained.test else ""
    say(f"{output}: validation {metric} {trained.validation.accuracy_percent:.2f} %{test}.")
