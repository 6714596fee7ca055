"""`edgecnn prune` and `edgecnn train --qat`, from file to file."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from edgecnn.builder import build_model
from edgecnn.cli import cli, prune
from edgecnn.compression import fine_tuner
from edgecnn.compression import proof as proof_module
from edgecnn.core.errors import QuantizationError, UsageError
from edgecnn.core.options import options
from edgecnn.core.registry import COMPRESSION
from edgecnn.float_model import keras_file
from edgecnn.quantization import quantize
from edgecnn.recipe.sections import sections
from edgecnn.runtime.opencv import opencv
from edgecnn.training.fit import fit


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that knows two classes, and 32 images of them: bright and dark noise."""
    root = tmp_path_factory.mktemp("prune")
    random = np.random.default_rng(0)
    for number, name in enumerate(("bright", "dark")):
        (root / "data" / name).mkdir(parents=True)
        for index in range(16):
            picture = random.integers(0, 128, (32, 32, 3)) + 127 * (1 - number)
            opencv().imwrite(str(root / "data" / name / f"{index}.png"), picture.astype(np.uint8))
    model, contract = build_model("mobilenet_v1", input_size=32, width=0.25, classes=2)
    keras_file.save(model, contract.replace(labels=("bright", "dark")), root / "model.keras")
    return root


def run(*arguments: str) -> Any:
    result = CliRunner().invoke(cli, arguments, catch_exceptions=True)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return json.loads(result.stdout)


def test_prune_channels_from_file_to_file(folder: Path) -> None:
    arguments = ["prune", str(folder / "model.keras"), "--method", "channels", "--keep", "0.6", "--rounds", "1"]
    arguments += ["--data", str(folder / "data"), "--validation-share", "0.25", "--epochs", "1", "--batch-size", "8"]
    result = run(*arguments, "--no-measure", "-o", str(folder / "small.keras"), "--json", "-")
    model, contract = keras_file.load(folder / "small.keras")
    assert contract is not None and contract.labels == ("bright", "dark")
    assert contract.model.macs == result["macs"]["after"] <= 0.6 * result["macs"]["before"]
    assert contract.model.compression[0].method == "channels"
    assert model.count_params() == contract.model.parameters and result["split"] == "validation"
    assert not list(folder.glob("small.keras.training/*/checkpoint.npz"))


def test_prune_measures_what_it_saved(folder: Path) -> None:
    arguments = ["prune", str(folder / "model.keras"), "--method", "magnitude", "--for", "xnnpack", "--epochs", "1"]
    arguments += ["--data", str(folder / "data"), "--validation-share", "0.25", "--batch-size", "8"]
    result = CliRunner().invoke(cli, [*arguments, "-o", str(folder / "sparse.keras"), "--json", str(folder / "s.json")])
    assert result.exit_code == 0, result.output
    measured = json.loads((folder / "s.json").read_text())["measured"]
    for scheme in ("float32", "int8"):
        before, after = measured[scheme]
        assert after["gzip_bytes"] < 0.7 * before["gzip_bytes"]
    assert measured["float32"][1]["size_bytes"] < 0.5 * measured["float32"][0]["size_bytes"]
    kernels = measured["xnnpack_kernels"]
    assert sum(kernels.values()) > 20  # 13 blocks of two convolutions
    uses_zeros = any("SPMM" in name for name in kernels)
    assert uses_zeros == (measured["machine"] == "aarch64")
    assert ("None of them uses the zeros" in result.output) != uses_zeros


def test_a_scheme_that_a_model_can_t_have_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_int8(*arguments: Any, scheme: str, **options: Any) -> Any:
        if scheme == "int8":
            raise QuantizationError("The quantizer refuses the model.")
        return quantize(*arguments, scheme=scheme, **options)

    monkeypatch.setattr(proof_module, "quantize", no_int8)
    proof = proof_module.prove(folder / "model.keras", folder / "model.keras", "photos")
    assert proof.figures.keys() == {"float32"}
    assert proof.notes() == ["Note: int8 was not measured. The quantizer refuses the model."]
    assert proof.to_dict()["refused"] == {"int8": "The quantizer refuses the model."}


