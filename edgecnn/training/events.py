"""The TensorBoard log: event files, written by TensorFlow alone; reading them needs `pip install tensorboard`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from edgecnn.core.compat.tensorflow import tf
from edgecnn.training.history import Epoch


@contextlib.contextmanager
def writer(folder: Path | None) -> Iterator[Callable[[Epoch], None]]:
    """A function that logs one epoch into `folder`/tensorboard; nothing is logged without a folder."""
    if folder is None:
        yield lambda epoch: None
        return
    events = tf.summary.create_file_writer(str(folder / "tensorboard"))
    metadata = tf.compat.v1.SummaryMetadata(plugin_data=tf.compat.v1.SummaryMetadata.PluginData(plugin_name="scalars"))

    def log(epoch: Epoch) -> None:
        with events.as_default():
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
        events.close()
