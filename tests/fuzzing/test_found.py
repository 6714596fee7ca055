"""What the fuzzer found, each as the smallest case that shows it: a sentence now, at once."""

from __future__ import annotations

import io
import json
import re
import struct
import zipfile
from pathlib import Path

import cv2
import flatbuffers
import numpy as np
import pytest
import tiny_models
from PIL import Image
from small_graphs import Graph, schema

from edgecnn import artifact
from edgecnn.core.compat.litert_schema import pack, unpack
from edgecnn.core.errors import EdgecnnError, ModelFileError, PictureError, UsageError
from edgecnn.float_model import keras_file, loading
from edgecnn.graph.cut import cut
from edgecnn.inspection.opening import open_model
from edgecnn.recipe import run as recipe_run
from edgecnn.runtime.model import model_file
from edgecnn.runtime.process import guard
from edgecnn.runtime.run.decode import decode
from edgecnn.runtime.run.engine import Engine
from edgecnn.runtime.run.image_header import is_animated_gif
from edgecnn.runtime.run.program import least_activation_bytes
from edgecnn.runtime.zips import read_member
from edgecnn.visualization.subject import subject
from fuzzing import models, sandbox
from fuzzing.case import Case

OWN = models.seeds(())[0]
SPECIAL = ("fifo", "link:/dev/zero", "folder")
COMMANDS = {
    "classify x.tflite a.png": ("x.tflite", "Can't read x.tflite: it is "),
    "inspect x.tflite": ("x.tflite", "Can't read x.tflite: it is "),
    "report m.tflite -o p.html --verification x.json": ("x.json", "Can't read x.json: it is "),
    "report m.tflite -o p.html --profile x.json": ("x.json", "Can't read x.json: it is "),
    "devices list": (".config/edgecnn/devices.toml", "it is "),
}


def _run(case: Case, folder: Path) -> sandbox.Outcome:
    from fuzzing.running import command

    case.write(folder)
    return sandbox.run(command(case, folder), case.words, folder)


@pytest.mark.parametrize("special", SPECIAL)
@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_no_regular_file_is_refused_at_once(command: str, special: str, tmp_path: Path) -> None:
    name, said = COMMANDS[command]
    case = Case(command.split(), {"m.tflite": OWN, "a.png": models.picture(), name: special}, {"HOME": "{folder}"})
    found = _run(case, tmp_path)
    assert found.fault() is None and found.status == 1
    assert said in found.printed and "expected a regular file" in found.printed


@pytest.mark.parametrize("special", SPECIAL[:2])
@pytest.mark.parametrize("name", ["x.keras", "x.h5", "x.tflite", "x"])
def test_models_that_are_no_regular_files(name: str, special: str, tmp_path: Path) -> None:
    Case((), {name: special}).write(tmp_path)
    with pytest.raises(ModelFileError):
        loading.load(tmp_path / name)
    if name == "x.keras":
        with pytest.raises(ModelFileError, match="expected a regular file"):
            keras_file.load(tmp_path / name)


def test_a_recipe_that_is_no_regular_file(tmp_path: Path) -> None:
    Case((), {"r.toml": "fifo"}).write(tmp_path)
    with pytest.raises(EdgecnnError, match="FIFO"):
        recipe_run.run(tmp_path / "r.toml")


