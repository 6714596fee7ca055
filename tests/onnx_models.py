"""Small ONNX models as people export them: `python onnx_models.py FOLDER PHOTOS.npz` writes them all.

For a Python with `onnx` and `onnxruntime`. The bodies have random weights; the heads are fitted to tell the photographs
apart that crops were taken of, so that top-1 means something.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from ridge import fitted

CLASSES = 11


class Builder:
    """Add nodes, then `save`; weights are drawn as He et al. (2015) do, so that signals keep their size."""

    def __init__(self, seed: int, shape: tuple[Any, ...], opset: int, images: np.ndarray, labels: np.ndarray) -> None:
        self.draw, self.shape, self.opset = np.random.default_rng(seed), shape, opset
        self.images, self.labels = images, labels  # (n, 64, 64, 3) of 0 to 255, and the class of each
        self.raw = False
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, values: Any, kind: str = "f4") -> str:
        from onnx import numpy_helper

        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values, kind), name))
        return name

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        from onnx import helper

        output = f"{kind}_{len(self.nodes)}"
        self.nodes.append(
            helper.make_node(kind, list(inputs), [output], name=f"/{kind}{len(self.nodes)}", **attributes)
        )
        return output

    def conv(self, values: str, depth: int, filters: int, kernel: int = 3, stride: int = 1, groups: int = 1) -> str:
        scale = np.sqrt(2 / (depth // groups * kernel**2))
        weights = self.constant(self.draw.normal(0, scale, (filters, depth // groups, kernel, kernel)))
        bias = self.constant(self.draw.normal(0, 0.1, filters))
        return self.node("Conv", values, weights, bias, kernel_shape=[kernel] * 2, strides=[stride] * 2, group=groups,
                         pads=[kernel // 2] * 4)  # fmt: skip

    def norm(self, values: str, depth: int) -> str:
        near_one, near_zero = self.draw.uniform(0.8, 1.2, (2, depth)), self.draw.normal(0, 0.1, (2, depth))
        settings = [self.constant(each) for each in (near_one[0], near_zero[0], near_zero[1], near_one[1])]
        return self.node("BatchNormalization", values, *settings, epsilon=1e-5)

    def relu(self, values: str) -> str:
        return self.node("Relu", values)

    def relu6(self, values: str) -> str:
        return self.node("Clip", values, self.constant(0.0), self.constant(6.0))

    def head(self, values: str, depth: int, *, pooled: bool = False) -> str:
        values = values if pooled else self.node("GlobalAveragePool", values)
        flat = self.node("Flatten", values, axis=1)
        weights, bias = fitted(self._answers(flat, depth), self.labels, CLASSES)
        return self.node("Gemm", flat, self.constant(weights), self.constant(bias), transB=1)

    def _answers(self, output: str, size: int) -> np.ndarray:
        """What the nodes so far make of the photographs, (n, size)."""
        import onnxruntime

        session = onnxruntime.InferenceSession(self.model(output, size).SerializeToString())
        images = self.images if self.raw else (self.images - 127.5) / 127.5
        images = images if self.shape[-1] == 3 else images.transpose(0, 3, 1, 2)
        return np.concatenate([session.run(None, {"input": one[None].astype("f4")})[0] for one in images])

    def model(self, output: str, size: int) -> Any:
        import onnx
        from onnx import TensorProto, helper

        image = helper.make_tensor_value_info("input", TensorProto.FLOAT, self.shape)
        scores = helper.make_tensor_value_info(output, TensorProto.FLOAT, (self.shape[0], size))
        graph = helper.make_graph(self.nodes, "made_by_a_test", [image], [scores], self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)])
        model.ir_version = 7
        onnx.checker.check_model(model)
        return model


def resnet(b: Builder, image: str = "input") -> str:
    values = b.relu(b.norm(b.conv(image, 3, 16, 3, 2), 16))
    for depth, filters, stride in ((16, 16, 1), (16, 32, 2), (32, 64, 2)):
        found = b.norm(
            b.conv(b.relu(b.norm(b.conv(values, depth, filters, 3, stride), filters)), filters, filters), filters
        )
        shortcut = values if depth == filters else b.norm(b.conv(values, depth, filters, 1, stride), filters)
        values = b.relu(b.node("Add", found, shortcut))
    return b.head(values, 64)


def mobilenet(b: Builder) -> str:
    values = b.relu6(b.conv("input", 3, 16, 3, 2))
    for depth, filters, stride in ((16, 16, 1), (16, 24, 2), (24, 24, 1), (24, 48, 2)):
        wide = b.relu6(b.conv(values, depth, 4 * depth, 1))
        found = b.conv(b.relu6(b.conv(wide, 4 * depth, 4 * depth, 3, stride, 4 * depth)), 4 * depth, filters, 1)
        values = b.node("Add", values, found) if depth == filters else found
    return b.head(b.relu6(b.conv(values, 48, 96, 1)), 96)


def squeezenet(b: Builder) -> str:
    values = b.node("MaxPool", b.relu(b.conv("input", 3, 32, 3, 2)), kernel_shape=[3, 3], strides=[2, 2])
    for depth, squeezed, filters in ((32, 8, 32), (64, 16, 48)):
        small = b.relu(b.conv(values, depth, squeezed, 1))
        wide = [b.relu(b.conv(small, squeezed, filters, kernel)) for kernel in (1, 3)]
        values = b.node("Concat", *wide, axis=1)
    return b.head(values, 96)


def with_softmax(b: Builder) -> str:
    return b.node("Softmax", resnet(b), axis=1)


def normalizing(b: Builder) -> str:
    """Takes pixels of 0 to 255 and normalizes them as torchvision does."""
    mean, std = (b.constant(np.reshape(values, (1, 3, 1, 1))) for values in
                 ([123.675, 116.28, 103.53], [58.395, 57.12, 57.375]))  # fmt: skip
    b.raw = True
    return resnet(b, b.node("Div", b.node("Sub", "input", mean), std))


def shuffling(b: Builder) -> str:
    """ShuffleNet's channel shuffle: two reshapes and a transpose inside."""
    values = b.relu(b.conv("input", 3, 24, 3, 2))
    for _ in range(2):
        values = b.relu(b.conv(values, 24, 24, 1, 1, 4))
        cut = b.node("Reshape", values, b.constant([1, 4, 6, 32, 32], "i8"))
        turned = b.node("Transpose", cut, perm=[0, 2, 1, 3, 4])
        values = b.node("Reshape", turned, b.constant([1, 24, 32, 32], "i8"))
        values = b.relu(b.conv(values, 24, 24, 3, 1, 24))
    return b.head(values, 24)


