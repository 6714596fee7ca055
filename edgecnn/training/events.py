"""The TensorBoard log: event files, written by TensorFlow alone; reading them needs `pip install tensorboard`."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from edgecnn.core.compat.tensorflow import tf
from edgecnn.core.errors import EdgecnnError
from edgecnn.training.epoch import Epoch


@contextlib.contextmanager
def writer(folder: Path | None) -> Iterator[Callable[[Epoch], None]]:
    """A function that logs one epoch into `folder`/tensorboard; nothing is logged without a folder.

    Raises:
        EdgecnnError: the folder can't be written, or the disk is full.
    """
    if folder is None:
        yield lambda epoch: None
        return
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        events = tf.summary.create_file_writer(os.fsencode(folder / "tensorboard"))
    metadata = tf.compat.v1.SummaryMetadata(plugin_data=tf.compat.v1.SummaryMetadata.PluginData(plugin_name="scalars"))

    def log(epoch: Epoch) -> None:
        with _writing(folder), events.as_default():
            for split, loss, accuracy in (
                ("train", epoch.loss, epoch.accuracy_percent),
                ("validation", epoch.validation_loss, epoch.validation_accuracy_percent),
            ):
                for name, value in (("loss", loss), ("accuracy_percent", accuracy)):
                    tf.summary.write(
                        f"{name}/{split}", tf.constant(value, tf.float32), step=epoch.epoch, metadata=metadata
                    )
            tf.summary.write(
                "learning_rate", tf.constant(epoch.learning_rate, tf.float32), step=epoch.epoch, metadata=metadata
            )
            events.flush()

    try:
        yield log
    finally:
        with contextlib.suppress(tf.errors.OpError):  # what can't be written was told already
            events.close()


@contextlib.contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise EdgecnnError(
            f"Can't write the training log to {folder}: {error.strerror}. Check the free space and permissions."
        ) from error
    except tf.errors.OpError as error:
        reason = error.message.partition("; ")[2].partition(" [Op:")[0] or "no reason given"
        raise EdgecnnError(
            f"Can't write the training log to {folder}: {reason}. Check the free space and permissions."
        ) from error
