"""`edgecnn prune`: a trained model gets smaller, and is fine-tuned."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

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
from edgecnn.compression.settings import Pruning, Tuning

if TYPE_CHECKING:
    from edgecnn.compression import Compressed
    from edgecnn.compression.proof import Proof

GROUP = "Make a model"
POSITION = 40


@click.command(cls=Command, resumes=True)
@click.argument("model", type=KERAS, metavar="MODEL")
@output_option("Model file to write; ends with .keras.")
@options_of(Pruning, "pruning")
@options_of(Tuning, "tuning")
@click.option(
    "--measure/--no-measure",
    default=True,
    help="Convert both models and measure their latency at the end.  [default: measure]",
)
@restart_option
@json_option
@wide_option
def command(
    model: str,
    output: str,
    pruning: Pruning,
    tuning: Tuning,
    measure: bool,
    restart: bool,
    json_path: str | None,
) -> None:
    """Make the trained MODEL (.keras or .h5) smaller, fine-tune it on DATA, and show what that saves.

    channels removes whole channels: fewer multiplications, faster everywhere. magnitude sets weights to zero: a
    smaller download, and with --for xnnpack faster float kernels on ARM. clusters lets weights share values: a smaller
    download. swap replaces swish, which is slow on, or unknown to, many accelerators.
    An interrupted run resumes when the same command is given again.

    \b
    Examples:
      edgecnn prune m.keras --method channels --keep 0.5 --data mine -o half.keras
      edgecnn prune m.keras --method magnitude --data mine -o sparse.keras
    """
    from edgecnn.float_model import keras_file
    from edgecnn.training import remove_checkpoints

    keras_file.checked_name(output)
    folder = Path(f"{output}.training")
    if restart:
        remove_checkpoints(folder)
    compressed, proof = _pruned(model, output, pruning, tuning, measure)
    remove_checkpoints(folder)
    result = {"output": output, **compressed.record().to_dict(), "measured": proof.to_dict() if proof else None}
    show_notes(compressed.contract.assumed)
    emit(result, json_path, lambda: _show(output, compressed, proof))


def _pruned(
    model: str, output: str, pruning: Pruning, tuning: Tuning, measure: bool
) -> tuple[Compressed, Proof | None]:
    """The result, which is written, and what it saves where that is measured."""
    from edgecnn.compression import compress
    from edgecnn.compression.proof import prove
    from edgecnn.core.progress import Terminal
    from edgecnn.float_model import keras_file

    progress = Terminal()
    try:
        compressed = compress(
            model, pruning.method, tuning, pruning.options,
            folder=Path(f"{output}.training"), progress=progress, show_report=show_data_report,
        )  # fmt: skip
        keras_file.save(compressed.model, compressed.contract, output)
        return compressed, prove(model, output, tuning.data, progress) if measure else None
    finally:
        progress.close()


def _show(output: str, compressed: Compressed, proof: Proof | None) -> None:
    count, split = compressed.pictures
    rows = [
        (
            f"{compressed.record().title} on {count} {split} images",
            f"{compressed.before.accuracy_percent:.2f} %",
            f"{compressed.after.accuracy_percent:.2f} %",
            f"{compressed.after.accuracy_percent - compressed.before.accuracy_percent:+.2f} points",
        ),
        *(proof.rows() if proof else ()),
    ]
    print_table(("", "before", "after", "change"), rows)
    for sentence in proof.notes() if proof else ():
        note(sentence)
    say(f"{output}: written.")
