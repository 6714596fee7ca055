"""Drawings against what can be computed by hand: weights, gradients, planted objects."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from edgecnn.core.compat.tensorflow import keras, tf
from edgecnn.core.errors import UsageError
from edgecnn.data import open_data
from edgecnn.html import images
from edgecnn.inspection.opening import open_model
from edgecnn.quantization import quantize
from edgecnn.runtime.model.contract import Contract, Preprocessing
from edgecnn.visualization import features, filters, heat, patches
from edgecnn.visualization.class_choice import find_class
from edgecnn.visualization.draw import Request, draw
from edgecnn.visualization.subject import KerasSubject, subject

SIZE = 32
CONTRACT = Contract(Preprocessing(SIZE, SIZE, crop=1.0), labels=("red thing", "green thing", "blue thing"))
PANELS = ("filters", "features", "gradcam", "occlusion")


@pytest.fixture(scope="module")
def colors():
    """A classifier that can be understood: three channels that answer to red, green, blue; class = mean of a "
    "channel."""
    layers = keras.layers
    picture = keras.Input((SIZE, SIZE, 3))
    x = layers.Conv2D(3, 3, strides=2, padding="same", activation="relu", name="conv")(picture)
    x = layers.GlobalAveragePooling2D(name="mean")(x)
    model = keras.Model(picture, layers.Dense(3, name="logits")(x), name="colors")
    kernel = np.full((3, 3, 3, 3), -1 / 9, np.float32)
    for color in range(3):
        kernel[:, :, color, color] = 1 / 9
    model.get_layer("conv").set_weights([kernel, np.full(3, -0.5, np.float32)])
    model.get_layer("logits").set_weights([30 * np.eye(3, dtype=np.float32), np.zeros(3, np.float32)])
    return model


@pytest.fixture(scope="module")
def files(colors, tmp_path_factory):
    folder = tmp_path_factory.mktemp("colors")
    quantize((colors, CONTRACT), folder / "float.tflite", scheme="float32")
    return folder


def painted(row, column, color=2, side=8):
    """A gray image (BGR) with a square of one color; color 2 is red."""
    picture = np.full((SIZE, SIZE, 3), 127, np.uint8)
    picture[row : row + side, column : column + side] = [255 * (channel == color) for channel in range(3)]
    return picture


def subjects(colors, files):
    return [subject(open_model(str(files / "float.tflite"))), _keras_subject(colors)]


def _keras_subject(model):
    from edgecnn.graph import keras_network
    from edgecnn.inspection.analysis import analyze

    return KerasSubject(model.name, CONTRACT, analyze(keras_network.read(model)), model)


def test_both_kinds_give_the_same_answers_and_maps(colors, files):
    lite, own = subjects(colors, files)
    fitted = own.fitted(painted(4, 20))
    assert own.answers(fitted, 1)[0]["label"] == "red thing"
    np.testing.assert_allclose(lite.probabilities(fitted[None]), own.probabilities(fitted[None]), atol=1e-5)
    maps = [found.maps(fitted, [found.layer("conv")])[0] for found in (lite, own)]
    np.testing.assert_allclose(*maps, atol=1e-5)
    np.testing.assert_allclose(lite.first_kernel()[1], own.first_kernel()[1], atol=1e-6)


@pytest.mark.parametrize("kind", [0, 1], ids=["tflite", "keras"])
def test_heat_maps_find_the_planted_square(colors, files, kind):
    found = subjects(colors, files)[kind]
    fitted = found.fitted(painted(4, 20))
    cam = found.class_activation(fitted, 0, found.layer("conv"))
    assert cam.shape == (16, 16)
    assert cam[2:6, 10:14].min() > 0
    cam[1:7, 9:15] = 0
    assert cam.max() == 0
    drops, base = heat.occlusion_map(found, fitted, 0)
    assert base > 0.5
    row, column = np.unravel_index(drops.argmax(), drops.shape)
    assert 4 - 4 <= row * 28 / 12 <= 12
    assert 20 - 4 <= column * 28 / 12 <= 28


