"""What must not be imported: TensorFlow by commands that don't need it; anything but the runtime on a device."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from commands import run_cli

from edgecnn.cli import cli

HEAVY = ("tensorflow", "tf_keras", "keras", "pydantic", "matplotlib", "scipy")


def _imported(*arguments: str | Path, status: int = 0, saying: str = "") -> set[str]:
    """Top-level modules that a command imports, which ends with a status."""
    code = (
        "import sys\nfrom edgecnn.cli import main\nsys.argv = ['edgecnn', *sys.argv[1:]]\n"
        "try:\n    main()\nexcept SystemExit as done:\n    status = done.code\n"
        "print('MODULES', *{name.split('.')[0] for name in sys.modules})\nsys.exit(status)"
    )
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == status and saying in done.stderr, done.stderr
    line = next(line for line in done.stdout.splitlines() if line.startswith("MODULES"))
    return set(line.split()[1:])


def test_help_of_everything_is_light() -> None:
    import click

    for name in ("", *cli.list_commands(click.Context(cli))):
        found = _imported(*([name] if name else []), "--help")
        assert not found & {*HEAVY, "numpy", "cv2", "rich"}, name


def test_device_commands_import_no_tensorflow(tiny_int8: Path, tmp_path: Path) -> None:
    import cv2
    import numpy as np

    cv2.imwrite(str(tmp_path / "x.png"), np.zeros((8, 8, 3), np.uint8))
    for arguments in (
        ["classify", tiny_int8, tmp_path / "x.png"],
        ["profile", tiny_int8, "--runs", "2"],
        ["models"],
        ["inspect", tiny_int8],
        ["report", tiny_int8, "-o", tmp_path / "r.html"],
    ):
        assert not _imported(*arguments) & {"tensorflow", "tf_keras", "keras"}, arguments[0]


def test_wrong_usage_that_the_file_shows_is_refused_without_loading_it(tiny_keras: Path, tmp_path: Path) -> None:
    import cv2
    import numpy as np

    cv2.imwrite(str(tmp_path / "x.png"), np.zeros((8, 8, 3), np.uint8))
    for arguments, saying in (
        (["quantize", tiny_keras, "-o", tmp_path / "m.tflite", "--keep-float", "stem_konv"], "for example: stem_conv"),
        (["visualize", tiny_keras, tmp_path / "x.png", "-o", tmp_path / "x.html", "--class", "fox"], "'fox' is not"),
    ):
        assert "tensorflow" not in _imported(*arguments, status=2, saying=saying), arguments[0]


def test_a_finished_run_imports_no_tensorflow(tmp_path: Path) -> None:
    text = '[model]\nname = "mobilenet_v1"\ninput_size = 32\nwidth = 0.25\nclasses = 5\n[quantize]\nsamples = 4\n'
    (tmp_path / "r.toml").write_text(text)
    assert run_cli("run", tmp_path / "r.toml", "-o", tmp_path / "out").returncode == 0
    assert "tensorflow" not in _imported("run", tmp_path / "r.toml", "-o", tmp_path / "out")


def test_runtime_folder_stands_alone(tmp_path: Path) -> None:
    """Copied away from the package, it must import nothing but the standard library, NumPy, LiteRT and OpenCV."""
    import edgecnn.runtime

    source = Path(edgecnn.runtime.__file__).parent
    target = tmp_path / "alone" / "runtime"
    shutil.copytree(source, target)
    names = [path.relative_to(source.parent).with_suffix("") for path in source.rglob("*.py") if path.stem[0] != "_"]
    imports = "\n".join(f"import {'.'.join(name.parts)}" for name in names)
    code = f"import sys\nsys.path.insert(0, {str(tmp_path / 'alone')!r})\n{imports}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    third_party = {"edgecnn", "click", "tensorflow", "pydantic", "rich", "jinja2"}
    assert not third_party & set(done.stdout.split())


@pytest.mark.parametrize("flag", ["--version", "--help"])
def test_top_level_flags(flag: str) -> None:
    done = run_cli(flag)
    assert done.returncode == 0 and "edgecnn" in done.stdout and not done.stderr
