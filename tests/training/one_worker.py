"""A process of its own that fits a model, alone or as one of several workers, and may kill itself on the way.

python one_worker.py '{"model": FILE, "data": FOLDER, "run": FOLDER, "out": FILE.npz, "settings": {...},
                       "strategy": "finetune", "addresses": [...], "worker": 0, "die_at_step": 7}'
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.core.compat.tensorflow import keras
from edgecnn.core.errors import EdgecnnError
from edgecnn.float_model import keras_file
from edgecnn.models.heads import with_dense_head
from edgecnn.training import FitSettings, open_rows
from edgecnn.training.distribution import cluster_config, is_chief, strategy
from edgecnn.training.fit import fit
from edgecnn.training.model import unfreeze


def main(job: dict[str, Any]) -> None:
    """Fit, and write the weights and where it went on."""
    addresses = job.get("addresses", [])
    here = strategy(cluster_config(addresses, job.get("worker"), {}))
    with here.scope():
        model, contract = keras_file.load(job["model"])
        assert contract is not None
        sources, _ = open_rows(job["data"], contract.replace(labels=("ant", "bee", "cat")))
        model = with_dense_head(model, 3)
        unfreeze(model, batch_norms=job.get("batch_norms", False))
        history = fit(
            model,
            sources["train"],
            sources["validation"],
            FitSettings(**job["settings"]),
            callbacks=[killer(job["die_at_step"])] if "die_at_step" in job else [],
            folder=Path(job["run"]),
        )
        weights = model.get_weights()
        if is_chief():
            np.savez(job["out"], *weights, resumed_at_step=history.resumed_at_step)


def killer(step: int) -> Any:
    """A callback that ends the process as a cut of power would."""

    class Killer(keras.callbacks.Callback):  # type: ignore[misc]
        seen = 0

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.seen += 1
            if self.seen == step:
                os.kill(os.getpid(), signal.SIGKILL)

    return Killer()


if __name__ == "__main__":
    try:
        main(json.loads(sys.argv[1]))
    except EdgecnnError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(1)
