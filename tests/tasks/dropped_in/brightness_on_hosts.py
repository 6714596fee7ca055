"""The host's side: a regression with a loss, a metric and annotations of its own."""

import numpy as np

from edgecnn.core.compat.tensorflow import tf
from edgecnn.core.statistics import Metric, paired_drop, share
from edgecnn.models.heads import with_dense_head
from edgecnn.tasks import Score, Task

NEAR = 0.1


class Brightness(Task):
    name = "brightness"
    noun = "a brightness meter"
    titles = {"near": "within 0.1"}  # noqa: RUF012
    trained_output = "value"

    def truth_of(self, data, contract, outputs=None):
        return (lambda example: example.annotation) if data.task == self.name else None

    def stacked(self, truths):
        return np.array(truths, np.float32)

    def fitted(self, model, contract, data):
        return with_dense_head(model, 1), contract.replace(task=self.name, output="value", labels=(), label_ids=())

    def encoder(self, truths, contract, settings):
        return Numbers(truths)

    def losses(self, outputs, targets, settings, teacher=None):
        return tf.reduce_mean((outputs - targets) ** 2, axis=1)

    def hits(self, outputs, targets):
        return tf.cast(tf.abs(outputs - targets)[:, 0] < NEAR, tf.float32)

    def score(self, outputs, truths, contract):
        errors = outputs[0][:, 0] - truths
        return Score(float((errors**2).mean()), 100 * float((np.abs(errors) < NEAR).mean()))

    def metrics(self, expected, found, truths, contract):
        right = [
            np.array([abs(each[0].item() - truth) < NEAR for each, truth in zip(outputs, truths)])
            for outputs in (expected, found)
        ]
        return {"near": Metric(*(share(int(hits.sum()), len(hits)) for hits in right))}, paired_drop(*right)


class Numbers:
    shape = (1,)

    def __init__(self, truths):
        self._truths = truths

    def __call__(self, own, partners, changes):
        kept = changes.kept
        mixed = self._truths[own] * kept + self._truths[partners] * (1 - kept)
        return mixed[:, np.newaxis].astype(np.float32), np.ones(len(own), np.float32)


TASK = Brightness()
