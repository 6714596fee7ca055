"""What the learning pages state, worked out a second time: by TensorFlow, by Keras, by formulas, by hand."""

import importlib
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"
sys.path.insert(0, str(ROOT / "tools"))


def learning(name):
    return importlib.import_module(f"learning.{name}")


@pytest.fixture(scope="module")
def measured():
    return json.loads((DOCS / "measured.json").read_text())


# Small kernels


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_stacked_3x3_see_as_many_pixels_as_have_a_gradient(count):
    from edgecnn.core.compat.tensorflow import keras, tf

    image = x = keras.Input((15, 15, 1))
    for _ in range(count):
        x = keras.layers.Conv2D(2, 3, padding="same", kernel_initializer="ones")(x)
    model, pixels = keras.Model(image, x), tf.ones((1, 15, 15, 1))
    with tf.GradientTape() as tape:
        tape.watch(pixels)
        unit = model(pixels)[0, 7, 7, 0]
    seen = np.flatnonzero(tape.gradient(unit, pixels).numpy()[0, 7, :, 0])
    assert len(seen) == seen[-1] - seen[0] + 1 == 2 * count + 1 == learning("small_kernels").sees(count)


@pytest.mark.parametrize("kernel, count", [(3, 1), (3, 3), (5, 1), (7, 1)])
def test_weights_of_small_kernels_are_keras_own(kernel, count):
    from edgecnn.core.compat.tensorflow import keras

    page = learning("small_kernels")
    regular = keras.layers.Conv2D(64, kernel, use_bias=False)
    separable = keras.layers.SeparableConv2D(64, kernel, use_bias=False)
    for layer in (regular, separable):
        layer.build((None, 56, 56, 64))
    assert page.weights(kernel, count) == count * regular.count_params()
    assert page.separable_weights(kernel, count) == count * separable.count_params()


def test_vgg_says_that_one_7x7_has_81_percent_more_weights_than_three_3x3():
    page = learning("small_kernels")
    assert round(100 * page.weights(7) / page.weights(3, 3)) - 100 == 81


