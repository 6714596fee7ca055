"""`edgecnn train`: a model learns the user's own classes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgecnn.cli._output import emit, json_option, note, print_table, show_data_report

if TYPE_CHECKING:
    from edgecnn.compression.pipeline import CompressionRecord
    from edgecnn.training import Trained, TrainOptions

_FIT = (
    *("epochs", "batch_size", "learning_rate", "backbone_learning_rate", "weight_decay", "warmup", "label_smoothing"),
    *("patience", "augment", "class_weights", "temperature", "distillation_weight", "seed"),
)


@click.command()
@click.argument("model", metavar="MODEL.keras")
@click.option("--data", required=True, metavar="DATA", help="What to train on: folder per class, manifest, named set.")
@click.option("-o", "--output", required=True, metavar="FILE", help="Where to write the model; ends with .keras.")
@click.option("--strategy", default="auto", show_default=True, metavar="NAME", help="head, finetune, scratch or auto.")
@click.option("--validation", metavar="DATA", help="Validate on this.  [default: a share of DATA, chosen by content]")
@click.option("--validation-share", type=float, default=0.1, show_default=True, help="Share of DATA that validates.")
@click.option("--test", metavar="DATA", help="Test on this at the end.  [default: DATA's own test pictures, if any]")
@click.option("--strict", is_flag=True, help="Refuse data with unreadable pictures instead of skipping those.")
@click.option(
    "--crop", type=float, metavar="SHARE", help="Central crop of each picture; 1 keeps all.  [default: the model's]"
)
@click.option("--unfreeze", type=int, metavar="N", help="Fine-tune the last N blocks only.  [default: all]")
@click.option("--epochs", type=int, metavar="N", help="Passes over the training pictures.")
@click.option("--batch-size", type=int, metavar="N", help="Pictures per step, over all machines together.")
@click.option(
    "--learning-rate", type=float, metavar="F", help="Highest learning rate of the head; with --qat of all layers."
)
@click.option("--backbone-learning-rate", type=float, metavar="F", help="Highest learning rate of all other layers.")
@click.option("--weight-decay", type=float, metavar="F", help="AdamW's weight decay.")
@click.option("--warmup", type=float, metavar="SHARE", help="Share of the steps in which the learning rate rises.")
@click.option("--label-smoothing", type=float, metavar="SHARE", help="Share of the target given to all classes.")
@click.option("--patience", type=int, metavar="N", help="Stop after N epochs without a better validation accuracy.")
@click.option(
    "--augment", metavar="PRESET", help="none, flip, crop, upright, light, strong, mixup, cutmix, strong_mix."
)
@click.option("--class-weights", is_flag=True, default=None, help="Weigh rare classes up.")
@click.option("--teacher", metavar="FILE", help="Distill: imitate this .keras model, trained on the same classes.")
@click.option("--temperature", type=float, metavar="T", help="Softens both models' probabilities in distillation.")
@click.option("--distillation-weight", type=float, metavar="SHARE", help="The teacher's share of the loss.")
@click.option("--seed", type=int, metavar="N", help="Of order, augmentation and dropout.  [default: 0]")
@click.option(
    "--cluster", metavar="HOST:PORT,...", help="All workers, to train on several machines; also by TF_CONFIG."
)
@click.option(
    "--worker", type=int, metavar="N", help="Which of the workers this is.  [default: ask Slurm, Kubernetes, MPI]"
)
@click.option("--qat", is_flag=True, help="Train a trained model further with int8's rounding; --strategy is not used.")
@click.option("--restart", is_flag=True, help="Begin anew instead of going on with an interrupted run.")
@json_option
def command(model: str, output: str, json_path: str | None, restart: bool, qat: bool, **options: Any) -> None:
    """Train MODEL.keras on DATA and write the model of the best epoch.

    An interrupted run goes on where it was when the same command is given again; its checkpoint and TensorBoard log
    are in a folder beside FILE (FILE.training). Settings that are not given are the strategy's own.

    \b
    Examples:
      edgecnn train lite0.keras --data my-pictures -o mine.keras
      edgecnn train small.keras --data fashion-mnist --strategy scratch --crop 1 --augment upright -o fashion.keras
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
        trained = train(model, _options(options), folder=folder, progress=progress, **shown)
    finally:
        progress.close()
    if not trained.is_chief:
        note("Done; worker 0 writes the model.")
        return
    keras_file.save(trained.model, trained.contract, output)
    result = {"output": output, **trained.record().to_dict()}
    from edgecnn.core.files import write_json

    write_json(folder / "result.json", result)
    remove_checkpoints(folder)
    emit(result, json_path, lambda: _show(output, trained))


def _train_aware(model: str, output: str, folder: Path, json_path: str | None, options: dict[str, Any]) -> None:
    """Quantization-aware training of a model that knows its classes already."""
    from edgecnn.compression import Tuning, compress
    from edgecnn.core.errors import UsageError
    from edgecnn.core.files import write_json
    from edgecnn.core.progress import Terminal
    from edgecnn.float_model import keras_file
    from edgecnn.training import remove_checkpoints

    overrides = {name: value for name in _FIT if (value := options.pop(name)) is not None}
    given = [name for name in ("unfreeze", "crop", "teacher", "cluster", "worker") if options[name] is not None]
    if given or options["strict"]:
        name = given[0] if given else "strict"
        raise UsageError(f"--{name} doesn't go with --qat, which trains a model further that was trained before.")
    known = {name: options[name] for name in ("data", "validation", "validation_share", "test")}
    progress = Terminal()
    try:
        tuning = Tuning(**known, overrides=overrides)
        trained = compress(model, "qat", tuning, folder=folder, progress=progress, show_report=show_data_report)
    finally:
        progress.close()
    keras_file.save(trained.model, trained.contract, output)
    result = {"output": output, **trained.record().to_dict()}
    write_json(folder / "result.json", result)
    remove_checkpoints(folder)
    emit(result, json_path, lambda: click.echo(_aware_sentence(output, trained.record())))


def _aware_sentence(output: str, trained: CompressionRecord) -> str:
    change = f"{trained.before:.2f} -> {trained.after:.2f} %"
    return (
        f"{output}: float {trained.title} {change} on {trained.pictures} {trained.split} pictures. "
        "`edgecnn quantize` uses its ranges."
    )


def _options(options: dict[str, Any]) -> TrainOptions:
    from edgecnn.training import TrainOptions

    overrides = {name: value for name in _FIT if (value := options.pop(name)) is not None}
    cluster = tuple((options.pop("cluster") or "").split(",")) if options.get("cluster") else ()
    return TrainOptions(overrides=overrides, **{**options, "cluster": cluster})


def _warn(keras_model: Any) -> None:
    from edgecnn import targets

    for warning in targets.warn_before_training(keras_model):
        note(f"Before you train it: {warning}")


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
    metric = trained.record().metric
    print_table(("phase", "epochs", "best", f"validation {metric}", "time", "processor time"), rows)
    test = f", test {metric} {trained.test.accuracy_percent:.2f} %" if trained.test else ""
    click.echo(f"{output}: validation {metric} {trained.validation.accuracy_percent:.2f} %{test}.")