def test_grad_cam_is_the_papers_formula():
    """alpha_k = mean of d score / d A_k, map = relu(sum of alpha_k A_k), with the derivative by finite "
    "differences."""
    keras.utils.set_random_seed(3)
    layers = keras.layers
    picture = keras.Input((SIZE, SIZE, 3))
    x = layers.Conv2D(4, 3, strides=8, padding="same", activation="relu", name="map")(picture)
    y = layers.Dense(5, activation="tanh")(layers.Flatten()(x))
    model = keras.Model(picture, layers.Dense(3)(y))
    head_input = keras.Input((4, 4, 4))
    head = keras.Model(head_input, model.layers[-1](model.layers[-2](model.layers[-3](head_input))))
    found = _keras_subject(model)
    fitted = found.fitted(np.random.default_rng(1).integers(0, 256, (SIZE, SIZE, 3)).astype(np.uint8))
    maps = found.maps(fitted, [found.layer("map")])[0]
    moved = np.repeat(maps[None], 2 * maps.size, axis=0)
    for index in range(maps.size):
        for sign in (0, 1):
            moved[2 * index + sign].flat[index] += (-1e-2, 1e-2)[sign]
    scores = head(tf.constant(moved)).numpy()[:, 1]
    gradient = ((scores[1::2] - scores[::2]) / 2e-2).reshape(maps.shape)
    expected = np.maximum((gradient.mean(axis=(0, 1)) * maps).sum(axis=-1), 0)
    np.testing.assert_allclose(found.class_activation(fitted, 1, found.layer("map")), expected, atol=2e-3)


def test_patches_are_found_in_the_picture_that_has_them(colors, tmp_path):
    for index, (row, column, color) in enumerate([(0, 0, 0), (10, 22, 2), (3, 3, 1), (16, 4, 0)]):
        cv2.imwrite(str(tmp_path / f"{index}.png"), painted(row, column, color))
    found = _keras_subject(colors)
    best = patches.best_patches(found, open_data(str(tmp_path)), found.layer("conv"), [0, 2])
    red, blue = (max(best[channel]) for channel in (0, 2))
    assert red.name.endswith("1.png")
    assert (red.patch == (255, 0, 0)).all()
    assert {hit.name[-5:] for hit in sorted(best[2])[-2:]} == {"0.png", "3.png"}
    assert blue.patch.shape == (3, 3, 3)


def test_a_patch_is_the_receptive_field(colors):
    found = _keras_subject(colors)
    fitted = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3)).astype(np.uint8)
    assert (patches.cut_out(fitted, found.layer("conv"), (3, 5)) == fitted[6:9, 10:13]).all()
    assert patches.cut_out(fitted, found.layer("conv"), (15, 15)).shape == (
        2,
        2,
        3,
    )  # padding is no part of the image


def test_contact_sheets_are_sorted_by_strength(colors):
    found = _keras_subject(colors)
    fitted = found.fitted(painted(0, 0, color=1, side=32))
    maps = found.maps(fitted, [found.layer("conv")])[0]
    assert features.strongest(maps)[0] == 1
    panel = features.panel(found, fitted, [found.layer("conv")])
    assert panel.values["conv"]["answering"] == 1
    assert panel.drawings[0].picture.shape == (72, 8 * 74 - 2, 4)


def test_filters_show_zero_as_gray_and_colors_as_themselves():
    weights = np.zeros((2, 2, 3), np.float32)
    weights[0, 0] = (1, 0, -1)
    picture = filters.filter_picture(weights)
    assert picture[0, 0].tolist() == [255, 128, 0]
    assert picture[1, 1].tolist() == [128, 128, 128]
    assert filters.filter_picture(weights, "bgr")[0, 0].tolist() == [0, 128, 255]


