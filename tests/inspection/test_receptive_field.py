"""Receptive fields against published values and against the support of gradients on random weights."""

import numpy as np
import pytest

from edgecnn.core.compat.tensorflow import keras, tf
from edgecnn.graph import keras_network
from edgecnn.graph.receptive_field import receptive_fields
from edgecnn.inspection import effective
from edgecnn.inspection.analysis import analyze


def alexnet():
    """The "one weird trick" AlexNet (arXiv:1404.5997) as in TF-Slim's alexnet_v2, without its head; thin."""
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Conv2D(4, 11, strides=4, padding="valid", input_shape=(224, 224, 3)),
            layers.MaxPooling2D(3, 2),
            layers.Conv2D(4, 5, padding="same"),
            layers.MaxPooling2D(3, 2),
            layers.Conv2D(4, 3, padding="same"),
            layers.Conv2D(4, 3, padding="same"),
            layers.Conv2D(4, 3, padding="same"),
            layers.MaxPooling2D(3, 2, name="pool5"),
        ]
    )


# Araujo, Norris, Sim: Computing Receptive Fields of Convolutional Neural Networks, Distill 2019.
PUBLISHED = [
    (alexnet, "pool5", 195, 32),
    (
        lambda: keras.applications.VGG16(weights=None, include_top=False, input_shape=(224, 224, 3)),
        "block5_pool",
        212,
        32,
    ),
    (lambda: keras.applications.ResNet50(weights=None, include_top=False, input_shape=(224, 224, 3)), None, 483, 32),
    (lambda: keras.applications.ResNet101(weights=None, include_top=False, input_shape=(224, 224, 3)), None, 1027, 32),
    (lambda: keras.applications.MobileNet(weights=None, alpha=0.25, input_shape=(224, 224, 3)), None, 315, 32),
    (
        lambda: keras.applications.InceptionV3(weights=None, include_top=False, input_shape=(299, 299, 3)),
        None,
        1311,
        32,
    ),
]


@pytest.mark.parametrize(
    ("build", "layer", "size", "stride"),
    PUBLISHED,
    ids=["alexnet", "vgg16", "resnet50", "resnet101", "mobilenet", "inception_v3"],
)
def test_published_receptive_fields(build, layer, size, stride):
    report = analyze(keras_network.read(build()))
    row = report.last_map if layer is None else next(row for row in report.layers if row.layer.name == layer)
    assert [axis.size for axis in row.reach.axes] == [size, size]
    assert [axis.stride for axis in row.reach.axes] == [stride, stride]


@pytest.mark.parametrize(
    ("name", "size"),
    [("alexnet", 195), ("vgg16", 212), ("resnet50_v1", 483), ("resnet101_v1", 1027), ("mobilenet_v1", 315)],
)
def test_published_receptive_fields_of_our_own_builders(name, size):
    from edgecnn.builder import build_model

    model, _ = build_model(name, width=0.25)
    assert [axis.size for axis in analyze(keras_network.read(model)).last_map.reach.axes] == [size, size]


@pytest.mark.parametrize("name", ["vit_tiny_16", "cvt_13"])
def test_attention_sees_everything(name):
    from edgecnn.builder import build_model

    model, _ = build_model(name, input_size=96, width=0.5)
    rows = analyze(keras_network.read(model)).layers
    assert all(row.reach is not None for row in rows)
    first = next(index for index, row in enumerate(rows) if row.layer.mixing == "attention")
    assert rows[first - 1].sees_whole < 1
    assert rows[first].sees_whole == rows[-1].sees_whole == 1
    assert rows[first].reach.bypass


def branched():
    """Strides, dilation, both paddings, branches of unequal depth, a crop, and a map that is not square."""
    layers = keras.layers
    picture = keras.Input((57, 43, 3))
    x = layers.Conv2D(5, (5, 3), strides=(2, 1), padding="same", activation="relu", name="uneven")(picture)
    left = layers.Conv2D(6, 3, padding="same", dilation_rate=2, name="dilated")(x)
    right = layers.DepthwiseConv2D(3, padding="same", name="depthwise")(x)
    right = layers.Conv2D(6, 1, name="pointwise")(right)
    x = layers.Add(name="sum")([left, right])
    x = layers.ZeroPadding2D(((2, 0), (1, 3)), name="pad")(x)
    x = layers.AveragePooling2D(3, 2, name="pool")(x)
    deep = layers.Conv2D(4, 3, padding="same", name="deep1")(x)
    deep = layers.BatchNormalization(name="bn")(deep)
    deep = layers.Conv2D(4, 3, padding="same", name="deep2")(deep)
    x = layers.Concatenate(name="concat")([x, deep])
    x = layers.Cropping2D(((1, 0), (0, 2)), name="crop")(x)
    x = layers.SeparableConv2D(4, 3, strides=2, padding="valid", name="separable")(x)
    return keras.Model(picture, x)


