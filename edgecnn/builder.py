"""From a model's name to a Keras model and its contract."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgecnn import weights as pretrained
from edgecnn.core.compat import keras_graph
from edgecnn.core.compat.tensorflow import keras
from edgecnn.core.options import Key, SettingError
from edgecnn.core.registry import MODEL_FAMILIES
from edgecnn.float_model import keras_file
from edgecnn.graph import keras_macs
from edgecnn.models import catalog, imagenet
from edgecnn.models.settings import BuildSettings
from edgecnn.models.spec import ModelSpec
from edgecnn.runtime.model.contract import Contract
from edgecnn.runtime.model.provenance import Provenance, WeightsOrigin
from edgecnn.runtime.model.records import ModelDescription


def build_model(
    name: str,
    *,
    input_size: int | None = None,
    width: float = 1.0,
    classes: int | None = None,
    color: str = "rgb",
    weights: str = "none",
    seed: int = 0,
) -> tuple[Any, Contract]:
    """Build a model by name.

    Args:
        name: a variant, for example "efficientnet_lite0"; `variants()` has all.
        input_size: height and width in pixels; by default the paper's. The weights don't depend on it.
        width: factor on the channel counts, rounded as the family's reference implementation does.
        classes: number of logits; by default those of the weights' file, otherwise ImageNet's 1,000.
        color: "rgb" or "gray" (one channel). Pretrained gray networks sum the kernels of the colors, which is exact
            where all colors are normalized alike (not in EfficientNet-B0 to B7).
        weights: "none" (random), "imagenet", or the path of a file that was saved before. With another class count
            than the weights', the layer of the logits stays random.
        seed: of the random weights, for this process's Python, NumPy and TensorFlow generators alike.

    Returns:
        A Keras model, (batch, height, width, channels) normalized as the contract says to logits (batch, classes), and
        the contract.

    Raises:
        SettingError: an argument is unknown or out of range.
        WeightsError: the weights are not at hand, or don't fit.
    """
    spec = catalog.spec(name)
    BuildSettings(input_size, width, classes, color, weights, seed)
    _check_size(name, spec, input_size)
    pretrained.check(spec, name, weights)
    preprocessing = spec.preprocessing(input_size, color)
    saved = _saved_contract(weights)
    count = classes or (saved.model.arguments.get("classes") if saved else None) or imagenet.CLASSES
    keras.utils.set_random_seed(seed)
    model = MODEL_FAMILIES.load(catalog.family(name)).build(
        input_shape=preprocessing.shape, classes=count, width=width, **spec.arguments
    )
    keras_graph.rename(model, name)
    origin = WeightsOrigin("none")
    if weights != "none":
        found = pretrained.load(model, spec, name, weights, width=width, new_head=classes is not None)
        origin = WeightsOrigin.from_dict(found)
    arguments = {"input_size": preprocessing.height, "width": width, "classes": count, "color": color}
    contract = Contract(preprocessing, model=_described(name, spec, model, arguments, weights))
    return model, contract.replace(provenance=Provenance(seed=seed, weights=origin), **_labels(weights, count, saved))


def _described(name: str, spec: ModelSpec, model: Any, arguments: dict[str, Any], weights: str) -> ModelDescription:
    """The contract's description of what was built."""
    return ModelDescription(
        name=name,
        family=catalog.family(name),
        arguments=arguments,
        weights=weights if weights in ("none", "imagenet") else "file",
        parameters=model.count_params(),
        macs=keras_macs.total(model),
        paper=spec.paper,
        url=spec.url,
        license=spec.license,
        limits=tuple(str(limit) for limit in spec.limits),
    )


def _saved_contract(weights: str) -> Contract | None:
    """What the weights' file says of itself, if it is one of ours."""
    is_ours = weights.endswith(".keras") and Path(weights).is_file()
    return keras_file.read_contract(weights) if is_ours else None


def _labels(weights: str, classes: int, saved: Contract | None) -> dict[str, tuple[str, ...]]:
    """Names come with the weights, as long as the layer of the logits is the weights' too."""
    if weights == "imagenet" and classes == imagenet.CLASSES:
        return {"labels": imagenet.labels(), "label_ids": imagenet.wordnet_ids()}
    if saved and len(saved.labels) == classes:
        return {"labels": saved.labels, "label_ids": saved.label_ids}
    return {}


def _check_size(name: str, spec: ModelSpec, size: int | None) -> None:
    if size is not None and size < spec.smallest:
        raise SettingError(
            Key("input_size"), f" is {size}; expected at least {spec.smallest} pixels for the layers of {name}."
        )