def test_color_maps_are_ordered_for_every_eye():
    """Lightness (CIE L*) grows along viridis, also as seen without red or green receptors."""
    ramp = images.viridis(np.linspace(0, 1, 64)[None])
    lightness = cv2.cvtColor(ramp[:, :, ::-1].copy(), cv2.COLOR_BGR2LAB)[0, :, 0].astype(int)
    assert (np.diff(lightness) >= 0).all()
    assert lightness[-1] - lightness[0] > 150
    signed = images.signed(np.array([[-1.0, 0.0, 1.0]]))[0].astype(int)
    assert signed[1].min() > 240
    assert signed[0, 2] > signed[0, 0] + 100  # blue below zero
    assert signed[2, 0] > signed[2, 2] + 100  # orange above


def test_png_and_page_image_survive_the_round_trip():
    picture = np.random.default_rng(0).integers(0, 256, (5, 7, 4)).astype(np.uint8)
    decoded = cv2.imdecode(np.frombuffer(images.png(picture), np.uint8), cv2.IMREAD_UNCHANGED)
    assert (cv2.cvtColor(decoded, cv2.COLOR_BGRA2RGBA) == picture).all()
    assert 'alt="a &lt;b&gt;"' in images.image(picture, "a <b>")


def test_classes_by_name_number_and_part(colors):
    found = _keras_subject(colors)
    assert [find_class(found.contract, found.classes, text) for text in ("1", "blue", "RED thing")] == [1, 2, 0]
    with pytest.raises(UsageError, match="matches 3 classes"):
        find_class(found.contract, found.classes, "thing")
    with pytest.raises(UsageError, match="is not a class of this model"):
        find_class(found.contract, found.classes, "9")


def test_class_activation_is_refused_where_it_would_be_wrong(tmp_path: Path):
    layers = keras.layers
    picture = keras.Input((SIZE, SIZE, 3))
    x = layers.Conv2D(4, 3, strides=8, name="map")(picture)
    model = keras.Model(picture, layers.Dense(3)(layers.Flatten()(x)))
    quantize((model, CONTRACT), tmp_path / "m.tflite", scheme="float32")
    found = subject(open_model(str(tmp_path / "m.tflite")))
    panel = heat.grad_cam(found, found.fitted(painted(0, 0)), [0])
    assert not panel.drawings
    assert "global average pooling and one linear layer" in panel.missing


@pytest.mark.parametrize("suffix", ["keras", "tflite"])
def test_a_model_without_maps_gets_its_other_panels(suffix: str, tmp_path: Path):
    picture = keras.Input((SIZE, SIZE, 3))
    model = keras.Model(picture, keras.layers.Dense(3)(keras.layers.Flatten()(picture)))
    if suffix == "tflite":
        quantize((model, CONTRACT), tmp_path / "m.tflite", scheme="float32")
    found = subject(open_model(str(tmp_path / "m.tflite"))) if suffix == "tflite" else _keras_subject(model)
    panels = {panel.name: panel for panel in draw(found, painted(0, 0), Request(PANELS))}
    missing = {name: panel.missing for name, panel in panels.items() if panel.missing}
    assert set(missing) == {"filters", "features", "gradcam"} and panels["occlusion"].drawings
    assert "no convolution" in missing["filters"] and all(
        "no feature map" in missing[n] for n in ("features", "gradcam")
    )


def test_layers_inside_a_nested_model_are_refused_in_words(colors):
    picture = keras.Input((SIZE, SIZE, 3))
    found = _keras_subject(keras.Model(picture, keras.layers.Softmax()(colors(picture))))
    panels = {panel.name: panel for panel in draw(found, painted(0, 0), Request(PANELS))}
    assert all("inside a nested model" in panels[name].missing for name in ("filters", "features", "gradcam"))
    with pytest.raises(UsageError, match="inside a nested model"):
        draw(found, painted(0, 0), Request(("features",), layers=("conv",)))
