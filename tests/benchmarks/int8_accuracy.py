"""int8 by edgecnn, by TensorFlow's converter and by ai-edge-quantizer: same model, calibration and test images.

    tools/bench int8_accuracy DATA [--models efficientnet_lite0 ...] [--samples 100]

DATA is a folder of labeled images (ImageNet classes). Calibration is on `photos` only. ai-edge-quantizer takes part
if it is installed (pip install ai-edge-quantizer). Processor seconds stand beside wall seconds, because they hold on a
busy machine too. Latency is taken in turns, against our plain int8.

ai-edge-quantizer 0.10 answers nearly everything wrong on these models: some of their channels are all but dead, with
weights so small that the channel's bias, in units of input scale times weight scale, is beyond 32 bits. It casts all
the same (NumPy warns), and the bias becomes garbage. TensorFlow's converter and edgecnn keep the scale large enough.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from edgecnn import artifact
from edgecnn.builder import build_model
from edgecnn.core.statistics import in_top, paired_drop, share, sqnr_db
from edgecnn.data import class_indices, open_data
from edgecnn.float_model.loading import from_model
from edgecnn.float_model.traced import FloatModel
from edgecnn.quantization import Calibration, quantize
from edgecnn.runtime.measure.latency import test_tensor, timed_runs
from edgecnn.runtime.model import model_file
from edgecnn.runtime.model.contract import Contract
from edgecnn.runtime.model.model_file import ModelFile
from edgecnn.runtime.run.engine import Engine
from edgecnn.runtime.run.interpreter import interpreter_module, quiet
from edgecnn.runtime.run.preprocess import apply_table, fit, input_table

PEER = "ai-edge-quantizer, built-in kernels"


def tensors(contract: Contract, samples: int) -> list[np.ndarray]:
    """The calibration images as float32 input tensors."""
    table = input_table(contract.preprocessing, np.dtype(np.float32), 0, 0)
    chosen = open_data("photos").sample(samples).examples
    return [apply_table(fit(example.read(), contract.preprocessing), table) for example in chosen]


def stock(source: tuple, samples: int, *, per_channel: bool = True) -> bytes:
    """TensorFlow's converter, from a frozen function, with its own calibrator."""
    from edgecnn.core.compat.tensorflow import tf

    converter = FloatModel.trace(from_model(*source)).converter()
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([tensor] for tensor in tensors(source[1], samples))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.uint8
    converter._experimental_disable_per_channel = not per_channel
    with quiet():
        return bytes(converter.convert())


def peer(source: tuple, samples: int) -> bytes:
    """ai-edge-quantizer's static_wi8_ai8, from a float .tflite with a signature, which it asks for."""
    from ai_edge_quantizer import quantizer, recipe

    from edgecnn.core.compat.tensorflow import tf

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "float.tflite"
        with quiet():
            path.write_bytes(tf.lite.TFLiteConverter.from_keras_model(source[0]).convert())
        signatures = interpreter_module().Interpreter(model_path=str(path)).get_signature_list()
        name = next(iter(signatures["serving_default"]["inputs"]))
        work = quantizer.Quantizer(str(path), recipe.static_wi8_ai8())
        found = work.calibrate({"serving_default": [{name: tensor.copy()} for tensor in tensors(source[1], samples)]})
        return bytes(work.quantize(found).quantized_model)


def ours(source: tuple, samples: int, level: str, scheme: str = "int8") -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        calibration = Calibration("photos", samples, improve=level)
        file = quantize(source, Path(folder) / "m.tflite", scheme=scheme, calibration=calibration)
        return artifact.graph_bytes(file)


def makers(source: tuple, samples: int) -> Iterator[tuple[str, Callable[[], bytes]]]:
    yield "edgecnn --improve none", lambda: ours(source, samples, "none")
    yield "edgecnn --improve fast", lambda: ours(source, samples, "fast")
    yield "edgecnn --improve best", lambda: ours(source, samples, "best")
    yield "TFLiteConverter", lambda: stock(source, samples)
    yield PEER, lambda: peer(source, samples)
    yield "per tensor: edgecnn --improve fast", lambda: ours(source, samples, "fast", "int8_per_tensor")
    yield "per tensor: TFLiteConverter", lambda: stock(source, samples, per_channel=False)


def scores(engine: Engine, fitted: list[np.ndarray]) -> np.ndarray:
    return np.stack([engine.scores(engine.tensor(picture)) for picture in fitted])


def without_delegate(file: ModelFile) -> Engine:
    """LiteRT's built-in kernels, so that the peer's row doesn't depend on XNNPACK."""
    engine = Engine(file)
    module = interpreter_module()
    engine.interpreter = module.Interpreter(
        model_content=file.data,
        experimental_op_resolver_type=module.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    engine.interpreter.allocate_tensors()
    return engine


def latency_ratio(file: ModelFile, plain: ModelFile) -> float:
    """Median over turns of best of 20, one thread."""
    engines = [Engine(each, threads=1) for each in (file, plain)]
    inputs = [test_tensor(engine) for engine in engines]
    turns = [[min(timed_runs(engine, tensor, 20)) for engine, tensor in zip(engines, inputs)] for _ in range(7)]
    return statistics.median(a / b for a, b in turns)


def table(name: str, data: str, samples: int, only: str) -> None:
    source = build_model(name, weights="imagenet")
    contract = source[1]
    examples = open_data(data)
    indices = class_indices(examples, contract)
    truth = np.array([indices[example.label] for example in examples.examples])
    fitted = [fit(example.read(), contract.preprocessing) for example in examples.examples]
    exact = model_file.from_bytes(artifact.seal(FloatModel.trace(from_model(*source)).float32, contract))
    expected = scores(Engine(exact), fitted)
    before = in_top(expected, truth, 1)
    print(f"\n{name}: {len(truth)} images of {Path(data).name}, float top-1 {100 * before.mean():.1f} %\n")
    print("| made by | top-1 | drop | agreement | SNR dB | MB | latency / plain | wall s | processor s |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |", flush=True)
    plain = None
    for who, make in makers(source, samples):
        if only not in who:
            continue
        wall, processor = time.perf_counter(), time.process_time()
        try:
            graph = make()
        except ImportError as error:
            print(f"| {who} | not installed: {error.name} |")
            continue
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
        file = model_file.from_bytes(artifact.seal(graph, contract))
        plain = plain or file
        found = scores(without_delegate(file) if who == PEER else Engine(file), fitted)
        after = in_top(found, truth, 1)
        same = found.argmax(axis=1) == expected.argmax(axis=1)
        cells = [
            who,
            f"{100 * after.mean():.1f}",
            f"{paired_drop(before, after).percent:.1f}",
            str(share(int(same.sum()), len(same))),
            f"{sqnr_db(expected, found):.1f}",
            f"{len(graph) / 1e6:.2f}",
            f"{latency_ratio(file, plain):.3f}",
            f"{wall:.1f}",
            f"{processor:.1f}",
        ]
        print(f"| {' | '.join(cells)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", metavar="DATA")
    parser.add_argument(
        "--models", nargs="+", default=["efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2"]
    )
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--only", default="", help="rows whose name has this in it")
    options = parser.parse_args()
    for name in options.models:
        table(name, options.data, options.samples, options.only)


if __name__ == "__main__":
    main()
