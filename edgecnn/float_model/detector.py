"""A detector made of a classifier, with its contract."""

from __future__ import annotations

import dataclasses
from typing import Any

from edgecnn.graph import keras_macs
from edgecnn.models import ssd
from edgecnn.runtime.model.contract import Contract


def as_detector(model: Any, contract: Contract, *, classes: int | None = None) -> tuple[Any, Contract]:
    """A detector on a classifier's feature maps, with its weights.

    Args:
        model: a Keras classifier.
        contract: of the classifier.
        classes: how many the detector has; by default COCO's 80.

    Returns:
        A Keras model to corrections of anchors, (batch, anchors, 4), and logits (batch, anchors, classes), and its
        contract: the whole image is stretched to the input.

    Raises:
        UsageError: the classifier has no feature maps of the strides that are needed.
    """
    detector, record = ssd.detector(model, contract.name, classes or ssd.COCO_CLASSES)
    described = dataclasses.replace(
        contract.model,
        name=detector.name,
        family=ssd.FAMILY,
        arguments={**contract.model.arguments, "classes": classes or ssd.COCO_CLASSES},
        parameters=detector.count_params(),
        macs=keras_macs.total(detector),
    )
    changed = contract.replace(
        preprocessing=dataclasses.replace(contract.preprocessing, fit="stretch"),
        task=ssd.TASK,
        output=ssd.OUTPUT,
        labels=(),
        label_ids=(),
        model=described,
    )
    return detector, record.put_into(changed)
