"""More than one machine: what differs between workers of TensorFlow's MultiWorkerMirroredStrategy."""

from __future__ import annotations

from edgecnn._tensorflow import tf
from edgecnn.train._checkpoint import Checkpoint


def local_worker() -> tuple[int, int]:
    """Number of this worker and count of workers, of the strategy in whose scope this is called."""
    resolver = tf.distribute.get_strategy().cluster_resolver
    if resolver is None or not resolver.cluster_spec():
        return 0, 1
    return int(resolver.task_id), len(resolver.cluster_spec().as_dict().get("worker", [0]))


def is_chief() -> bool:
    """Whether this worker writes the files."""
    return local_worker()[0] == 0


def from_chief(found: Checkpoint | None, like: Checkpoint) -> Checkpoint | None:
    """The chief's checkpoint, on every worker."""
    return found