def _bomb(size: int) -> bytes:
    """The model as one by others, with labels that unpack to `size` bytes."""
    tree = unpack(OWN)
    tree.metadata = [entry for entry in tree.metadata if entry.name == b"TFLITE_METADATA"]
    tree.buffers = [
        buffer for buffer in tree.buffers if b"sha256" not in bytes(buffer.data if buffer.data is not None else b"")
    ]
    bare = pack(tree)
    stream = io.BytesIO(bare)
    stream.seek(0, io.SEEK_END)
    with zipfile.ZipFile(stream, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("labels.txt", b"\n" * size)
    return stream.getvalue()


def test_labels_that_unpack_to_gigabytes(tmp_path: Path) -> None:
    with pytest.raises(
        ModelFileError, match=r"labels file 'labels.txt' inside the model can't be read: it unpacks to more"
    ):
        model_file.from_bytes(_bomb(100 << 20))


def test_a_member_is_read_up_to_its_limit_whatever_its_header_claims() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", b"x" * 1000)
    with zipfile.ZipFile(stream) as archive:
        assert read_member(archive, "a", 1000) == b"x" * 1000
        with pytest.raises(ValueError, match="more than 999"):
            read_member(archive, "a", 999)


def test_an_archive_with_a_member_without_a_name(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "d.zip", "w") as archive:
        archive.writestr(zipfile.ZipInfo(""), b"")
        archive.writestr("x/1.png", models.picture())
    case = Case(["verify", "m.tflite", "--against", "m.tflite", "--data", "d.zip"], {"m.tflite": OWN})
    found = _run(case, tmp_path)
    assert found.fault() is None, found.printed


@pytest.mark.parametrize("text", ["[]", "[1]", '{"build": 3}', '"x"', "null", "{", "[" * 50_000])
def test_a_damaged_state_of_a_run_is_none(text: str, tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_text(text)
    assert recipe_run.read_state(path) == {}
    path.write_text('{"build": {"fingerprint": "x"}}')
    assert recipe_run.read_state(path) == {"build": {"fingerprint": "x"}}


def test_the_lock_of_a_run_is_no_fifo_that_is_waited_for(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text('[model]\nname = "mobilenet_v1"\n')
    Case((), {"out/.lock": "link:/nowhere"}).write(tmp_path)
    with pytest.raises(EdgecnnError, match="Can't write to"):
        recipe_run.run(tmp_path / "r.toml", folder=tmp_path / "out")


@pytest.mark.parametrize(
    "metadata", [[], 3, {"keras_version": "\u00b2"}, {"keras_version": "9" * 5000}, {"keras_version": None}]
)
def test_a_keras_file_with_absurd_metadata(metadata: object, tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", json.dumps(metadata))
    with pytest.raises(ModelFileError, match=re.escape(str(path))):
        loading.load(path)


def _with_span(span: bytes) -> bytes:
    """Our artifact with another place of its graph, under a right digest."""
    tree = unpack(OWN)
    entry = next(entry for entry in tree.metadata if entry.name == b"edgecnn_graph")
    tree.buffers[entry.buffer].data = np.frombuffer(span, np.uint8)
    return models.redigested(pack(tree))


def test_an_artifact_whose_graph_lies_elsewhere() -> None:
    other = tiny_models.graph(filters=16)
    sealed = _with_span(b"\0" * 16)
    hidden = models.redigested(_with_span(struct.pack("<QQ", len(sealed), len(other))) + other)
    for data in (_with_span(b""), _with_span(b"\0" * 3), sealed, _with_span(b"\xff" * 16), hidden):
        file = model_file.from_bytes(data, "m.tflite")
        assert file.sealed
        with pytest.raises(ModelFileError, match=r"m\.tflite"):
            artifact.graph_bytes(file)
        with pytest.raises(ModelFileError):
            cut(file)


def test_parts_that_only_the_official_reader_reads() -> None:
    shared = schema.SignatureDefT()
    shared.signatureKey, shared.inputs = b"x", [schema.TensorMapT()] * 3
    tree = unpack(tiny_models.graph())
    tree.signatureDefs = [shared]
    data = pack(tree)
    assert unpack(data).signatureDefs[0].signatureKey == b"x"
    refused = 0
    for place in range(4, len(data) - 4, 4):
        damaged = data[:place] + b"\xff\xff\xff\x7f" + data[place + 4 :]
        try:
            unpack(damaged)
        except ModelFileError as error:
            refused += 1
            assert len(str(error)) < 200
    assert refused > 20


def _shared_signatures(count: int) -> bytes:
    """A model of `count` signatures that are one, of `count` inputs that are one."""
    builder = flatbuffers.Builder(1024)
    schema.TensorMapStart(builder)
    entry = schema.TensorMapEnd(builder)
    schema.SignatureDefStartInputsVector(builder, count)
    for _ in range(count):
        builder.PrependUOffsetTRelative(entry)
    inputs = builder.EndVector()
    schema.SignatureDefStart(builder)
    schema.SignatureDefAddInputs(builder, inputs)
    signature = schema.SignatureDefEnd(builder)
    schema.ModelStartSignatureDefsVector(builder, count)
    for _ in range(count):
        builder.PrependUOffsetTRelative(signature)
    signatures = builder.EndVector()
    schema.ModelStart(builder)
    schema.ModelAddSignatureDefs(builder, signatures)
    builder.Finish(schema.ModelEnd(builder), b"TFL3")
    return bytes(builder.Output())


def test_signatures_that_share_others_are_read_in_proportion_to_the_file() -> None:
    assert len(unpack(_shared_signatures(10)).signatureDefs[9].inputs) == 10
    with pytest.raises(ModelFileError, match="overlap so much"):
        unpack(_shared_signatures(3000))


def test_an_output_that_nothing_computes(tmp_path: Path) -> None:
    made = Graph()
    image = made.tensor("image", (1, 8, 8, 3))
    made.conv("conv", image, 4)
    file = model_file.from_bytes(made.build([image], [made.tensor("nothing", (1, 4))]), "m.tflite")
    with pytest.raises(ModelFileError, match=r"m\.tflite: the TFLite runtime"):
        guard.try_out(file)


def test_feature_maps_of_a_model_that_only_the_plain_kernels_refuse(tmp_path: Path) -> None:
    """What shows the maps is tried in a child too, and its refusal is a sentence."""
    made = Graph()
    image = made.tensor("image", (1, 8, 8, 3))
    made.conv("conv", image, 4)
    answer = made.tensor("nothing", (1, 4))
    path = tmp_path / "m.tflite"
    path.write_bytes(made.build([image], [answer]))
    with pytest.raises(ModelFileError, match="the TFLite runtime"):
        subject(open_model(str(path)))


def test_images_whose_offsets_lead_out_of_the_file() -> None:
    far = (b"II+\0\x08\0\0\0" + b"\xff" * 8, b"MM\0+\0\x08\0\0" + b"\xff" * 8)
    for data in far:
        with pytest.raises(PictureError, match="damaged"):
            decode(data)
    exif = b"Exif\0\0" + far[0]
    jpeg = bytes(cv2.imencode(".jpg", np.zeros((8, 8, 3), np.uint8))[1])
    marked = jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]
    assert decode(marked).shape == (8, 8, 3)


def test_a_gif_that_is_cut_short_anywhere() -> None:
    stream = io.BytesIO()
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "green", "blue")]
    frames[0].save(stream, "GIF", save_all=True, append_images=frames[1:])
    data = stream.getvalue()
    assert is_animated_gif(data)
    found = [is_animated_gif(data[:end]) for end in range(len(data))]
    assert found == sorted(found) and any(found) and not all(found)


def _large(height: int, width: int, kernel: int = 1) -> bytes:
    made = Graph()
    image = made.tensor("image", (1, height, width, 3))
    pool = schema.Pool2DOptionsT()
    pool.filterHeight = pool.filterWidth = pool.strideH = pool.strideW = kernel
    return made.build([image], [_mean(made, made.unary("AVERAGE_POOL_2D", "pool", image, pool))])


def _mean(made: Graph, maps: int, dtype: str = "i1") -> int:
    """What makes a classifier of it."""
    axes, answer = made.tensor("axes", (2,), "i4", values=[1, 2]), made.tensor("mean", (1, 3), dtype)
    made.operator("MEAN", [maps, axes], [answer], schema.ReducerOptionsT())
    return answer


@pytest.mark.parametrize("words", ["classify m.tflite a.png", "visualize m.tflite a.png -o p.html", "inspect m.tflite"])
@pytest.mark.parametrize(("height", "width"), [(20_000, 20_000), (1, 400_000_000), (70_000, 3_000)])
def test_a_small_file_that_asks_for_gigabytes(words: str, height: int, width: int, tmp_path: Path) -> None:
    found = _run(Case(words.split(), {"m.tflite": _large(height, width), "a.png": models.picture()}), tmp_path)
    assert found.fault() is None, found
    assert found.status == 0 or "MB for its activations, but the limit is 256 MB" in found.printed


def test_the_limit_of_activations_can_be_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    file = model_file.from_bytes(tiny_models.graph(), "m.tflite")
    assert least_activation_bytes(file.model.graph) == 32 * 32 * 3 + 16 * 16 * 8
    monkeypatch.setenv("EDGECNN_MAX_ACTIVATIONS_MB", "0.005119")
    with pytest.raises(ModelFileError, match="EDGECNN_MAX_ACTIVATIONS_MB"):
        Engine(file)
    monkeypatch.setenv("EDGECNN_MAX_ACTIVATIONS_MB", "0.00512")
    Engine(file)
    monkeypatch.setenv("EDGECNN_MAX_ACTIVATIONS_MB", "much")
    with pytest.raises(UsageError, match="much"):
        Engine(file)


@pytest.mark.parametrize("kernel", [1 << 20, (1 << 31) - 1])
def test_windows_that_no_network_has(kernel: int, tmp_path: Path) -> None:
    found = _run(Case(["inspect", "m.tflite"], {"m.tflite": _large(500, 500, kernel)}), tmp_path)
    assert found.fault() is None and found.status in (0, 1), found


def test_a_map_without_pixels(tmp_path: Path) -> None:
    made = Graph()
    image = made.tensor("image", (1, 8, 8, 3))
    empty = made.conv("conv", image, 4)
    made.graph.tensors[empty].shape = [1, 0, 8, 4]
    axes = made.tensor("axes", (2,), "i4", values=[1, 2])
    answer = made.tensor("answer", (1, 4))
    made.operator("MEAN", [empty, axes], [answer], schema.ReducerOptionsT())
    data = made.build([image], [answer])
    for words in ("inspect m.tflite --all --geometry", "inspect m.tflite --html p.html --target edgetpu"):
        found = _run(Case(words.split(), {"m.tflite": data}), tmp_path)
        assert found.fault() is None and found.status in (0, 1), found


def _endless() -> bytes:
    """A model whose only operator is a loop that never ends."""
    made = Graph()
    image = made.tensor("image", (1, 8, 8, 3), "f4")
    answer = made.tensor("answer", (1, 8, 8, 3), "f4")
    options = schema.WhileOptionsT()
    options.condSubgraphIndex, options.bodySubgraphIndex = 1, 2
    made.operator("WHILE", [image], [answer], options)
    forever = schema.BufferT()
    forever.data = np.ones(1, np.uint8)
    made.model.buffers.append(forever)
    made.graph.inputs, made.graph.outputs = [image], [answer]
    for name in ("condition", "body"):
        graph, given = schema.SubGraphT(), schema.TensorT()
        given.name, given.shape, given.type, given.buffer = "x", [1, 8, 8, 3], schema.TensorType.FLOAT32, 0
        true = schema.TensorT()
        true.name, true.shape, true.type, true.buffer = "true", [], schema.TensorType.BOOL, len(made.model.buffers) - 1
        graph.name, graph.tensors, graph.operators, graph.inputs = name, [given, true], [], [0]
        graph.outputs = [1] if name == "condition" else [0]
        made.model.subgraphs.append(graph)
    return made.build([image], [_mean(made, answer, "f4")])


# What makes the limit about a second: the commands run the model once, twice, five times.
_LEAST_S = {"classify": 1.0, "visualize": -2.0, "profile": 1.0, "demo": -11.0}


@pytest.mark.parametrize(
    "words",
    [
        "classify m.tflite a.png",
        "visualize m.tflite a.png -o p.html",
        "profile m.tflite",
        "demo m.tflite --source a.png --headless --seconds 1",
    ],
)
def test_a_loop_without_end(words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "LEAST_PROCESSOR_S", _LEAST_S[words.split()[0]])
    found = _run(Case(words.split(), {"m.tflite": _endless(), "a.png": models.picture()}), tmp_path)
    assert found.fault() is None and found.status == 1, found
    assert "did not finish running this model" in found.printed


def _inspected(made: Graph, inputs: list[int], outputs: list[int], folder: Path) -> sandbox.Outcome:
    data = made.build(inputs, outputs)
    return _run(Case(["inspect", "m.tflite", "--all", "--target", "edgetpu"], {"m.tflite": data}), folder)


def test_axes_of_a_reduction_in_a_matrix(tmp_path: Path) -> None:
    made = Graph()
    image = made.tensor("image", (1, 8, 8, 3))
    axes = made.tensor("axes", (1, 2), "i4", values=[[1, 2]])
    answer = made.tensor("answer", (1, 3))
    made.operator("MEAN", [image, axes], [answer], schema.ReducerOptionsT())
    found = _inspected(made, [image], [answer], tmp_path)
    assert found.fault() is None and found.status in (0, 1), found


def test_an_operator_in_place_of_nothing(tmp_path: Path) -> None:
    made = Graph()
    image = made.tensor("image", (1, 8, 8, 3))
    answer = made.tensor("answer", (1, 192))
    made.operator("RESHAPE", [made.constant("constant", (1, 8, 8, 3))], [answer])
    found = _inspected(made, [image], [answer], tmp_path)
    assert found.fault() is None and found.status in (0, 1), found
