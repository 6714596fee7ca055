"""The Python API: everything that a command does is a function with typed arguments, exported by `edgecnn`.

import edgecnn

model = edgecnn.build("efficientnet_lite0", weights="imagenet")
edgecnn.quantize(model, "lite0.tflite")
edgecnn.load("lite0.tflite").classify("cat.jpg")

Results are records: `to_dict()` gives JSON values, and a notebook shows them as tables. Work that takes long draws a
progress bar in a notebook; elsewhere `progress` is a function of (stage, done, total).
"""

from __future__ import annotations

from edgecnn.api.answering import Classifier, Detector, load, load_detector
from edgecnn.api.checking import (
    calibrate_device,
    check_device,
    check_target,
    compare_latency,
    diagnose,
    estimate,
    list_devices,
    profile,
    profile_operators,
    profile_sustained,
    verify,
)
from edgecnn.api.collecting import collect
from edgecnn.api.comparing import compare
from edgecnn.api.data import draw_boxes, examine_data, make_shards
from edgecnn.api.deploying import control_deployment, deploy, list_deployments, write_container
from edgecnn.api.labeling import label
from edgecnn.api.looking import (
    compare_models,
    demo,
    inspect,
    measure_receptive_fields,
    report,
    set_rejection,
    sweep_sizes,
    visualize,
)
from edgecnn.api.making import (
    build,
    compile_for_target,
    export,
    list_models,
    prune,
    quantize,
    quantize_within,
    run,
    train,
    train_quantization_aware,
)
from edgecnn.api.searching import search
from edgecnn.core.hints import Hints

__all__ = [
    "Classifier",
    "Detector",
    "Hints",
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
