"""Building by name: contract, seeds, labels and what is refused."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from edgecnn.builder import build_model
from edgecnn.core.errors import UsageError, WeightsError
from edgecnn.models import spec, variants
from edgecnn.models.imagenet import labels, wordnet_ids


def test_listing_costs_no_tensorflow() -> None:
    code = "import sys; from edgecnn.models import variants; print(len(variants()), 'tensorflow' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert said == f"{len(variants())} False\n"


def test_every_variant_is_a_whole_row() -> None:
    for name, row in variants().items():
        assert row.paper.endswith(")") and row.url.startswith("https://"), name
        assert 40 < row.top1 < 90 and row.macs > 1e6, name
        assert row.preprocessing().height == row.input_size, name


def test_imagenet_weights_bring_names() -> None:
    model, contract = build_model("efficientnet_lite0", weights="imagenet")
    assert contract.labels[281] == "tabby cat" and contract.label_ids[281] == "n02123045"
    assert contract.model.weights == "imagenet" and len(contract.provenance.weights.sha256) == 64
    assert (contract.preprocessing.mean, contract.preprocessing.std) == ((127.0,), (128.0,))
    assert contract.preprocessing.crop == 224 / 256
    assert model.output_shape == (None, 1000) == (None, len(contract.labels))


def test_class_names_are_unique_and_in_ilsvrc_order() -> None:
    assert len(set(labels())) == len(labels()) == 1000
    assert list(wordnet_ids()) == sorted(set(wordnet_ids()))  # the order of the synsets of ILSVRC 2012
    assert {name: labels().index(name) for name in ("tench", "macaw", "military uniform")} == {
        "tench": 0,
        "macaw": 88,
        "military uniform": 652,
    }
    assert max(map(len, labels())) <= 40


def test_a_new_head_keeps_the_backbone_and_gets_no_names() -> None:
    full, _ = build_model("efficientnet_lite0", weights="imagenet")
    small, contract = build_model("efficientnet_lite0", weights="imagenet", classes=7)
    assert contract.labels == () and small.output_shape == (None, 7)
    np.testing.assert_array_equal(
        small.get_layer("top_conv").get_weights()[0], full.get_layer("top_conv").get_weights()[0]
    )


def test_pretrained_grayscale_equals_color_on_gray_pictures() -> None:
    color, _ = build_model("efficientnet_lite0", weights="imagenet", input_size=64)
    gray, contract = build_model("efficientnet_lite0", weights="imagenet", input_size=64, color="gray")
    picture = np.random.default_rng(0).normal(size=(2, 64, 64, 1)).astype(np.float32)
    assert contract.preprocessing.color == "gray"
    np.testing.assert_allclose(gray(picture), color(np.repeat(picture, 3, axis=3)), atol=1e-4)


def test_seeds_repeat() -> None:
    kernels = [build_model("mobilenet_v2", seed=seed, input_size=32)[0].get_weights()[0] for seed in (1, 1, 2)]
    assert np.array_equal(kernels[0], kernels[1]) and not np.array_equal(kernels[0], kernels[2])


def test_gray_averages_the_colors_normalization() -> None:
    preprocessing = spec("efficientnet_b0").preprocessing(color="gray")
    assert preprocessing.mean == pytest.approx((114.495,)) and len(preprocessing.std) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "mobilenet-v2"}, "Did you mean mobilenet_v2"),
        ({"name": "zzz"}, "`edgecnn models` lists all"),
        ({"input_size": 31}, "input_size is 31; expected a whole number from 32 to 2,048 pixels"),
        ({"input_size": 4096}, "expected a whole number from 32 to 2,048"),
        ({"width": 0.0}, "width is 0.0; expected a number from 0.1 to 4"),
        ({"width": float("nan")}, "width is nan"),
        ({"classes": 0}, "classes is 0; expected a whole number from 1"),
        ({"classes": 1}, "classes is 1; expected a whole number from 2 for the classifier"),
        ({"color": "cmyk"}, "expected one of: rgb, gray"),
        ({"name": "efficientnet_lite4", "weights": "imagenet"}, "no ImageNet weights of efficientnet_lite4"),
    ],
)
def test_wrong_use_is_refused_with_a_remedy(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        build_model(**{"name": "mobilenet_v2", "input_size": 32, **arguments})  # type: ignore[arg-type]
    assert message in str(caught.value)


def test_there_are_no_wheel_weights_of_other_widths() -> None:
    with pytest.raises(WeightsError, match=r"only for width 1\.0; received width 0\.5"):
        build_model("efficientnet_lite0", width=0.5, weights="imagenet", input_size=32)
