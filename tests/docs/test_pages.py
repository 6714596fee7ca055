"""The learning pages: figures against the literature and Keras, commands against the command line."""

import importlib
import json
import re
import sys
from pathlib import Path

import pytest
from commands import parse_command

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"
sys.path.insert(0, str(ROOT / "tools"))
PAGES = (
    *("convolution", "padding", "equivariance", "pooling", "global_pooling", "receptive_field", "small_kernels"),
    *("hierarchy", "residual", "separable", "landmarks", "transfer_learning", "cnn_vs_vit"),
)


@pytest.fixture(scope="module")
def measured():
    return json.loads((DOCS / "measured.json").read_text())


@pytest.mark.parametrize("name", PAGES)
def test_every_page_ends_with_commands_that_exist(name):
    text = (DOCS / f"{name}.md").read_text()
    block = re.search(r"## Try it\n\n```\n(.*?)\n```", text, re.DOTALL)
    assert block
    for line in block[1].splitlines():
        parse_command(line)


def test_depths_are_the_names_of_the_networks(measured):
    """ResNet-50 is called so for its depth; VGG, AlexNet, GoogLeNet and MobileNet V1 (28, section 3.3) state theirs."""
    known = {
        "alexnet": 8,
        "vgg16": 16,
        "vgg19": 19,
        "googlenet": 22,
        "resnet50": 50,
        "resnet152": 152,
        "mobilenet_v1": 28,
    }
    models = measured["landmarks"]["models"]
    found = {name: models[name]["depth"] for name in known if name in models}
    assert len(found) >= 3
    assert found == {name: known[name] for name in found}


def test_depth_is_counted_along_the_longest_path():
    from edgecnn.builder import build_model
    from edgecnn.graph import keras_network
    from edgecnn.inspection.analysis import analyze

    landmarks = importlib.import_module("learning.landmarks")
    model, _ = build_model("mobilenet_v1", input_size=64, width=0.25)
    assert landmarks.depth(analyze(keras_network.read(model))) == 28


def test_stored_receptive_fields_are_what_the_code_gives(measured):
    from edgecnn.inspection.view import field_size

    page = importlib.import_module("learning.receptive_field")
    last = page.report("mobilenet_v1").last_map
    assert field_size(last.reach) == measured["receptive_field"]["fields"]["mobilenet_v1"]["field"] == "315"
    for name, value in page.PUBLISHED.items():
        if name in measured["receptive_field"]["fields"]:
            assert measured["receptive_field"]["fields"][name]["field"] == str(value)


def test_parameter_counts_of_the_convolution_page_are_keras_own():
    from edgecnn.core.compat.tensorflow import keras

    page = importlib.import_module("learning.convolution")
    layer = keras.layers.Conv2D(32, 3, strides=2, padding="same")
    layer.build((None, 224, 224, 3))
    assert layer.count_params() == page.COUNTS[2]
    dense = keras.layers.Dense(4)
    dense.build((None, 224 * 224 * 3))
    assert dense.count_params() * page.POSITIONS * page.MAPS == page.COUNTS[0] * 4


def test_standalone_drawings_are_well_formed():
    from xml.etree import ElementTree

    drawings = sorted((DOCS / "images").glob("*.svg"))
    assert len(drawings) >= 3
    for path in drawings:
        assert ElementTree.parse(path).getroot().tag == "{http://www.w3.org/2000/svg}svg"
