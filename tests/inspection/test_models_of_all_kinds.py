"""Models of many kinds, made by TensorFlow's converter: counts by the official schema, and no command that fails."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from official_counts import Counts
from requirements import NOTHING_SHARED

from edgecnn.core.compat.tensorflow import keras, tf
from edgecnn.core.hints import Hints
from edgecnn.graph.cut import cut
from edgecnn.inspection import contract_view, view
from edgecnn.inspection.analysis import analyze
from edgecnn.inspection.opening import open_model
from edgecnn.profiling import per_op, per_op_text
from edgecnn.profiling.latency import facts
from edgecnn.runtime.measure import latency
from edgecnn.runtime.measure import per_op as on_device
from edgecnn.runtime.measure.system import describe
from edgecnn.runtime.model.model_file import AnyFile, ModelFile
from edgecnn.targets import check

SHARED = os.environ.get("EDGECNN_SHARED", "")


def public(folder: str) -> list[Path]:
    return sorted(Path(SHARED, folder).glob("*.tflite")) if SHARED else []


PLAN = latency.Plan(threads=1, runs=1, warmup=1, budget_s=0.2)
L = keras.layers


def features(image: Any) -> Any:
    """A convolution and a depthwise one."""
    return L.DepthwiseConv2D(3, padding="same", activation="relu6")(L.Conv2D(4, 3, strides=2, padding="same")(image))


def network(shape: tuple[int | None, ...], make: Callable[[Any], Any], dtype: str = "float32") -> Any:
    given = keras.Input(shape, dtype=dtype)
    return keras.Model(given, make(given))


def two_inputs() -> Any:
    image, vector = keras.Input((16, 16, 3)), keras.Input((5,))
    return keras.Model(
        [image, vector], L.Dense(3)(L.Concatenate()([L.GlobalAveragePooling2D()(features(image)), vector]))
    )


MODELS: dict[str, Callable[[], Any]] = {
    "classification": lambda: network((16, 16, 3), lambda x: L.Dense(3)(L.GlobalAveragePooling2D()(features(x)))),
    "segmentation": lambda: network((16, 16, 3), lambda x: L.Softmax()(L.UpSampling2D()(features(x)))),
    "autoencoder": lambda: network((16, 16, 3), lambda x: L.Conv2DTranspose(3, 3, strides=2)(features(x))),
    "audio": lambda: network((64, 1), lambda x: L.Dense(3)(L.GlobalAveragePooling1D()(L.Conv1D(4, 5, strides=2)(x)))),
    "text": lambda: network((7,), lambda x: L.Dense(2)(L.GlobalAveragePooling1D()(L.Embedding(9, 4)(x))), "int32"),
    "open": lambda: network((None, None, 3), lambda x: L.Dense(3)(L.GlobalAveragePooling2D()(features(x)))),
    "two_inputs": two_inputs,
}
KINDS = ("float32", "float16", "dynamic", "int8")
UNCALIBRATED = ("text", "open", "two_inputs")  # integers, no size, or several inputs to calibrate on


def converted(model: Any, kind: str) -> bytes:
    shapes = [(1, *tensor.shape[1:]) for tensor in model.inputs]
    specs = [tf.TensorSpec(shape, tensor.dtype) for shape, tensor in zip(shapes, model.inputs)]
    function = tf.function(lambda *given: model(list(given) if len(given) > 1 else given[0], training=False))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function(*specs)], model)
    if kind != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if kind == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if kind == "int8":
        draw = np.random.default_rng(0)
        converter.representative_dataset = lambda: ([draw.random(shape, np.float32) for shape in shapes] for _ in "ab")
    return bytes(converter.convert())


@pytest.fixture(scope="module", params=list(MODELS))
def variants(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One architecture in every number format, by format."""
    keras.utils.set_random_seed(1)
    model, folder = MODELS[request.param](), tmp_path_factory.mktemp(request.param)
    found = {}
    for kind in KINDS:
        if kind == "int8" and request.param in UNCALIBRATED:
            continue
        found[kind] = folder / f"{request.param}_{kind}.tflite"
        found[kind].write_bytes(converted(model, kind))
    return found


