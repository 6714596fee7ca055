"""edgecnn: from a model name to an int8 TFLite model that runs at a known frame rate on your own board.

The public functions mirror the commands (`edgecnn.api`); each is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from edgecnn.core.version import __version__

if TYPE_CHECKING:
    from edgecnn.api import Classifier as Classifier
    from edgecnn.api import Detector as Detector
    from edgecnn.api import Hints as Hints
    from edgecnn.api import build as build
    from edgecnn.api import calibrate_device as calibrate_device
    from edgecnn.api import check_device as check_device
    from edgecnn.api import check_target as check_target
    from edgecnn.api import collect as collect
    from edgecnn.api import compare as compare
    from edgecnn.api import compare_latency as compare_latency
    from edgecnn.api import compare_models as compare_models
    from edgecnn.api import compile_for_target as compile_for_target
    from edgecnn.api import control_deployment as control_deployment
    from edgecnn.api import demo as demo
    from edgecnn.api import deploy as deploy
    from edgecnn.api import diagnose as diagnose
    from edgecnn.api import draw_boxes as draw_boxes
    from edgecnn.api import estimate as estimate
    from edgecnn.api import examine_data as examine_data
    from edgecnn.api import export as export
    from edgecnn.api import inspect as inspect
    from edgecnn.api import label as label
    from edgecnn.api import list_deployments as list_deployments
    from edgecnn.api import list_devices as list_devices
    from edgecnn.api import list_models as list_models
    from edgecnn.api import load as load
    from edgecnn.api import load_detector as load_detector
    from edgecnn.api import make_shards as make_shards
    from edgecnn.api import measure_receptive_fields as measure_receptive_fields
    from edgecnn.api import profile as profile
    from edgecnn.api import profile_operators as profile_operators
    from edgecnn.api import profile_sustained as profile_sustained
    from edgecnn.api import prune as prune
    from edgecnn.api import quantize as quantize
    from edgecnn.api import quantize_within as quantize_within
    from edgecnn.api import report as report
    from edgecnn.api import run as run
    from edgecnn.api import search as search
    from edgecnn.api import set_rejection as set_rejection
    from edgecnn.api import sweep_sizes as sweep_sizes
    from edgecnn.api import train as train
    from edgecnn.api import train_quantization_aware as train_quantization_aware
    from edgecnn.api import verify as verify
    from edgecnn.api import visualize as visualize
    from edgecnn.api import write_container as write_container

__all__ = [
    "Classifier",
    "Detector",
    "Hints",
    "__version__",
    "build",
    "calibrate_device",
    "check_device",
    "check_target",
    "collect",
    "compare",
    "compare_latency",
    "compare_models",
    "compile_for_target",
    "control_deployment",
    "demo",
    "deploy",
    "diagnose",
    "draw_boxes",
    "estimate",
    "examine_data",
    "export",
    "inspect",
    "label",
    "list_deployments",
    "list_devices",
    "list_models",
    "load",
    "load_detector",
    "make_shards",
    "measure_receptive_fields",
    "profile",
    "profile_operators",
    "profile_sustained",
    "prune",
    "quantize",
    "quantize_within",
    "report",
    "run",
    "search",
    "set_rejection",
    "sweep_sizes",
    "train",
    "train_quantization_aware",
    "verify",
    "visualize",
    "write_container",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(importlib.import_module("edgecnn.api"), name)
    raise AttributeError(f"module 'edgecnn' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