# Padding


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [1, 2, 3, 5, 7])
@pytest.mark.parametrize("side", [8, 9, 12])
def test_same_padding_reads_the_pixels_that_tensorflow_reads(side, kernel, stride):
    """One pixel after another is lit: the outputs that see it are those whose window has it."""
    from edgecnn.core.compat.tensorflow import tf

    page = learning("padding")
    windows = page.windows(side, kernel, stride, *page.same(side, kernel, stride))
    lit = np.eye(side, dtype=np.float32)[:, None, :, None]
    seen = tf.nn.conv2d(lit, np.ones((1, kernel, 1, 1), np.float32), stride, "SAME").numpy()[:, 0, :, 0]
    assert seen.shape[1] == len(windows) == -(-side // stride)
    for pixel in range(side):
        expected = [first <= pixel <= last for first, last in windows]
        assert (seen[pixel] > 0).tolist() == expected


@pytest.mark.parametrize("kernel", [3, 5, 7])
def test_same_is_symmetric_at_stride_2_on_odd_sides_only(kernel):
    page = learning("padding")
    assert page.same(225, kernel, 2) == (kernel // 2, kernel // 2)
    before, after = page.same(224, kernel, 2)
    assert after == before + 1


def test_the_stated_rules_give_the_sides_that_the_windows_have():
    page = learning("padding")
    for n in range(7, 20):
        for k in (1, 2, 3, 5):
            for s in (1, 2, 3):
                assert len(page.windows(n, k, s, 0, 0)) == (n - k) // s + 1
                p = k // 2
                assert len(page.windows(n, k, s, p, p)) == (n + 2 * p - k) // s + 1
                assert len(page.windows(n, k, s, *page.same(n, k, s))) == -(-n // s)


@pytest.mark.parametrize("side, equal", [(12, False), (13, True)])
def test_a_network_with_symmetric_padding_differs_on_even_sides_only(side, equal):
    from edgecnn.core.compat.tensorflow import keras

    image = keras.Input((side, side, 3))
    x = keras.layers.Conv2D(4, 3, strides=2, padding="same")(image)
    model = keras.Model(image, keras.layers.Conv2D(2, 3, padding="same")(x))
    changed, count = learning("padding").with_symmetric_padding(model)
    pixels = np.random.default_rng(0).random((1, side, side, 3), np.float32)
    assert count == 1
    assert np.allclose(model(pixels), changed(pixels), atol=1e-5) == equal


def test_symmetric_padding_becomes_a_pad_operator(tmp_path):
    from edgecnn.core.compat.tensorflow import keras
    from edgecnn.quantization import quantize
    from edgecnn.runtime.model.contract import Contract, Preprocessing

    image = keras.Input((12, 12, 3))
    x = keras.layers.Conv2D(4, 3, strides=2, padding="same")(image)
    own = keras.Model(image, keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(x)))
    other, _ = learning("padding").with_symmetric_padding(own)
    for model, expected in ((own, 0), (other, 1)):
        file = quantize((model, Contract(Preprocessing(12, 12))), tmp_path / "m.tflite", scheme="float32")
        assert [op.name for op in file.model.graph.operators].count("PAD") == expected


def test_zeros_in_a_ported_network_cost_accuracy(measured):
    found = measured["padding"]
    assert found["layers"] == 5
    assert found["top1_percent"]["symmetric"] < found["top1_percent"]["same"]


# Equivariance


def test_a_ring_is_equivariant_to_whole_steps():
    page = learning("equivariance")
    assert [page.ring_error(1, shift) for shift in range(1, 5)] == [0, 0, 0, 0]
    assert page.ring_error(2, 2) == page.ring_error(2, 4) == 0
    assert min(page.ring_error(2, 1), page.ring_error(2, 3)) > 0.1


def test_a_map_moves_by_whole_and_by_half_cells():
    maps = np.arange(12.0).reshape(1, 6, 2)
    whole, first = learning("equivariance").moved_along(maps, 2)
    assert first == 2 and np.array_equal(whole, maps[:, :4])
    half, first = learning("equivariance").moved_along(maps, 0.5)
    assert first == 1 and np.array_equal(half, (maps[:, :5] + maps[:, 1:]) / 2)


def test_early_maps_are_most_equivariant_at_their_own_stride(measured):
    found = measured["equivariance"]
    for layer in found["layers"][:3]:
        along, stride = found["errors"][f"{layer['name']} along"], layer["stride"]
        assert along[stride - 1] == min(along[:stride])
        assert 1.5 * along[stride - 1] < along[stride // 2 - 1]
    last = found["layers"][-1]["name"]
    assert all(mean < each for mean, each in zip(found["errors"][f"{last} pooled"], found["errors"][f"{last} along"]))


# Global average pooling


def test_weights_of_the_heads_are_keras_own():
    from edgecnn.core.compat.tensorflow import keras

    page = learning("global_pooling")
    for pooled in (True, False):
        head = keras.layers.GlobalAveragePooling2D() if pooled else keras.layers.Flatten()
        model = keras.Sequential([keras.Input((7, 7, 512)), head, keras.layers.Dense(1000)])
        assert page.head_weights(7, 512, pooled) == model.count_params()


def test_dense_weights_are_those_of_the_papers(measured):
    """VGG-16: 25,088 to 4,096 to 4,096 to 1,000; ResNet-50: 2,048 to 1,000; with biases."""
    models = measured["global_pooling"]["models"]
    assert models["vgg16"]["dense"] == 25089 * 4096 + 4097 * 4096 + 4097 * 1000
    assert models["resnet50"]["dense"] == 2049 * 1000
    assert models["efficientnet_lite0"]["dense"] == 1281 * 1000


def test_a_class_activation_map_has_the_logit_as_its_mean(measured):
    for row in measured["global_pooling"]["cam"]:
        assert row["mean"] == pytest.approx(row["logit"], abs=1e-3)
    assert len({row["parameters"] for row in measured["global_pooling"]["sizes"]}) == 1


def test_placed_images_keep_their_pixels():
    page = learning("global_pooling")
    image = np.random.default_rng(0).random((2, 28, 28, 1), np.float32)
    for shift in page.SHIFTS:
        whole = page.placed(image, shift)
        assert whole.shape == (2, page.CANVAS, page.CANVAS, 1)
        assert np.array_equal(whole[:, 6 + shift : 34 + shift, 6 + shift : 34 + shift], image)
        assert (whole == -0.5).sum() == whole.size - image.size


# Residual connections


def test_the_four_networks_begin_with_the_same_kernels():
    page = learning("residual")
    networks = {kind: page.network(kind, layers=4, channels=4) for kind in page.KINDS}
    first = networks["plain"]
    for kind, other in networks.items():
        for index in range(4):
            name = f"conv{index}"
            assert np.array_equal(first.get_layer(name).get_weights()[0], other.get_layer(name).get_weights()[0])
        adds = [layer for layer in other.layers if type(layer).__name__ == "Add"]
        assert len(adds) == (2 if kind.startswith("residual") else 0)


def test_gradient_of_the_last_layer_is_that_of_the_formula():
    """(softmax - truth) W^T / (batch places), the same at every place."""
    page = learning("residual")
    model = page.network("residual, BN", layers=2, channels=4)
    images, labels = np.random.default_rng(0).random((6, 28, 28, 1), np.float32), np.array([0, 1, 2, 3, 4, 9])
    found = page.gradients(model, images, labels, layers=2)[-1]
    logits = model(images, training=True).numpy().astype(float)
    softmax = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    kernel, places = model.layers[-1].get_weights()[0], 14 * 14
    gradient = (softmax - np.eye(10)[labels]) @ kernel.T / (len(images) * places)
    assert found == pytest.approx(np.sqrt(places * (gradient**2).sum()), rel=1e-3)


def test_stored_gradients_vanish_without_shortcuts_and_batch_norm_only(measured):
    found, page = measured["residual"], learning("residual")
    assert all(len(sizes) == page.LAYERS for sizes in found["gradients"].values())
    assert all(len(losses) == page.STEPS // page.WINDOW for losses in found["losses"].values())
    grown = {kind: sizes[0] / sizes[-1] for kind, sizes in found["gradients"].items()}
    assert grown["plain"] < 0.01 < 0.1 < min(grown[kind] for kind in page.KINDS[1:])


# CNN against ViT


@pytest.mark.parametrize("name", ["cnn", "vit"])
def test_small_networks_have_the_stored_number_of_parameters(name, measured):
    model = getattr(learning("_small_networks"), f"small_{name}")()
    assert model.output_shape == (None, 10)
    assert model.count_params() == measured["cnn_vs_vit"]["hunger"][name]["parameters"]


def test_shuffled_patches_are_the_same_patches_elsewhere():
    page = learning("_small_networks")
    images = np.arange(2 * 32 * 32 * 3, dtype=np.float32).reshape(2, 32, 32, 3)
    shuffled = page.patches_shuffled(images)
    assert not np.array_equal(shuffled, images)

    def patches(image):
        return {image[y : y + 4, x : x + 4].tobytes() for y in range(0, 32, 4) for x in range(0, 32, 4)}

    assert all(patches(after) == patches(before) for after, before in zip(shuffled, images))
    assert np.array_equal(shuffled[1] - shuffled[0], np.full((32, 32, 3), 3072))  # the same order in every image
    assert sorted(page.patches_shuffled(images, 1)[0].ravel()) == sorted(images[0].ravel())


# Landmarks


def test_contest_figures_agree_with_each_other():
    page, contests = learning("landmarks"), learning("_contests")
    entries = {name.split(",")[0]: errors for name, *errors in contests.CONTESTS}
    assert [entries[name][0][0] for name in ("AlexNet", "VGG", "GoogLeNet", "ResNet")] == [15.3, 7.3, 6.67, 3.57]
    for errors in entries.values():  # more networks and crops, fewer errors; VGG's entry is older than its best network
        assert errors[0][0] < errors[2][0] and errors[1][0] < errors[2][0]
    table = {(networks, crops): error for networks, crops, error in contests.GOOGLENET}
    assert (table[7, 144], table[1, 144], table[1, 1]) == tuple(error for error, _ in entries["GoogLeNet"])
    known = {landmark.name: landmark.top5_error for landmark in page.LANDMARKS}
    assert known["googlenet"] == round(table[1, 1], 1)
    assert known["alexnet"] == entries["AlexNet"][1][0]


# What layers see


def test_a_separable_set_is_told_apart_and_noise_is_not():
    page, random = learning("hierarchy"), np.random.default_rng(0)
    truth = random.random(200) < 0.5
    noise = random.normal(size=(200, 20))
    assert 35 < page.separable_percent(noise, truth) < 65
    assert page.separable_percent(noise + 6 * truth[:, None], truth) > 97


def test_chosen_channels_are_particular_and_unlike():
    maps = np.random.default_rng(0).random((20, 20, 30)).astype(np.float32)
    maps[5, 5, 3] = maps[9, 2, 8] = 50
    chosen = learning("hierarchy").particular(maps)
    assert set(chosen[:2]) == {3, 8}
    assert len(set(chosen)) == len(chosen)


def test_pictures_are_small_and_shown():
    pictures = sorted((DOCS / "images").glob("*.jpg"))
    text = "".join(page.read_text() for page in DOCS.rglob("*.md"))
    assert {picture.name for picture in pictures} <= set(re.findall(r"\]\((?:\.\./)?images/([^)]+)\)", text))
    assert 0 < sum(picture.stat().st_size for picture in pictures) < 350_000
