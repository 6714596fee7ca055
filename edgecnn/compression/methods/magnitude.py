"""Unstructured pruning: the smallest weights become zero while the model trains on (arXiv:1710.01878).

Zeros alone make a download smaller, not a model faster; for XNNPACK's sparse float kernels on ARM they do both, if the
whole network has the layout that those need.
"""

from __future__ import annotations

from dataclasses import dataclass

from edgecnn.compression.job import PATIENT, Job, Outcome
from edgecnn.compression.kernels import clone, ordinary
from edgecnn.core.options import Key, SettingError, Settings, option

DEFAULTS = PATIENT.replace(epochs=24)


@dataclass(frozen=True)
class Options(Settings):
    """What becomes zero: all convolutions but the first, and dense layers but the last, or what a runtime can use."""

    sparsity: float = option("Share of the weights to set to zero.", 0.85, above=0, below=1, metavar="SHARE")
    scope: str = option(
        "Distribution of the zeros: by magnitude over all layers (global), or the same share in each layer "
        "(layer).",
        "global", choices=("global", "layer"),
    )  # fmt: skip
    target: str | None = option(
        "Prepare the model for XNNPACK's sparse kernels, and prune only its 1x1 convolutions.",
        choices=("xnnpack",), key="for", default_help="any runtime, for a smaller download",
    )  # fmt: skip

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.target is None:
            return
        from edgecnn.compression.xnnpack import LEAST_ZEROS  # needs NumPy, which help does without

        if self.sparsity <= LEAST_ZEROS:
            raise SettingError(
                Key("sparsity"),
                f" is {self.sparsity}; expected at least 2/3, from which XNNPACK uses its sparse kernels; 0.85 is "
                "typical.",
            )


def compress(job: Job, options: Options) -> Outcome:
    """Train while the share of zeros rises.

    Raises:
        UsageError: the model can't have the layout that was asked for.
    """
    from edgecnn.compression import xnnpack  # these need NumPy and TensorFlow
    from edgecnn.compression.zeros import RANKINGS, Zeroing, share_of_zeros

    if options.target == "xnnpack":
        model = xnnpack.symmetric(job.model)
        names = xnnpack.chain(model)
    else:
        model = clone(job.model)
        names = ordinary(model)
    kernels = {name: model.get_layer(name).kernel for name in names}
    least = xnnpack.LEAST_ZEROS_OF_LAYER if options.target == "xnnpack" else 0.0
    zeroing = Zeroing(kernels, RANKINGS[options.scope](kernels, options.sparsity, least), job.steps)
    model = job.train(model, (zeroing,))
    zeroing.finish()
    account = {
        "method": "magnitude",
        "target": options.target or "",
        "sparsity": round(share_of_zeros(kernels), 4),
        "scope": options.scope,
        "layers": names,
    }
    return Outcome(model, account)
