"""From a model's name to a Keras model and its contract."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from edgecnn import weights as pretrained
from edgecnn.core.compat import keras_graph
from edgecnn.core.compat.tensorflow import keras
from edgecnn.core.errors import WeightsError
from edgecnn.core.options import Key, SettingError
from edgecnn.core.registry import MODEL_FAMILIES
from edgecnn.data import open_data
from edgecnn.data.boxes import box_sizes
from edgecnn.float_model import keras_file
from edgecnn.float_model.detector import as_detector
from edgecnn.graph import keras_macs
from edgecnn.models import anchor_fitting, catalog, imagenet
from edgecnn.models.settings import BuildSettings
from edgecnn.models.spec import ModelSpec
from edgecnn.runtime.model.contract import Contract
from edgecnn.runtime.model.provenance import Provenance, WeightsOrigin
from edgecnn.runtime.model.records import ModelDescription
from edgecnn.weights import published
from edgecnn.weights.foreign import Foreign, open_weights


def build_model(  # noqa: PLR0913 (by keyword, what the command offers)
    name: str,
    *,
    input_size: int | None = None,
    input_width: int | None = None,
    width: float = 1.0,
    classes: int | None = None,
    color: str = "rgb",
    weights: str = "none",
    weights_of: str | None = None,
    anchors_from: str | None = None,
    seed: int = 0,
) -> tuple[Any, Contract]:
    """Build a model by name.

    Args:
        name: a variant, for example "efficientnet_lite0"; `variants()` has all.
        input_size: height and width in pixels; by default the paper's. The weights don't depend on it.
        input_width: of a detector's input, where it differs from the height.
        width: factor on the channel counts, rounded as the family's reference implementation does.
        classes: number of logits; by default those of the weights' file, otherwise ImageNet's 1,000.
        color: "rgb" or "gray": one channel, by the sum of pretrained kernels; exact where colors are normalized alike.
        weights: "none" (random), "imagenet", a saved file, PyTorch's (safetensors, also by its index, or a checkpoint),
            or from the hub: "timm:NAME.TAG", "hf:ORG/NAME@REVISION". For other classes the last layer stays random.
        weights_of: which published model a file of PyTorch's has the weights of, or began as: "timm:NAME.TAG",
            "torchvision:NAME.WEIGHTS"; by default what its config.json or its name says, or the only one that fits.
        anchors_from: data set to whose boxes a detector's anchors are fitted; by default they are SSD's.
        seed: of the random weights, for this process's Python, NumPy and TensorFlow generators alike.

    Returns:
        A Keras model, (batch, height, width, channels) normalized as the contract says to logits, and the contract.

    Raises:
        SettingError: an argument is unknown or out of range.
        WeightsError: the weights are not at hand, or don't fit.
        UntrustedModelError: a file asks for more than weights.
        MissingExtraError: the hub's client is not installed.
    """
    given = (input_size, input_width, width, classes, color, weights, weights_of, anchors_from, seed)
    return _any(name, BuildSettings(*given))


def _any(name: str, settings: BuildSettings) -> tuple[Any, Contract]:
    """See `build_model`."""
    backbone = catalog.backbone(name)
    if backbone:
        return _built_detector(name, backbone, settings)
    for key in ("input_width", "anchors_from"):
        if getattr(settings, key) is not None:
            raise SettingError(Key(key), f" is for detectors, for example {name}_ssd; {name} is a classifier.")
    return _built(name, settings)


def _built(name: str, settings: BuildSettings) -> tuple[Any, Contract]:
    """A classifier."""
    catalog.check_classes(name, settings.classes)
    spec, weights = catalog.spec(name), settings.weights
    pretrained.check(spec, name, weights)
    _check_size(name, spec, "input_size", settings.input_size)
    _check_size(name, spec, "input_width", settings.input_width)
    foreign = _foreign(weights, name, settings.width, settings.weights_of)
    saved = _saved_contract(weights)
    spec = foreign.spec(spec) if foreign else _as_saved(spec, name, saved)
    preprocessing = spec.preprocessing(settings.input_size, settings.color, settings.input_width)
    count = settings.classes or _classes(foreign, saved)
    keras.utils.set_random_seed(settings.seed)
    model = MODEL_FAMILIES.load(catalog.family(name)).build(
        input_shape=preprocessing.shape, classes=count, width=settings.width, **spec.arguments
    )
    keras_graph.rename(model, name)
    origin = _put_weights(model, name, spec, settings, foreign)
    arguments = {
        "input_size": preprocessing.height,
        **({} if settings.input_width is None else {"input_width": settings.input_width}),
        "width": settings.width,
        "classes": count,
        "color": settings.color,
        **({"build": dict(foreign.row.arguments)} if foreign else _build_arguments(saved)),
    }
    contract = Contract(preprocessing, model=_described(name, spec, model, arguments, weights))
    named = _labels(weights == "imagenet" or (foreign is not None and foreign.is_imagenet), count, saved)
    return model, contract.replace(provenance=Provenance(seed=settings.seed, weights=origin), **named)


def _put_weights(
    model: Any, name: str, spec: ModelSpec, settings: BuildSettings, foreign: Foreign | None
) -> WeightsOrigin:
    """Give a model its weights, unless they stay random; returns where they come from."""
    new_head = settings.classes is not None
    if foreign:
        foreign.put_into(model, new_head=new_head)
        return WeightsOrigin.from_dict(foreign.origin)
    if settings.weights == "none":
        return WeightsOrigin("none")
    found = pretrained.load(model, spec, name, settings.weights, width=settings.width, new_head=new_head)
    return WeightsOrigin.from_dict(found)


def _built_detector(name: str, backbone: str, settings: BuildSettings) -> tuple[Any, Contract]:
    """On the feature maps of a classifier, which has its weights."""
    size = settings.input_size or catalog.spec(name).input_size
    own = dataclasses.replace(settings, input_size=size, classes=None, anchors_from=None)
    model, contract = as_detector(*_built(backbone, own), classes=settings.classes, name=name)
    if settings.anchors_from is not None:
        contract = anchor_fitting.with_anchors(contract, box_sizes(open_data(settings.anchors_from).part("train")))
    return model, contract


def _foreign(weights: str, name: str, width: float, weights_of: str | None) -> Foreign | None:
    """Weights of PyTorch's, read; None for others."""
    if pretrained.is_foreign(weights):
        return open_weights(weights, name, width, weights_of)
    if weights_of is not None:
        raise SettingError(
            Key("weights_of"),
            f" names the published model of a PyTorch file, but the weights are {weights!r}. Remove it, or give a "
            "PyTorch file as the weights.",
        )
    return None


