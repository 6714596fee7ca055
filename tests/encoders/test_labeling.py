"""`edgecnn label`: tokens, class embeddings, confidence, the manifest, and its error."""

from __future__ import annotations

import csv
import gzip
import json
import pickle
import subprocess
from pathlib import Path

import numpy as np
import pytest
from color_pictures import write_pictures

from edgecnn.cli import cli
from edgecnn.core.compat.tensorflow import keras
from edgecnn.core.errors import DataError, ModelFileError, UsageError
from edgecnn.data import open_data
from edgecnn.encoders import EncoderHints
from edgecnn.float_model import keras_file
from edgecnn.labeling import LabelOptions, label
from edgecnn.labeling.class_embeddings import class_embeddings
from edgecnn.labeling.confidence import fitted_scale, measured_error, probabilities
from edgecnn.labeling.tokenizer import Tokenizer, read_tokenizer, words

RAW = EncoderHints(encoder_mean=(127.5,), encoder_std=(127.5,))
CLASSES = ("ant", "bee", "cat")
VECTORS = np.float32([[-1, -1, 1.5], [-1, 1.5, -1], [1.5, -1, -1]])  # their colors, red first


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image's vector is its mean color."""
    image = keras.Input((8, 8, 3))
    path = tmp_path_factory.mktemp("encoder") / "e.keras"
    keras_file.save(keras.Model(image, keras.layers.GlobalAveragePooling2D()(image)), None, path)
    return path


