"""Float `.tflite` files of the kinds that people have: MLPerf Tiny's reference models, MediaPipe's image classifier.

The architectures of https://github.com/mlcommons/tiny have random bodies here; their heads are fitted to tell
photographs apart, for their top-1 to mean something. All are written by TensorFlow's own converter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from ridge import fitted

from edgecnn.builder import build_model
from edgecnn.core.compat.tensorflow import keras, tf
from edgecnn.core.hints import Hints
from edgecnn.data import open_data
from edgecnn.runtime.model.contract import Preprocessing
from edgecnn.runtime.run.preprocess import fit

L = keras.layers
CLASSES = 11  # photographs, of which there are many crops


def norm_relu(values: Any) -> Any:
    return L.ReLU()(L.BatchNormalization()(values))


def resnet8(image: Any) -> Any:
    """Image classification: ResNet of three stacks, 32 px."""
    values = norm_relu(L.Conv2D(16, 3, padding="same")(image))
    for filters, stride in ((16, 1), (32, 2), (64, 2)):
        found = norm_relu(L.Conv2D(filters, 3, stride, "same")(values))
        found = L.BatchNormalization()(L.Conv2D(filters, 3, padding="same")(found))
        shortcut = values if stride == 1 else L.Conv2D(filters, 1, stride, "same")(values)
        values = L.ReLU()(L.Add()([shortcut, found]))
    return L.Flatten()(L.AveragePooling2D(8)(values))


def mobilenet(image: Any) -> Any:
    """Person detection ("visual wake words"): MobileNet V1 at a quarter of the width, 96 px."""
    values = norm_relu(L.Conv2D(8, 3, 2, "same", use_bias=False)(image))
    blocks = ((16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2), *[(128, 1)] * 5, (256, 2), (256, 1))
    for filters, stride in blocks:
        values = norm_relu(L.DepthwiseConv2D(3, stride, "same", use_bias=False)(values))
        values = norm_relu(L.Conv2D(filters, 1, use_bias=False)(values))
    return L.Flatten()(L.AveragePooling2D(3)(values))


def ds_cnn(image: Any) -> Any:
    """Keyword spotting: a spectrogram of 49 x 10 as a gray image."""
    values = L.Dropout(0.2)(norm_relu(L.Conv2D(64, (10, 4), 2, "same")(image)))
    for _ in range(4):
        values = norm_relu(L.DepthwiseConv2D(3, padding="same")(values))
        values = norm_relu(L.Conv2D(64, 1, padding="same")(values))
    return L.Flatten()(L.AveragePooling2D((25, 5))(L.Dropout(0.4)(values)))


@dataclass(frozen=True)
class Kind:
    """One kind of model.

    Attributes:
        body: from an image to features.
        shape: (height, width, channels) of the input.
        pixels: (mean, std) of its preprocessing.
    """

    body: Callable[[Any], Any]
    shape: tuple[int, int, int]
    pixels: tuple[float, float] = (0.0, 1.0)

    @property
    def said(self) -> Hints:
        """What its user says of it."""
        return Hints(mean=self.pixels[:1], std=self.pixels[1:], color="gray" if self.shape[2] == 1 else None)


KINDS: dict[str, Kind] = {
    "resnet8": Kind(resnet8, (32, 32, 3)),
    "person_detection": Kind(mobilenet, (96, 96, 3), (0.0, 255.0)),
    "ds_cnn": Kind(ds_cnn, (49, 10, 1), (127.5, 127.5)),
}


def written(kind: Kind) -> bytes:
    """The `.tflite` file: body, fitted head, softmax."""
    keras.utils.set_random_seed(1)
    image = keras.Input(kind.shape)
    body = keras.Model(image, kind.body(image))
    examples = open_data("photos").examples
    names = sorted({example.name.rpartition("-")[0] for example in examples})
    mean, std = kind.pixels
    height, width, channels = kind.shape
    preprocessing = Preprocessing(height, width, color="gray" if channels == 1 else "rgb")
    images = np.stack([fit(example.read(), preprocessing).reshape(kind.shape) for example in examples])
    inputs = (images - mean).astype(np.float32) / np.float32(std)
    norms = [layer for layer in body.layers if isinstance(layer, L.BatchNormalization)]
    for layer in norms:
        layer.momentum = 0.0
    body(inputs, training=True)  # the statistics of these images, as after training
    features = body.predict(inputs, verbose=0)
    head = L.Dense(CLASSES)
    model = keras.Model(image, L.Softmax()(head(body.output)))
    weights, bias = fitted(features, [names.index(example.name.rpartition("-")[0]) for example in examples], CLASSES)
    head.set_weights([weights.T, bias])
    return converted(model)


def image_classifier(weights: str) -> bytes:
    """MediaPipe's: EfficientNet-Lite0 trained on ImageNet, a softmax inside, weights in "float32" or "float16"."""
    model, _ = build_model("efficientnet_lite0", weights="imagenet")
    return converted(keras.Model(model.inputs, L.Softmax()(model.outputs[0])), weights)


def autoencoder() -> bytes:
    """Anomaly detection: 640 numbers through ten dense layers. No image."""
    values = given = keras.Input((640,))
    for units in (128, 128, 8, 128, 128):
        values = norm_relu(L.Dense(units)(values))
    return converted(keras.Model(given, L.Dense(640)(values)))


def converted(model: Any, weights: str = "float32") -> bytes:
    """By TensorFlow's converter, from a frozen function, with one image at a time."""
    given = model.inputs[0]
    function = tf.function(lambda image: model(image, training=False))
    spec = tf.TensorSpec((1, *given.shape[1:]), given.dtype)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function(spec)], model)
    if weights == "float16":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
    return bytes(converter.convert())