def _classes(foreign: Foreign | None, saved: Contract | None) -> int:
    """The class count of the weights.

    Raises:
        WeightsError: they have no head.
    """
    if foreign and foreign.classes is None:
        raise WeightsError(
            f"{foreign.source} has no classification layer, so the number of classes is unknown. Set it with "
            "--classes N."
        )
    return (foreign and foreign.classes) or (saved and saved.model.arguments.get("classes")) or imagenet.CLASSES


def _build_arguments(saved: Contract | None) -> dict[str, Any]:
    """What a saved model was built with beside its variant's own arguments: it began as weights of PyTorch's."""
    found = saved.model.arguments.get("build") if saved else None
    return {} if found is None else {"build": found}


def _as_saved(spec: ModelSpec, name: str, saved: Contract | None) -> ModelSpec:
    """The row of a variant, with what a saved model that began as weights of PyTorch's has otherwise.

    Raises:
        WeightsError: what it has is in no table.
    """
    changes = _build_arguments(saved).get("build")
    if saved is None or changes is None:
        return spec
    if changes not in [row.arguments for row in published.of_variant(name)]:
        raise WeightsError(
            f"The file of the weights was built with {str(changes)[:80]}, which does not fit {name}. Choose other "
            "weights."
        )
    prepared = saved.preprocessing
    return dataclasses.replace(
        spec,
        input_size=prepared.height,
        mean=prepared.mean,
        std=prepared.std,
        crop=prepared.crop,
        fit=prepared.fit,
        license=saved.model.license,
        arguments={**spec.arguments, **changes},
    )


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


def _labels(is_imagenet: bool, classes: int, saved: Contract | None) -> dict[str, tuple[str, ...]]:
    """Names come with the weights, as long as the layer of the logits is the weights' too."""
    if is_imagenet and classes == imagenet.CLASSES:
        return {"labels": imagenet.labels(), "label_ids": imagenet.wordnet_ids()}
    if saved and len(saved.labels) == classes:
        return {"labels": saved.labels, "label_ids": saved.label_ids}
    return {}


def _check_size(name: str, spec: ModelSpec, key: str, size: int | None) -> None:
    if size is not None and size < spec.smallest:
        raise SettingError(Key(key), f" is {size}; expected at least {spec.smallest} pixels for the layers of {name}.")