@pytest.fixture(scope="module")
def flat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 images without labels: their names still tell what they show."""
    root = write_pictures(tmp_path_factory.mktemp("labeled"), 10)
    folder = tmp_path_factory.mktemp("flat")
    for path in root.glob("*/*.png"):
        (folder / f"{path.parent.name}-{path.name}").write_bytes(path.read_bytes())
    return folder


@pytest.fixture()
def options(encoder: Path, tmp_path: Path) -> LabelOptions:
    np.save(tmp_path / "text.npy", VECTORS)
    return LabelOptions(encoder=encoder, classes=CLASSES, embeddings=tmp_path / "text.npy", hints=RAW)


def changed(options: LabelOptions, **values: object) -> LabelOptions:
    return LabelOptions(**{**vars(options), **values})  # type: ignore[arg-type]


def test_the_manifest_is_read_as_data(options: LabelOptions, flat: Path, tmp_path: Path) -> None:
    found = label(str(flat), tmp_path / "out" / "labels.csv", options)
    assert found.kept.count == 30 and found.scale_from == "CLIP's" and found.measured_error is None
    assert [each.kept for each in found.classes] == [10, 10, 10]
    data = open_data(str(tmp_path / "out" / "labels.csv"))
    assert data.classes == CLASSES
    for example in data.examples:
        assert example.label == Path(example.name).name.split("-")[0]
        example.read()
    with (tmp_path / "out" / "labels.csv").open() as file:
        sure = [float(row["confidence"]) for row in csv.DictReader(file)]
    assert found.estimated_error_percent == pytest.approx(100 * (1 - np.mean(sure)), abs=0.01)


def test_the_error_is_measured_on_labeled_images(options: LabelOptions, flat: Path, tmp_path: Path) -> None:
    """Two of 24 true classes contradict what the images show: 8 % of the labels are found wrong."""
    root = write_pictures(tmp_path / "few", 8, seed=3)
    for number in range(2):
        (root / "ant" / f"3-00{number}.png").rename(root / "bee" / f"moved{number}.png")
    found = label(str(flat), tmp_path / "l.csv", changed(options, labeled=str(root), min_confidence=0.5))
    assert found.scale_from == "fitted" and found.labeled == 24
    assert found.measured_error is not None
    assert (found.measured_error.count, found.measured_error.total) == (2, 24)
    assert found.measured_error.low_percent < 8.4 < found.measured_error.high_percent
    assert 2 < found.estimated_error_percent < 20  # the fitted scale knows of the two


def test_a_scale_is_fitted_to_what_is_right() -> None:
    """Similarities whose true scale is known: classes are drawn by their softmax."""
    random = np.random.default_rng(0)
    cosines = random.uniform(-1, 1, (4000, 4))
    truths = np.array([random.choice(4, p=row) for row in probabilities(cosines, 8.0)])
    assert fitted_scale(cosines, truths) == pytest.approx(8, rel=0.1)
    found = measured_error(cosines, truths, 0.9, None)
    sure = probabilities(cosines, 8.0).max(axis=1)
    assert found is not None and found.percent == pytest.approx(100 * (1 - sure[sure >= 0.9].mean()), abs=2)
    assert measured_error(cosines[:10], truths[:10], 0.999999, 1.0) is None


def test_words_and_merges(tmp_path: Path) -> None:
    """The pattern of openai/CLIP: letters, single digits, suffixes, the rest."""
    assert words("A  photo of\tCafé 12's -- we're &amp;") == [
        "a", "photo", "of", "café", "1", "2", "'s", "--", "we", "'re", "&",
    ]  # fmt: skip
    merges = [("c", "a"), ("ca", "t</w>"), ("a", "t</w>")]
    numbers = Tokenizer(merges)("cat at é", 8)
    # 512 symbols of bytes; cat, at and the two bytes of é, the last of which ends the word
    assert numbers.tolist() == [515, 513, 514, *Tokenizer([])("é", 4)[1:3], 516, 0, 0]
    assert Tokenizer(merges)("cat " * 9, 5).tolist() == [515, 513, 513, 513, 516]
    lines = "\n".join(["#version: 0.2", *map(" ".join, merges)])
    (tmp_path / "merges.txt").write_text(lines)
    (tmp_path / "vocab.txt.gz").write_bytes(gzip.compress(lines.encode()))
    vocabulary = {"c": 0, "ca": 1, "cat</w>": 2, "<|startoftext|>": 3, "<|endoftext|>": 4}
    model = {"type": "BPE", "end_of_word_suffix": "</w>", "vocab": vocabulary, "merges": ["c a", "ca t</w>"]}
    (tmp_path / "tokenizer.json").write_text(json.dumps({"model": model}))
    for name in ("merges.txt", "vocab.txt.gz"):
        assert read_tokenizer(tmp_path / name)("cat at", 6).tolist() == [515, 513, 514, 516, 0, 0]
    assert read_tokenizer(tmp_path / "tokenizer.json")("cat", 4).tolist() == [3, 2, 4, 0]
    with pytest.raises(ModelFileError, match="lacks the symbol 'd'"):
        read_tokenizer(tmp_path / "tokenizer.json")("dog", 4)


@pytest.mark.parametrize(
    "content", [b"", b"one two three\nfour five six", b"\x1f\x8bnothing", b"{}", b"\xff\xfe", b'{"model": 1}']
)
def test_other_tokenizers(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t").write_bytes(content)
    with pytest.raises(ModelFileError, match="is no tokenizer of CLIP's kind"):
        read_tokenizer(tmp_path / "t")


def test_texts_by_a_keras_encoder(options: LabelOptions, tmp_path: Path) -> None:
    """Templates are averaged after each vector has length 1."""
    tokens = keras.Input((6,), dtype="int32")
    rows = keras.layers.Embedding(600, 3, name="table")(tokens)
    keras_file.save(keras.Model(tokens, keras.layers.GlobalAveragePooling1D()(rows)), None, tmp_path / "t.keras")
    (tmp_path / "merges.txt").write_text("#version\nq q")
    asked = changed(options, embeddings=None, text_encoder=tmp_path / "t.keras", tokenizer=tmp_path / "merges.txt",
                    template=("{}", "{}{}"), classes=("a", "b"))  # fmt: skip
    names, vectors = class_embeddings(asked, lambda *_: None)
    table = keras_file.load(tmp_path / "t.keras")[0].get_layer("table").get_weights()[0]
    tokenizer = read_tokenizer(tmp_path / "merges.txt")
    for name, vector in zip(names, vectors):
        each = [table[tokenizer(text, 6)].mean(axis=0) for text in (name, name + name)]
        mean = np.mean([one / np.linalg.norm(one) for one in each], axis=0)
        assert vector == pytest.approx(mean / np.linalg.norm(mean), abs=1e-5)


def test_embeddings_in_an_archive(options: LabelOptions, tmp_path: Path) -> None:
    np.savez(tmp_path / "text.npz", **{"ant": VECTORS[0], "bee": VECTORS[1:2], "other": VECTORS[2]})
    found = class_embeddings(
        changed(options, embeddings=tmp_path / "text.npz", classes=("bee", "ant")), lambda *_: None
    )
    assert found[0] == ("bee", "ant")
    assert found[1] == pytest.approx(VECTORS[[1, 0]] / np.linalg.norm(VECTORS[0]))


def test_what_is_wrong(options: LabelOptions, flat: Path, tmp_path: Path) -> None:
    (tmp_path / "pickled.npy").write_bytes(pickle.dumps([1]))
    np.save(tmp_path / "object.npy", np.array([{}, {}, {}]), allow_pickle=True)
    np.save(tmp_path / "wide.npy", np.ones((3, 5), np.float32) + np.eye(3, 5, dtype=np.float32))
    cases = [
        (changed(options, embeddings=tmp_path / "pickled.npy"), ModelFileError, "without pickled objects"),
        (changed(options, embeddings=tmp_path / "object.npy"), ModelFileError, "without pickled objects"),
        (changed(options, embeddings=tmp_path / "wide.npy"), ModelFileError, "vectors of 3 numbers, but .* have 5"),
        (changed(options, classes=("a", "b")), ModelFileError, "one row for each of the 2 classes"),
        (changed(options, classes=()), UsageError, "The classes are not named"),
        (changed(options, embeddings=None), UsageError, "need --text-encoder and --tokenizer"),
        (changed(options, text_encoder=flat), UsageError, "stands in place of"),
        (changed(options, min_confidence=0.9999999, logit_scale=0.1), DataError, "No image of .* has a class of"),
        (changed(options, labeled=str(flat)), DataError, "expected at least 10 images with labels"),
    ]
    for wrong, kind, message in cases:
        with pytest.raises(kind, match=message):
            label(str(flat), tmp_path / "never.csv", wrong)
    with pytest.raises(UsageError, match=r"ends with \.csv"):
        label(str(flat), tmp_path / "labels", options)
    assert not (tmp_path / "never.csv").exists()


def test_clip_as_onnx_files(real_runtime: str, flat: Path, tmp_path: Path) -> None:
    """The command with both encoders by ONNX Runtime: the classes !, " and # lie along red, green and blue."""
    subprocess.run([real_runtime, str(Path(__file__).with_name("clip_like.py")), str(tmp_path)], check=True)
    (tmp_path / "merges.txt").write_text("#version\nq q")
    # `!!` is one word: `!`, the first of the table, and `!` at the end of a word, whose row is zero
    doubled = tuple(2 * character for character in '!"#')
    asked = LabelOptions(
        encoder=tmp_path / "vision_model.onnx", classes=doubled, text_encoder=tmp_path / "text_model.onnx",
        tokenizer=tmp_path / "merges.txt", template=("{}",), min_confidence=0.5,
        hints=EncoderHints(encoder_mean=(127.5,), encoder_std=(127.5,), encoder_size=8),
    )  # fmt: skip
    found = label(str(flat), tmp_path / "l.csv", asked)
    assert found.kept.count == 30
    wanted = dict(zip(("cat", "bee", "ant"), doubled))
    for example in open_data(str(tmp_path / "l.csv")).examples:
        assert example.label == wanted[Path(example.name).name.split("-")[0]]


def test_the_command_says_what_is_estimated(
    options: LabelOptions, flat: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [
        "label",
        flat,
        "--classes",
        "ant,bee,cat",
        "--encoder",
        options.encoder,
        "--embeddings",
        options.embeddings,
    ]
    said = [
        "--encoder-mean",
        "127.5",
        "--encoder-std",
        "127.5",
        "-o",
        tmp_path / "l.csv",
        "--json",
        tmp_path / "l.json",
    ]
    cli.main([str(each) for each in (*arguments, *said)], standalone_mode=False)
    shown = " ".join(capsys.readouterr().out.split())
    assert "30 of 30 images labeled (100.0 %)" in shown
    assert "an estimate from the model's own confidence" in shown
    assert json.loads((tmp_path / "l.json").read_text())["kept"]["count"] == 30