def channels_last(b: Builder) -> str:
    """An NHWC model, as tf2onnx writes it: a transpose after the input."""
    return resnet(b, b.node("Transpose", "input", perm=[0, 3, 1, 2]))


def hard_swish(b: Builder) -> str:
    """HardSwish and squeeze-and-excitation as MobileNetV3 has them."""
    values = b.node("HardSwish", b.conv("input", 3, 16, 3, 2))
    gate = b.relu(b.conv(b.node("GlobalAveragePool", values), 16, 8, 1))
    gate = b.node("HardSigmoid", b.conv(gate, 8, 16, 1), alpha=1 / 6)
    return b.head(b.node("HardSwish", b.conv(b.node("Mul", values, gate), 16, 48, 3, 2)), 48)


def swish(b: Builder) -> str:
    """Sigmoid times itself, mean over the axes by ReduceMean, as PyTorch's exporter writes EfficientNet."""
    values = b.conv("input", 3, 24, 3, 2)
    values = b.node("Mul", values, b.node("Sigmoid", values))
    values = b.conv(values, 24, 48, 3, 2)
    values = b.node("Mul", values, b.node("Sigmoid", values))
    return b.head(b.node("ReduceMean", values, axes=[2, 3], keepdims=1), 48, pooled=True)


def leaky(b: Builder) -> str:
    values = b.node("LeakyRelu", b.norm(b.conv("input", 3, 24, 5, 2), 24), alpha=0.1)
    values = b.node("AveragePool", values, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    return b.head(b.node("PRelu", b.conv(values, 24, 32), b.constant(np.full((32, 1, 1), 0.2))), 32)


MODELS: dict[str, tuple[Any, int, tuple[Any, ...]]] = {
    "resnet18": (resnet, 11, (1, 3, 64, 64)),
    "mobilenetv2": (mobilenet, 12, (1, 3, 64, 64)),
    "squeezenet": (squeezenet, 13, (1, 3, 64, 64)),
    "dynamic_batch": (resnet, 17, ("batch", 3, 64, 64)),
    "softmax_inside": (with_softmax, 18, (1, 3, 64, 64)),
    "normalization_inside": (normalizing, 16, (1, 3, 64, 64)),
    "transposes_inside": (shuffling, 20, (1, 3, 64, 64)),
    "channels_last": (channels_last, 15, (1, 64, 64, 3)),
    "mobilenetv3": (hard_swish, 14, (1, 3, 64, 64)),
    "efficientnet": (swish, 13, (1, 3, 64, 64)),
    "leaky": (leaky, 19, (1, 3, 64, 64)),
    "open_size": (resnet, 17, ("batch", 3, "height", "width")),
}
"""Name -> (body, opset, input shape)."""


def write(folder: Path, photos: Path) -> None:
    """All models.

    Args:
        folder: for the files.
        photos: a .npz of `images`, uint8 (n, 64, 64, 3), and `labels`, below `CLASSES`.
    """
    given = np.load(photos)
    for number, (name, (body, opset, shape)) in enumerate(MODELS.items()):
        builder = Builder(number, shape, opset, given["images"], given["labels"])
        (folder / f"{name}.onnx").write_bytes(builder.model(body(builder), CLASSES).SerializeToString())


if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(sys.argv[2]))
