"""A detector made of a classifier, with its contract."""

from __future__ import annotations

import dataclasses
from typing import Any

from edgecnn.graph import keras_macs
from edgecnn.models import box_heads, efficientdet, ssd
from edgecnn.runtime.model.contract import Contract


def as_detector(model: Any, contract: Contract, *, classes: int | None = None, name: str = "") -> tuple[Any, Contract]:
    """A detector on a classifier's feature maps, with its weights.

    Args:
        model: a Keras classifier.
        contract: of the classifier.
        classes: how many the detector has; by default COCO's 80.
        name: of the detector, which says what heads it has; by default SSDLite's.

    Returns:
        A Keras model to corrections of anchors, (batch, anchors, 4), and logits (batch, anchors, classes), and its
        contract: the whole image is stretched to the input.

    Raises:
        UsageError: the classifier has no feature maps of the strides that are needed.
    """
    count = classes or box_heads.COCO_CLASSES
    if name in efficientdet.VARIANTS:
        detector, record = efficientdet.detector(model, name, count)
        own: dict[str, Any] = {"family": efficientdet.FAMILY, "paper": efficientdet.PAPER, "url": efficientdet.URL}
    else:
        detector, record = ssd.detector(model, contract.name, count)
        own = {"family": ssd.FAMILY}
    arguments = {**contract.model.arguments, "classes": count}
    counts: dict[str, Any] = {"parameters": detector.count_params(), "macs": keras_macs.total(detector)}
    described = dataclasses.replace(contract.model, name=detector.name, arguments=arguments, **counts, **own)
    changed = contract.replace(
        preprocessing=dataclasses.replace(contract.preprocessing, fit="stretch"),
        task=box_heads.TASK,
        output=box_heads.OUTPUT,
        labels=(),
        label_ids=(),
        model=described,
    )
    return detector, record.put_into(changed)