def test_train_with_rounding_writes_the_ranges(folder: Path) -> None:
    arguments = ["train", str(folder / "model.keras"), "--qat", "--data", str(folder / "data"), "--epochs", "1"]
    run(*arguments, "--batch-size", "8", "-o", str(folder / "aware.keras"), "--json", "-")
    stored = json.loads((folder / "aware.keras.training/result.json").read_text())
    assert stored["output"] == str(folder / "aware.keras") and stored["method"] == "qat"
    contract = keras_file.read_contract(folder / "aware.keras")
    assert contract is not None and {"image", "stem_act", "logits"} <= contract.model.qat.ranges.keys()


def test_every_option_of_a_method_can_be_given() -> None:
    given = {flag for parameter in prune.command.params for flag in parameter.opts}
    written = {each.key for each in options(sections()["prune"].settings)}
    for method in COMPRESSION.names():
        keys = {each.key for each in options(COMPRESSION.load(method).Options)}
        assert {f"--{key.replace('_', '-')}" for key in keys} <= given, method
        assert keys <= written, method


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("prune", "--method", "magnitude", "--keep", "0.5"),
            r"keep can't be used with the method magnitude; it has: scope, sparsity, for",
        ),
        (
            ("prune", "--method", "qat"),
            r"Quantization-aware training is `edgecnn train --qat`; in a recipe it is the section \[qat\]",
        ),
        (("prune", "--method", "magnitude", "--for", "tpu"), r"for is 'tpu'; expected one of: xnnpack"),
        (("prune", "--method", "nothing"), r"method is 'nothing'; expected one of: channels, clusters"),
        (
            ("prune", "--method", "magnitude", "--weight-average", "0.9"),
            r"--weight-average can't be used with a method",
        ),
        (("train", "--qat", "--unfreeze", "2"), r"--unfreeze can't be used with --qat"),
    ],
)
def test_wrong_use_is_told(folder: Path, arguments: tuple[str, ...], message: str) -> None:
    command, *rest = arguments
    files = (str(folder / "model.keras"), "--data", str(folder / "data"), "-o", str(folder / "x.keras"))
    with pytest.raises(UsageError, match=message):
        run(command, *files, *rest)


def test_a_model_that_ends_in_probabilities_is_refused(folder: Path) -> None:
    model, contract = keras_file.load(folder / "model.keras")
    assert contract is not None
    keras_file.save(model, contract.replace(output="probabilities"), folder / "softmax.keras")
    with pytest.raises(UsageError, match=r"softmax.keras ends in probabilities, but fine-tuning needs logits"):
        arguments = ("--method", "clusters", "--data", str(folder / "data"), "-o", str(folder / "x.keras"))
        run("prune", str(folder / "softmax.keras"), *arguments)


def test_an_interrupted_pruning_goes_on_unless_it_is_begun_anew(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = folder / "again.keras"
    arguments = ["prune", str(folder / "model.keras"), "--method", "clusters", "--data", str(folder / "data")]
    arguments += ["--epochs", "1", "--batch-size", "8", "--no-measure", "-o", str(output), "--json", "-"]
    resumed_at = []

    def fitted(*arguments: Any, **options: Any) -> Any:
        history = fit(*arguments, **options)
        resumed_at.append(history.resumed_at_step)
        if len(resumed_at) == 1:
            raise KeyboardInterrupt
        return history

    monkeypatch.setattr(fine_tuner, "fit", fitted)
    assert CliRunner().invoke(cli, arguments).exit_code == 1 and not output.exists()
    checkpoint = Path(f"{output}.training")
    shutil.copytree(checkpoint, folder / "kept")
    run(*arguments)
    assert resumed_at[0] == 0 and resumed_at[1] > 0

    shutil.rmtree(checkpoint, ignore_errors=True)
    shutil.move(folder / "kept", checkpoint)
    run(*arguments, "--restart")
    assert resumed_at[2] == 0


def test_the_learning_rate_is_that_of_all_layers() -> None:
    from edgecnn.compression import Tuning
    from edgecnn.training import FitSettings

    defaults = FitSettings(learning_rate=1e-4, backbone_learning_rate=1e-4)
    both = Tuning("data", overrides={"learning_rate": 2e-3, "epochs": 3}).settings(defaults)
    assert (both.learning_rate, both.backbone_learning_rate, both.epochs) == (2e-3, 2e-3, 3)
    own = Tuning("data", overrides={"learning_rate": 2e-3, "backbone_learning_rate": 1e-5}).settings(defaults)
    assert own.backbone_learning_rate == 1e-5
    assert Tuning("data").settings(defaults) == defaults
