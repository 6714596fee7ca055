"""Image encoders by others: what their input is, which output is taken, and outputs that are kept."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from clip_like import MEAN, STD
from color_pictures import write_pictures

from edgecnn.core.errors import ModelFileError, UsageError
from edgecnn.data import open_data
from edgecnn.encoders import EncoderHints, encoded, image_encoder, kept_outputs, onnx_session, open_encoder
from edgecnn.encoders.described import beside
from edgecnn.float_model import keras_file
from edgecnn.float_model.converters import environment

CLIP = {
    "crop_size": {"height": 224, "width": 224}, "do_center_crop": True, "do_normalize": True, "do_rescale": True,
    "image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711],
    "rescale_factor": 0.00392156862745098, "size": {"shortest_edge": 224},
}  # fmt: skip
DINOV2 = {
    **CLIP,
    "size": {"shortest_edge": 256},
    "image_mean": [0.485, 0.456, 0.406],
    "image_std": [0.229, 0.224, 0.225],
}
SIGLIP = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3, "size": {"height": 256, "width": 256}}
TIMM = {"pretrained_cfg": {"input_size": [3, 240, 240], "mean": [0.5] * 3, "std": [0.5] * 3, "crop_pct": 0.9}}
OPENCLIP = {"model_cfg": {"vision_cfg": {"image_size": 224}},
            "preprocess_cfg": {"mean": CLIP["image_mean"], "std": CLIP["image_std"]}}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "values", "size", "fit", "crop", "mean", "std"),
    [
        ("preprocessor_config.json", CLIP, 224, "crop", 1, MEAN[0], STD[0]),
        ("preprocessor_config.json", DINOV2, 224, "crop", 0.875, 123.675, 58.395),
        ("preprocessor_config.json", SIGLIP, 256, "stretch", None, 127.5, 127.5),
        ("preprocessor_config.json", {"do_rescale": True, "do_normalize": False, "size": 64}, 64, "crop", 1, 0, 255),
        ("config.json", TIMM, 240, "crop", 0.9, 127.5, 127.5),
        ("open_clip_config.json", OPENCLIP, 224, "crop", 1, MEAN[0], STD[0]),
    ],
)
def test_configurations_of_libraries(
    tmp_path: Path, name: str, values: object, size: int, fit: str, crop: float | None, mean: float, std: float
) -> None:
    (tmp_path / "onnx").mkdir()
    (tmp_path / name).write_text(json.dumps(values))
    for model in (tmp_path / "m.onnx", tmp_path / "onnx" / "m.onnx"):
        found = beside(model)
        assert found is not None and found.source == name
        assert (found.fields["size"], found.fields["fit"], found.fields.get("crop")) == (size, fit, crop)
        assert (found.fields["mean"][0], found.fields["std"][0]) == pytest.approx((mean, std), rel=1e-3)


def test_other_configurations(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "vit"}')
    assert beside(tmp_path / "m.onnx") is None
    (tmp_path / "preprocessor_config.json").write_text('{"image_mean": "x", "size": 3}')
    with pytest.raises(ModelFileError, match=r"preprocessor_config\.json has an invalid value.*--encoder-mean"):
        beside(tmp_path / "m.onnx")


# Stands for ONNX Runtime: an "ONNX model" is the JSON that tells what it takes; its vector is the mean color.
PROGRAM = """
import json, sys
import numpy as np
sys.path.insert(0, {programs!r})
from common import receive, send
told = json.load(open(sys.argv[1]))
def out(*arrays):
    for array in (np.array(len(arrays)), *arrays):
        send(sys.stdout.buffer, array)
out(np.frombuffer(json.dumps(told).encode(), np.uint8))
axes = tuple(told["axes"])
while True:
    images = receive(sys.stdin.buffer)
    assert images.dtype == np.float32 and told["inputs"][0]["shape"][0] in ("n", len(images))
    out(*(images.mean(axis=axes) for _ in told["outputs"]))
