"""`edgecnn prune`: a trained model gets smaller, and is fine-tuned."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgecnn.cli._output import emit, json_option, note, print_table, show_data_report

if TYPE_CHECKING:
    from edgecnn.compression import Compressed
    from edgecnn.compression.proof import Proof

_FIT = ("epochs", "batch_size", "learning_rate", "augment", "seed")
_DATA = ("data", "validation", "validation_share", "test", "distill")


@click.command()
@click.argument("model", metavar="MODEL.keras")
@click.option("--method", required=True, metavar="METHOD", help="channels, magnitude, clusters or swap.")
@click.option(
    "--data", required=True, metavar="DATA", help="What to fine-tune on: folder per class, manifest, named set."
)
@click.option("-o", "--output", required=True, metavar="FILE", help="Where to write the model; ends with .keras.")
@click.option("--keep", type=float, metavar="SHARE", help="channels: share of the cost that stays.  [default: 0.5]")
@click.option(
    "--cost", metavar="macs|latency|size", help="channels: what to count; latency is measured here.  [default: macs]"
)
@click.option("--criterion", metavar="NAME", help="channels: taylor, bn or l1 ranks the channels.  [default: taylor]")
@click.option("--floor", type=float, metavar="SHARE", help="channels: share that every layer keeps.  [default: 0.25]")
@click.option(
    "--divisor", type=int, metavar="N", help="channels: counts that change become its multiples.  [default: 8]"
)
@click.option("--rounds", type=int, metavar="N", help="channels: steps to the goal.  [default: 4]")
@click.option("--sparsity", type=float, metavar="SHARE", help="magnitude: share of zeros.  [default: 0.85]")
@click.option(
    "--scope", metavar="global|layer", help="magnitude: layers compete, or the same share.  [default: global]"
)
@click.option("--for", "target", metavar="xnnpack", help="magnitude: build the layout of XNNPACK's sparse kernels.")
@click.option("--clusters", type=int, metavar="N", help="clusters: different values in each kernel.  [default: 16]")
@click.option("--bits", type=float, metavar="F", help="clusters: mean entropy of a weight's value.  [default: 1.7]")
@click.option("--to", metavar="hard_swish|relu6", help="swap: what swish becomes.  [default: hard_swish]")
@click.option("--epochs", type=int, metavar="N", help="Passes over the pictures.  [default: the method's]")
@click.option("--learning-rate", type=float, metavar="F", help="Highest learning rate of the fine-tuning.")
@click.option("--batch-size", type=int, metavar="N", help="Pictures per step.")
@click.option("--augment", metavar="PRESET", help="As in `edgecnn train`.")
@click.option("--seed", type=int, metavar="N", help="Of order and augmentation.")
@click.option("--distill/--no-distill", default=True, show_default=True, help="Imitate the model as it was before.")
@click.option("--validation", metavar="DATA", help="Validate on this.  [default: a share of DATA]")
@click.option("--validation-share", type=float, default=0.1, show_default=True, help="Share of DATA that validates.")
@click.option("--test", metavar="DATA", help="Compare on this.  [default: DATA's own test pictures, if any]")
@click.option(
    "--measure/--no-measure", default=True, show_default=True, help="Convert and time both models at the end."
)
@click.option("--restart", is_flag=True, help="Begin anew instead of going on with an interrupted run.")
@json_option
def command(
    model: str, method: str, output: str, measure: bool, restart: bool, json_path: str | None, **options: Any
) -> None:
    """Make the trained MODEL.keras smaller, fine-tune it on DATA, and show what that saved.

    channels removes whole channels: fewer multiplications, faster everywhere. magnitude sets weights to zero: a
    smaller download, and with --for xnnpack faster float kernels on ARM. clusters lets weights share values: a smaller
    download. swap replaces swish, which is slow or unknown to many accelerators.
    An interrupted run goes on where it was when the same command is given again.

    \b
    Examples:
      edgecnn prune mine.keras --method channels --keep 0.5 --data my-pictures -o half.keras
      edgecnn prune mine.keras --method magnitude --for xnnpack --data my-pictures -o sparse.keras
    """
    from edgecnn.compression import compress
    from edgecnn.core.progress import Terminal
    from edgecnn.float_model import keras_file
    from edgecnn.training import remove_checkpoints

    keras_file.checked_name(output)
    tuning, chosen = _tuning(options), _chosen(method, options)
    folder = Path(f"{output}.training")
    if restart:
        remove_checkpoints(folder)
    progress = Terminal()
    proof = None
    try:
        compressed = compress(
            model, method, tuning, chosen, folder=folder, progress=progress, show_report=show_data_report
        )
        keras_file.save(compressed.model, compressed.contract, output)
        if measure:
            from edgecnn.compression.proof import prove

            proof = prove(model, output, tuning.data, progress)
    finally:
        progress.close()
    remove_checkpoints(folder)
    result = {"output": output, **compressed.record().to_dict(), "measured": proof.to_dict() if proof else None}
    emit(result, json_path, lambda: _show(output, compressed, proof))


def _tuning(options: dict[str, Any]) -> Any:
    from edgecnn.compression import Tuning

    overrides = {name: value for name in _FIT if (value := options.pop(name)) is not None}
    return Tuning(overrides=overrides, **{name: options.pop(name) for name in _DATA})


def _chosen(method: str, options: dict[str, Any]) -> dict[str, Any]:
    """The options that were given; each must be one of the method's."""
    from edgecnn.compression.options import options_of

    given = {name: value for name, value in options.items() if value is not None}
    options_of(method, given, lambda name: f"--{name}")
    return given


def _show(output: str, compressed: Compressed, proof: Proof | None) -> None:
    pictures, split = compressed.pictures
    rows = [
        (
            f"{compressed.record().title} on {pictures} {split} pictures",
            f"{compressed.before.accuracy_percent:.2f} %",
            f"{compressed.after.accuracy_percent:.2f} %",
            f"{compressed.after.accuracy_percent - compressed.before.accuracy_percent:+.2f} points",
        ),
        *(proof.rows() if proof else ()),
    ]
    print_table(("", "before", "after", "change"), rows)
    for sentence in proof.notes() if proof else ():
        note(sentence)
    click.echo(f"{output}: written.")
