"""Features of a frozen backbone: computed once, and kept on disk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from edgecnn.core.cache import cached
from edgecnn.core.compat.tensorflow import tf
from edgecnn.core.files import sha256
from edgecnn.core.progress import Progress
from edgecnn.core.rows_file import RowsFile, write_rows
from edgecnn.training.evaluate import predicted_parts
from edgecnn.training.learner import normalized
from edgecnn.training.rows import TrainingRows

_FORMAT = 1


def features(backbone: Any, source: TrainingRows, progress: Progress) -> TrainingRows:
    """The backbone's output for every image, float32 (count, features), as a new source.

    Args:
        backbone: Keras model, normalized images to features.
        source: images.
        progress: told how many are done.
    """
    key = _key(backbone, source)
    shape = (len(source), *backbone.output_shape[1:])
    inputs = cached(
        f"features-{key[:32]}",
        int(np.prod(shape)) * 4,
        lambda folder: RowsFile(folder / "features.npy"),
        lambda folder: write_rows(folder / "features.npy", shape, np.float32, _computed(backbone, source, progress)),
    )
    return source.with_features(inputs, key)


def _key(backbone: Any, source: TrainingRows) -> str:
    weights = "".join(sha256(np.ascontiguousarray(array).tobytes()) for array in backbone.get_weights())
    normalization = (source.preprocessing.mean, source.preprocessing.std) if source.preprocessing else None
    parts = (_FORMAT, backbone.to_json(), weights, source.key, sha256(source.rows.tobytes()), normalization)
    return sha256("\n".join(map(str, parts)).encode())


def _computed(backbone: Any, source: TrainingRows, progress: Progress) -> Iterator[np.ndarray]:
    compute = tf.function(lambda inputs: backbone(normalized(inputs, source.preprocessing), training=False))
    for (part,) in predicted_parts(compute, source, progress, "features"):
        yield part
