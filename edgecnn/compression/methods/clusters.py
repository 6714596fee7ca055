"""Weight clustering: the weights of a kernel share a few values, so that the file compresses well (arXiv:1510.00149).

Two things make it pay after int8 conversion. The values are clustered relative to the largest of their output channel,
because that is int8's unit: a kernel then holds the same few integers in all channels. And the clusters lie evenly, as
many as an entropy allows: gzip spends bits by frequency, not by the number of values, and for a given entropy even
steps are nearly the best there is (Gish and Pierce, Asymptotically efficient quantizing, 1968). The entropy goes where
the loss needs it: a small first layer costs next to nothing and gets fine steps, large last ones coarse steps.
"""

from __future__ import annotations

from dataclasses import dataclass

from edgecnn.compression.job import PATIENT, Job, Outcome
from edgecnn.compression.kernels import clone, ordinary
from edgecnn.core.options import Settings, option

DEFAULTS = PATIENT.replace(epochs=12)


@dataclass(frozen=True)
class Options(Settings):
    """How coarse the weights become; gzip needs a quarter more than the entropy."""

    clusters: int = option(
        "Maximum number of distinct values in each kernel, relative to the channel's largest weight.",
        16,
        low=3,
        high=255,
        metavar="N",
    )
    bits: float = option(
        "Mean entropy of the weights, over all kernels, in bits per weight.", 1.7, low=0.5, high=8, metavar="F"
    )


def compress(job: Job, options: Options) -> Outcome:
    """Cluster, and fine-tune with the clusters in place."""
    from edgecnn.compression.clustering import Clustering  # these need NumPy and TensorFlow
    from edgecnn.compression.codebook import codebooks
    from edgecnn.compression.importance import curvature

    model = clone(job.model)
    kernels = {name: model.get_layer(name).kernel for name in ordinary(model)}
    job.progress("Measuring the sensitivity of the loss", 0, 0)
    books = codebooks(kernels, curvature(model, kernels, job.batches, job.loss), options.clusters, options.bits)
    clustering = Clustering(kernels, books)
    model = job.train(model, (clustering,))
    account = {
        "method": "clusters",
        "clusters": options.clusters,
        "bits": options.bits,
        "entropy_bits": round(clustering.entropy_bits(), 3),
        "layers": list(kernels),
    }
    return Outcome(model, account)