def _box(reach, unit):
    (rows, columns), (i, j) = reach.axes, unit
    return (rows.first[i], columns.first[j], rows.last[i], columns.last[j])


@pytest.mark.parametrize("name", ["uneven", "dilated", "sum", "pad", "pool", "concat", "crop", "separable"])
def test_every_unit_sees_what_its_gradient_says(name):
    model = branched()
    network = keras_network.read(model)
    layer = next(layer for layer in network.layers if layer.name == name)
    reach = receptive_fields(network)[layer.outputs[0]]
    height, width = reach.grid
    units = {(0, 0), (height // 2, width // 2), (height - 1, width - 1), (0, width - 1)}
    for unit in sorted(units):
        measured = effective.measure(model, name, unit=unit, samples=3)
        top, left, bottom, right = _box(reach, unit)
        if measured.support == (0, 0):  # a unit of nothing but padding
            assert top > bottom or left > right
        else:
            assert measured.box == (top, left, bottom, right)


@pytest.mark.parametrize(("kernel", "stride", "size"), [(1, 2, 9), (2, 2, 8), (3, 3, 11), (5, 4, 16)])
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_edge_regions_of_one_layer(kernel, stride, size, padding):
    """First and last tap of each unit, found by moving one lit pixel over the image."""
    model = keras.Sequential(
        [keras.layers.Conv2D(1, kernel, stride, padding, kernel_initializer="ones", input_shape=(size, size, 1))]
    )
    network = keras_network.read(model)
    rows = receptive_fields(network)[network.outputs[0]].axes[0]
    lit = np.stack([np.repeat(np.eye(size)[row][:, None, None], size, axis=1) for row in range(size)])
    answers = model(tf.constant(lit, tf.float32)).numpy()[:, :, 0, 0]  # (lit row, unit)
    for unit in range(answers.shape[1]):
        seen = np.flatnonzero(answers[:, unit])
        assert (rows.first[unit], rows.last[unit]) == (seen[0], seen[-1])


def test_mobilenet_gradient_support_is_the_theoretical_field():
    model = keras.applications.MobileNet(weights=None, alpha=0.25, input_shape=(416, 416, 3), include_top=False)
    report = analyze(keras_network.read(model))
    assert report.last_map.sees_whole == 0
    assert effective.measure(model, report.last_map.layer.name, samples=2).support == (315, 315)


def test_resnet_v1_gradient_support_is_the_theoretical_field():
    model = keras.applications.ResNet50(weights=None, input_shape=(544, 544, 3), include_top=False)
    report = analyze(keras_network.read(model))
    assert effective.measure(model, report.last_map.layer.name, samples=1).support == (483, 483)


def test_effective_field_is_smaller_than_the_theoretical_one():
    """Luo et al. 2016: it grows with the root of the depth only."""
    layers = [keras.layers.Conv2D(8, 3, padding="same", name=f"c{index}") for index in range(20)]
    model = keras.Sequential([keras.Input((64, 64, 3)), *layers])
    shallow, deep = (effective.measure(model, name) for name in ("c4", "c19"))
    assert shallow.support == (11, 11)
    assert deep.support == (41, 41)
    assert deep.size < 0.6 * 41
    assert 1.4 < deep.size / shallow.size < 2.6


def test_squeeze_excite_sees_the_whole_picture():
    layers = keras.layers
    picture = keras.Input((32, 32, 3))
    x = layers.Conv2D(4, 3, padding="same", name="conv")(picture)
    gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
    model = keras.Model(picture, layers.Multiply(name="scale")([x, gate]))
    row = analyze(keras_network.read(model)).layers[-1]
    assert row.reach.bypass
    assert row.reach.axes[0].size == 3
    assert row.sees_whole == 1.0
    assert effective.measure(model, "scale").support == (32, 32)


def test_misaligned_branches_are_told():
    layers = keras.layers
    picture = keras.Input((32, 32, 3))
    x = layers.Conv2D(4, 2, padding="same")(picture)
    model = keras.Model(picture, layers.Add()([x, layers.Conv2D(4, 1)(picture)]))
    assert not analyze(keras_network.read(model)).layers[-1].reach.aligned


def test_an_unknown_layer_ends_the_field():
    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.UpSampling2D(2), keras.layers.Conv2D(2, 3)])
    rows = analyze(keras_network.read(model)).layers
    assert [row.reach for row in rows] == [None, None]
