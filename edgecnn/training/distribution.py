"""More than one machine: TensorFlow's MultiWorkerMirroredStrategy, every worker with a copy of the model.

Each worker computes its part of every batch; gradients, and the statistics of batch norms that learn, are summed over
all. Together they do what one process does with the whole batch.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from edgecnn.core.compat.tensorflow import keras, tf
from edgecnn.core.errors import EdgecnnError, RecordError, UsageError
from edgecnn.runtime.model.json_text import parse_json, printable
from edgecnn.training.checkpoint import Checkpoint

_WORKER_VARIABLES = ("SLURM_PROCID", "JOB_COMPLETION_INDEX", "OMPI_COMM_WORLD_RANK", "RANK")


def cluster_config(addresses: Sequence[str], worker: int | None, environment: Mapping[str, str]) -> str | None:
    """What the environment variable TF_CONFIG has to say for this worker; None for one machine.

    Args:
        addresses: `host:port` of every worker, the same list in the same order on each; empty leaves what TF_CONFIG
            says already, if it is set.
        worker: which of them this process is; None asks the variables that Slurm, Kubernetes and MPI set.
        environment: of the process.

    Raises:
        UsageError: an address is wrong, or it is not known which worker this is.
    """
    if not addresses:
        return environment.get("TF_CONFIG")
    for address in addresses:
        host, _, port = address.rpartition(":")
        if not host or not port.isdigit():
            raise UsageError(f"The cluster's address is {address!r}; expected host:port.")
    if worker is None:
        found = [environment[name] for name in _WORKER_VARIABLES if environment.get(name, "").isdigit()]
        if not found:
            raise UsageError(
                f"The number of this worker is missing. Give --worker N, with N from 0 to {len(addresses) - 1}."
            )
        worker = int(found[0])
    if not 0 <= worker < len(addresses):
        raise UsageError(
            f"--worker is {worker}, but the workers have the numbers 0 to {len(addresses) - 1}. Choose one of them."
        )
    return json.dumps({"cluster": {"worker": list(addresses)}, "task": {"type": "worker", "index": worker}})


def strategy(config: str | None) -> Any:
    """The distribution strategy for a TF_CONFIG; waits until all workers have been started.

    Raises:
        UsageError: TF_CONFIG is no cluster of workers.
        EdgecnnError: the other workers don't answer.
    """
    if config is None:
        return tf.distribute.get_strategy()
    try:
        values = parse_json(config)
        workers, index = values["cluster"]["worker"], values["task"]["index"]
    except (RecordError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"TF_CONFIG is {printable(config[:200])}, which describes no cluster of workers; expected {_EXAMPLE}."
        ) from error
    if set(values["cluster"]) != {"worker"} or values["task"].get("type") != "worker":
        raise UsageError(f"TF_CONFIG has tasks other than workers; expected {_EXAMPLE}.")
    os.environ["TF_CONFIG"] = config
    if len(workers) < 2:
        return tf.distribute.get_strategy()
    try:
        options = tf.distribute.experimental.CommunicationOptions(
            implementation=tf.distribute.experimental.CommunicationImplementation.RING
        )
        return tf.distribute.MultiWorkerMirroredStrategy(communication_options=options)
    except (RuntimeError, tf.errors.OpError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise EdgecnnError(
            f"Worker {index} can't join the cluster {', '.join(workers)}: {reason}. Check that all workers run and "
            "can reach each other."
        ) from error


_EXAMPLE = '{"cluster": {"worker": ["host0:2222", "host1:2222"]}, "task": {"type": "worker", "index": 0}}'


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
    """The chief's checkpoint, on every worker: only the chief's disk needs to have it.

    Args:
        found: what the chief found; ignored on the others.
        like: arrays of the same names, shapes and types.
    """
    if local_worker()[1] == 1:
        return found
    found = found if is_chief() else None
    meta = np.frombuffer(json.dumps(found.meta).encode(), np.uint8) if found else np.zeros(0, np.uint8)
    names = [name for name in like.arrays if found and name in found.arrays]
    size, *present = _summed([np.array([len(meta)], np.int64), *_flags(like, names)])
    if not size[0]:
        return None
    padded = meta.astype(np.int32) if found else np.zeros(int(size[0]), np.int32)
    text = _summed([padded])[0].astype(np.uint8).tobytes()
    arrays = {}
    for (name, zeros), flag in zip(like.arrays.items(), present):
        if flag[0]:
            mine = found.arrays[name] if found else [np.zeros_like(array) for array in zeros]
            arrays[name] = _summed(mine)
    return Checkpoint(arrays, json.loads(text))


def _flags(like: Checkpoint, names: Sequence[str]) -> list[np.ndarray]:
    return [np.array([name in names], np.int64) for name in like.arrays]


def _summed(arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Sums over all workers; where only the chief has anything but zeros, the chief's values."""
    here = tf.distribute.get_strategy()

    @tf.function  # type: ignore[untyped-decorator]
    def add(*tensors: Any) -> Any:
        context = tf.distribute.get_replica_context()
        # An argument has no device yet, and an all-reduce wants to know it: identity gives it one.
        return [context.all_reduce(tf.distribute.ReduceOp.SUM, tf.identity(tensor)) for tensor in tensors]

    sums = here.run(add, args=tuple(tf.constant(array) for array in arrays))
    return [np.asarray(here.experimental_local_results(value)[0]) for value in sums]


@contextlib.contextmanager
def whole_batch_norms(model: Any) -> Iterator[None]:
    """While several workers train, batch norms that learn take their statistics over the whole batch, not a part."""
    norms = []
    if local_worker()[1] > 1:
        norms = [
            layer
            for layer in model.submodules
            if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable
        ]
    before = [(norm, norm.synchronized, norm.fused) for norm in norms]
    try:
        for norm in norms:
            norm.synchronized, norm.fused = True, False
        yield
    finally:
        for norm, synchronized, fused in before:
            norm.synchronized, norm.fused = synchronized, fused


def plain_copy(model: Any, weights: Sequence[np.ndarray]) -> Any:
    """The model outside of any strategy, to be saved and evaluated by one process."""
    copy = type(model).from_config(model.get_config())
    copy.set_weights(weights)
    return copy
