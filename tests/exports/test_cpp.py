"""The exported C++ program: compiled and run, it answers what `edgecnn classify` answers."""

from __future__ import annotations

import dataclasses
import importlib.util
import itertools
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest
from requirements import unavailable

from edgecnn.core.errors import UsageError
from edgecnn.data import open_data
from edgecnn.exports import export, template
from edgecnn.exports.kinds import cpp
from edgecnn.runtime.model import model_file
from edgecnn.runtime.model.contract import FITS, RESIZES, Preprocessing
from edgecnn.runtime.run.engine import Engine
from edgecnn.runtime.run.preprocess import fit

FLAGS = ("-std=c++17", "-Wall", "-Wextra", "-Werror", "-O1")


def compiled(folder: Path, source: str, *more: str) -> Path:
    """A program of a folder's sources."""
    if shutil.which("g++") is None:
        unavailable("g++ is not installed: the exported program can't be compiled")
    program = folder / Path(source).stem
    done = subprocess.run(
        ["g++", *FLAGS, "-o", str(program), str(folder / source), *more], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return program


def library() -> str:
    """TensorFlow Lite's C library; a package from PyPI that has it."""
    spec = importlib.util.find_spec("pyopen_wakeword")
    if spec is None or not spec.submodule_search_locations:
        unavailable("pyopen-wakeword, whose libtensorflowlite_c.so runs the exported program, is not installed")
    return str(Path(spec.submodule_search_locations[0]) / "lib/libtensorflowlite_c.so")


@pytest.fixture(scope="module")
def exported(lite0_int8: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cpp") / "classifier"
    export(model_file.read(lite0_int8), "cpp", folder)
    return folder


def probabilities(program: Path, model: Path, pictures: list[Path]) -> np.ndarray:
    """What the program says of each image: (images, classes)."""
    done = subprocess.run([str(program), "--all", str(model), *map(str, pictures)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return np.array(done.stdout.split(), np.float64).reshape(len(pictures), -1)


def test_the_same_pixels_give_the_same_answers(exported: Path, tmp_path: Path) -> None:
    """Whole photographs, which the program crops and resizes, too; another release of TensorFlow Lite computes."""
    so = library()
    program = compiled(exported, "main.cpp", "-DWITH_XNNPACK", so, f"-Wl,-rpath,{Path(so).parent}")
    engine = Engine(model_file.read(exported / "model.tflite"))
    paths, expected = [], []
    for number, example in enumerate(open_data("photos:whole").examples):
        paths.append(tmp_path / f"{number}.ppm")
        cv2.imwrite(str(paths[-1]), example.read())
        expected.append(engine.probabilities(engine.prepare(example.read())))
    found = probabilities(program, exported / "model.tflite", paths)
    assert (found.argmax(axis=1) == np.argmax(expected, axis=1)).all()
    assert np.abs(found - np.array(expected)).max() < 1e-6  # the bar is 1 / 256
    named = subprocess.run([program, exported / "model.tflite", paths[0]], capture_output=True, text=True, check=True)
    best = engine.contract.label(int(np.argmax(expected[0])))
    assert len(named.stdout.splitlines()) == 3 and best in named.stdout.splitlines()[0]


CHECK = """
#include <cstdio>
#include <cstdlib>
#include "preprocess.h"
int main(int, char** words) {
  preprocess::Picture picture{{}, std::atoi(words[1]), std::atoi(words[2])};
  picture.pixels.resize(size_t(picture.rows) * picture.columns * 3);
  if (std::fread(picture.pixels.data(), 1, picture.pixels.size(), stdin) != picture.pixels.size()) return 1;
  for (const char* how : {"area", "bilinear", "bicubic", "nearest"})
    for (const char* way : {"crop", "stretch", "pad"})
      for (const char* color : {"rgb", "bgr", "gray"}) {
        const auto fitted = preprocess::fit(picture, 64, 48, color, how, way, 0.875);
        std::fwrite(fitted.data(), 1, fitted.size(), stdout);
      }
}
"""


def test_pixels_are_those_of_the_runtime(tmp_path: Path) -> None:
    """To the last bit by area, where it shrinks, and nearest; by a rounding otherwise."""
    (tmp_path / "preprocess.h").write_bytes(template.read("cpp/preprocess.h.j2"))
    (tmp_path / "check.cpp").write_text(CHECK)
    program, random = compiled(tmp_path, "check.cpp"), np.random.default_rng(1)
    assert RESIZES == ("area", "bilinear", "bicubic", "nearest") and FITS == ("crop", "stretch", "pad")
    for rows, columns in ((90, 130), (40, 30), (33, 200), (64, 48), (128, 96), (192, 144), (211, 307)):
        picture = random.integers(0, 256, (rows, columns, 3), dtype=np.uint8)
        done = subprocess.run(
            [program, str(rows), str(columns)], input=picture.tobytes(), capture_output=True, check=True
        )
        found, place = np.frombuffer(done.stdout, np.uint8), 0
        for resize, way, color in itertools.product(RESIZES, FITS, ("rgb", "bgr", "gray")):
            contract = Preprocessing(64, 48, resize=resize, fit=way, color=color)
            expected = fit(picture, contract, "rgb").astype(int).reshape(-1)
            difference = np.abs(found[place : place + expected.size].astype(int) - expected)
            shrinks = rows >= 64 and columns >= 48
            exact = resize == "nearest" or (resize == "area" and shrinks and way != "pad")
            assert difference.max() <= (0 if exact else 1), (rows, columns, resize, way, color)
            place += expected.size
        assert place == found.size


def test_hostile_labels_are_literals(tiny_int8: Path, tmp_path: Path) -> None:
    labels = ('"; system("x"); //', "back\\slash", "two\nlines\x1b[31m", "日本", "??/{{name}}")
    file = model_file.read(tiny_int8)
    export(dataclasses.replace(file, contract=file.contract.replace(labels=labels)), "cpp", tmp_path / "c")
    lines = [f"puts(model::label({number}).c_str());" for number in range(6)]
    (tmp_path / "c/labels.cpp").write_text(f'#include <cstdio>\n#include "model.h"\nint main() {{ {" ".join(lines)} }}')
    done = subprocess.run([compiled(tmp_path / "c", "labels.cpp", "-trigraphs")], capture_output=True, check=True)
    expected = ['"; system("x"); //', "back\\slash", "two lines\ufffd[31m", "日本", "??/{{name}}", "5"]
    assert done.stdout.decode().splitlines() == expected


def test_tensors_without_a_type_in_the_program_are_refused(tiny_int8: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpp, "_TYPES", {"float32": "float"})
    with pytest.raises(UsageError, match=r"has tensors of type u?int8; the program takes float32"):
        cpp.contents(model_file.read(tiny_int8), cpp.NoOptions())