"""


@pytest.fixture()
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM.format(programs=str(environment.PROGRAMS)))
    monkeypatch.setattr(onnx_session, "_command", lambda path, progress: [sys.executable, str(program), str(path)])
    for module in (onnx_session, image_encoder):
        monkeypatch.setattr(module, "external_files", lambda path: [])  # the file is the stand-in's own
    return tmp_path / "m.onnx"


def write(path: Path, shape: list[object], axes: list[int], outputs: int = 1) -> Path:
    tensor = {"name": "image", "type": "tensor(float)", "shape": shape}
    made = [{"name": f"out{number}", "type": "tensor(float)", "shape": ["n", 3]} for number in range(outputs)]
    path.write_text(json.dumps({"inputs": [tensor], "outputs": made, "axes": axes}))
    return path


RAW = EncoderHints(encoder_mean=(0.0,), encoder_std=(1.0,))
IMAGES = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3)).astype(np.uint8)


@pytest.mark.parametrize(
    ("shape", "axes"),
    [(["n", 3, 8, 8], [2, 3]), ([4, 3, 8, 8], [2, 3]), (["n", 8, 8, 3], [1, 2]), ([2, 8, 8, 3], [1, 2])],
)
def test_layouts_and_fixed_batches(stand_in: Path, shape: list[object], axes: list[int]) -> None:
    found = open_encoder(write(stand_in, shape, axes), RAW)
    assert found.preprocessing.shape == (8, 8, 3) and found.size == 3
    assert found(IMAGES) == pytest.approx(IMAGES.mean(axis=(1, 2)), rel=1e-5)
    assert f"in {'NCHW' if 2 in axes and 3 in axes else 'NHWC'}" in found.notes[0]


def test_what_must_be_said(stand_in: Path) -> None:
    write(stand_in, ["n", "c", "h", "w"], [2, 3])
    with pytest.raises(UsageError, match=r"shape \[n, c, h, w\].*--encoder-layout NCHW or NHWC"):
        open_encoder(stand_in, RAW)
    with pytest.raises(UsageError, match="no fixed input size"):
        open_encoder(stand_in, EncoderHints(encoder_mean=(0.0,), encoder_std=(1.0,), encoder_layout="NCHW"))
    write(stand_in, ["n", "num_channels", "h", "w"], [2, 3], outputs=2)
    with pytest.raises(UsageError, match="does not say how its input is normalized"):
        open_encoder(stand_in, EncoderHints(encoder_size=8))
    said = EncoderHints(encoder_mean=(0.0,), encoder_std=(1.0,), encoder_size=8)
    with pytest.raises(ModelFileError, match=r"outputs out0 \[1, 3\], out1 \[1, 3\].*--encoder-output NAME"):
        open_encoder(stand_in, said)
    chosen = EncoderHints(encoder_mean=(0.0,), encoder_std=(1.0,), encoder_size=8, encoder_output="out1")
    assert open_encoder(stand_in, chosen)(IMAGES) == pytest.approx(IMAGES.mean(axis=(1, 2)), rel=1e-5)
    with pytest.raises(UsageError, match="has no output out9"):
        open_encoder(
            stand_in, EncoderHints(encoder_mean=(0.0,), encoder_std=(1.0,), encoder_size=8, encoder_output="out9")
        )


def test_a_keras_model_tells_its_own_scale(tmp_path: Path) -> None:
    from edgecnn.core.compat.tensorflow import keras

    image = keras.Input((16, 16, 3))
    scaled = keras.layers.Rescaling(1 / 127.5, -1)(image)
    keras_file.save(keras.Model(image, keras.layers.Conv2D(4, 3, name="map")(scaled)), None, tmp_path / "e.keras")
    found = open_encoder(tmp_path / "e.keras", EncoderHints())
    assert (found.preprocessing.mean, found.preprocessing.std) == ((0.0,), (1.0,))
    assert found.size == 4 and "mean over the places of the feature map" in found.notes[1]
    named = open_encoder(tmp_path / "e.keras", EncoderHints(encoder_output="map"))
    pixels = np.full((2, 16, 16, 3), 9, np.uint8)
    assert named(pixels) == pytest.approx(found(pixels))


def test_outputs_are_kept_and_unreadable_images_named(
    stand_in: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = open_encoder(write(stand_in, ["n", 8, 8, 3], [1, 2]), RAW)
    write_pictures(tmp_path / "data", 3)
    (tmp_path / "data" / "ant" / "broken.png").write_bytes(b"\x89PNG no")
    data = open_data(str(tmp_path / "data"))
    monkeypatch.setattr(kept_outputs, "_CHUNK", 4)
    first = encoded(found, data, data.digests())
    bad = next(row for row, each in enumerate(data.examples) if each.name.endswith("broken.png"))
    assert set(first.errors) == {bad} and not first.vectors[bad].any()
    assert len(first.vectors) == 10 and first.vectors[bad - 1].any()
    monkeypatch.setattr(kept_outputs, "_computed", lambda *_: pytest.fail("computed again"))
    assert (encoded(found, data, data.digests()).vectors == first.vectors).all()


def test_real_onnx_models(real_runtime: str, tmp_path: Path) -> None:
    """By ONNX Runtime itself: open sizes, fixed batches, data outside of the file, and what is refused."""
    subprocess.run([real_runtime, str(Path(__file__).with_name("clip_like.py")), str(tmp_path)], check=True)
    (tmp_path / "preprocessor_config.json").write_text(
        json.dumps({**CLIP, "crop_size": 8, "size": {"shortest_edge": 8}})
    )
    found = open_encoder(tmp_path / "vision_model.onnx", EncoderHints())
    expected = (IMAGES.mean(axis=(1, 2)) - MEAN) / STD
    assert found(IMAGES) == pytest.approx(expected, abs=2e-3)
    assert "by preprocessor_config.json" in found.notes[0]
    assert open_encoder(tmp_path / "fixed.onnx", RAW)(IMAGES) == pytest.approx(IMAGES.mean(axis=(1, 2)), rel=1e-5)
    for name, message in (
        ("outside.onnx", r"outside\.onnx has its weights in outside\.onnx\.data, which can't be read: No such file"),
        ("escaping.onnx", r"escaping\.onnx names a weights file .*; expected one in the model's folder"),
        ("both.onnx", r"has 2 inputs \(pixel_values, input_ids\); expected one image.*by itself"),
        ("none.onnx", "There is no model"),
    ):
        with pytest.raises(ModelFileError, match=message):
            open_encoder(tmp_path / name, RAW)
    (tmp_path / "text.onnx").write_text("no model")
    with pytest.raises(ModelFileError, match="is no valid ONNX model"):
        open_encoder(tmp_path / "text.onnx", RAW)