def test_counts_are_the_official_schemas(variants: dict[str, Path]) -> None:
    for path in variants.values():
        check_counts(path)


def test_float16_is_inspected_like_float32(variants: dict[str, Path]) -> None:
    float16, float32 = (analyze(open_model(str(variants[kind])).network) for kind in ("float16", "float32"))
    assert float16.peak_activation_bytes == float32.peak_activation_bytes
    assert float16.network.parameters == float32.network.parameters
    assert [row.layer.cost.parameters for row in float16.layers] == [
        row.layer.cost.parameters for row in float32.layers
    ]
    assert [view.field_size(row.reach) for row in float16.layers] == [
        view.field_size(row.reach) for row in float32.layers
    ]


def test_open_sizes_are_counted_as_stored_and_as_said(variants: dict[str, Path]) -> None:
    if not variants["float32"].name.startswith("open"):
        pytest.skip("its size is fixed")
    for path in variants.values():
        stored, said = open_model(str(path)), open_model(str(path), input_size=16)
        assert stored.contract is None and "has no fixed input size" in stored.refusal
        assert "the figures are for [1, 1, 1, 3]" in " ".join(stored.remarks)
        assert said.contract is not None and not said.remarks
        assert said.contract.preprocessing.shape == (16, 16, 3)
        # 8 x 8 positions of a 3 x 3 convolution to 4 channels, a depthwise one, a dense layer of 3
        assert analyze(said.network).total.macs == 8 * 8 * 4 * (27 + 9) + 4 * 3


def test_every_kind_is_shown_and_measured(variants: dict[str, Path]) -> None:
    for path in variants.values():
        show(path)
        times = measured(path)
        assert any(row.latency_ms for row in times.operators), path.name


def check_counts(path: Path) -> None:
    """MACs, parameters and shapes of `inspect --json` against the official schema."""
    expected, found = Counts(path.read_bytes()), analyze(open_model(str(path)).network).record()
    assert (found.macs, found.parameters) == (expected.macs, expected.parameters), path.name
    assert found.input_shape == expected.input_shapes[0], path.name
    assert [row.output_shape for row in found.layers] == expected.output_shapes, path.name


def show(path: Path) -> None:
    """What `inspect --target` prints; a contract only for what classifies images."""
    opened = open_model(str(path))
    report = analyze(opened.network)
    assert [view.cost_row(row) for row in report.layers] and view.totals(report)
    assert bool(opened.contract) != bool(opened.refusal)
    lines = dict(contract_view.of(opened))
    assert opened.contract is not None or lines["task"] == opened.refusal
    assert opened.model is not None
    target = check(opened.model, "edgetpu", path.name)
    assert target.total == len(opened.model.graph.operators)


def measured(path: Path) -> per_op.PerOperator:
    """What `profile --per-op` measures."""
    file, _ = Hints().read_any(path)
    found, _ = latency.measure(lambda: file, PLAN)
    assert found.latency_ms.first > 0 and facts(file).operators == len(file.model.graph.operators)
    times = on_device.measure(file, cut(file), PLAN)
    joined = per_op.join(file, "local", {"system": describe(), "times": times})
    assert per_op_text.table(joined) and joined.remarks
    return joined


@pytest.mark.skipif(not SHARED, reason="needs EDGECNN_SHARED")
@pytest.mark.parametrize("folder", ["data/coral", "data/edgetpu_pairs", "cases/models"])
def test_public_models(folder: str) -> None:
    paths = public(folder)
    assert paths
    for path in paths:
        show(path)
        if path.stem != "shapes_unknown":  # the runtime tells what the file leaves out
            check_counts(path)
        file, _ = Hints().read_any(path)
        assert isinstance(file, AnyFile)
        if isinstance(file, ModelFile):
            assert len(file.model.graph.outputs) == 1


@pytest.mark.parametrize("path", public("cases/models") or NOTHING_SHARED, ids=lambda path: path and path.stem)
def test_public_cases_are_measured(path: Path) -> None:
    assert measured(path).operators
