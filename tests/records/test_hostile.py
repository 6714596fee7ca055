"""Records from strangers: one sentence that names the key, or a record that every reader takes; never a traceback."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import tiny_models
from record_examples import example, records, spoiled
from requirements import SHARED

from edgecnn import artifact, reporting
from edgecnn.cli.report import command as report_command
from edgecnn.core import files
from edgecnn.core.errors import EdgecnnError, ModelFileError, RecordError
from edgecnn.inspection import contract_view
from edgecnn.profiling.results import Results
from edgecnn.runtime.model import model_file
from edgecnn.runtime.model.contract import Contract
from edgecnn.runtime.model.json_text import parse_json, printable
from edgecnn.runtime.model.validation import Record
from edgecnn.training.record import TrainingRecord
from edgecnn.verification import Verification

OF_0_1 = Path(__file__).parent / "of_0_1"


@pytest.mark.parametrize("kind", records(), ids=lambda kind: kind.__name__)
def test_spoiled_values_are_a_sentence_or_a_record(kind: type[Record]) -> None:
    refused = 0
    for number, values in enumerate(spoiled(example(kind).to_dict())):
        try:
            found = kind.from_dict(values)
            assert isinstance(found, kind)
            json.dumps(found.to_dict(), allow_nan=False).encode()
        except ModelFileError as error:
            refused += 1
            assert len(str(error)) < 400 and str(error).isprintable(), number
    assert refused > 5


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"preprocessing": {"height": "a", "width": 8}}, r"contract.preprocessing.height is .a.; expected a whole num"),
        ({"preprocessing": {"height": 8}}, "contract.preprocessing has no width, which is required"),
        ({"labels": ["cat", 5]}, r"contract.labels\[1\] is 5; expected a text"),
        ({"labels": "cat"}, "contract.labels is 'cat'; expected a list"),
        ({"labels": ["\x1b[31mcat"]}, r"contract.labels\[0\] has the character U\+001B"),
        ({"labels": ["\ud800"]}, r"contract.labels\[0\] has the character U\+D800"),
        ({"provenance": {"calibration": {"data": "x", "samples": -1}}}, "samples is -1; expected 0 to inf"),
        ({"accuracy": {"snr_db": 1e400}}, "contract.accuracy.snr_db is inf; expected a finite number"),
        ({"golden": {"generator": "x", "seed": 2**40}}, "contract.golden.seed is 1099511627776; expected 0 to"),
        ({"model": {"arguments": json.loads("[" * 50 + "]" * 50)}}, "contract.model.arguments is list"),
        ({"model": {"arguments": {"a": json.loads("[" * 50 + "]" * 50)}}}, "nested more than 32 levels"),
        ({"format": 2}, "format 2, but this edgecnn reads format 1"),
    ],
)
def test_the_sentence_names_key_received_and_expected(values: dict[str, Any], said: str) -> None:
    whole = {"format": 1, "preprocessing": {"height": 8, "width": 8}, **values}
    with pytest.raises(ModelFileError, match=said):
        Contract.from_dict(whole)


@pytest.mark.parametrize("text", ["[" * 100_000, "{", "nan", "NaN", "[Infinity]", b"\xff\xfe", "1" * 10_000, ""])
def test_what_is_no_json_is_a_sentence(text: str | bytes, tmp_path: Path) -> None:
    with contextlib.suppress(RecordError):
        assert isinstance(parse_json(text), int)  # digits without end are a number where Python allows them
    path = tmp_path / "x.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert files.read_json(path) is None or text[:1] == "1"
    with pytest.raises(EdgecnnError, match="Expected something"):
        files.read_record(path, Verification, "something")


def test_text_that_a_terminal_would_obey_is_never_written() -> None:
    assert printable("a\x1b[2Jb\nc\u202ed\ud800") == "a\ufffd[2Jb c\ufffdd\ufffd"
    file = tiny_models.classifier()
    sealed = artifact.seal(tiny_models.graph(), file.contract.replace(labels=("a\x1b\n", "b\ud800", *"cdefghij")))
    assert model_file.from_bytes(sealed).contract.labels[:2] == ("a\ufffd ", "b\ufffd")


@pytest.mark.parametrize("name", ["contract_deep", "contract_str", "labels_int"])
def test_hostile_contracts(name: str) -> None:
    path = SHARED.parent / "cases" / "hostile" / f"{name}.tflite"
    if not path.exists():
        pytest.skip("needs EDGECNN_SHARED")
    with pytest.raises(ModelFileError, match=rf"^{name}.tflite: its contract can't be read: "):
        model_file.read(path)


def test_a_contract_that_can_t_be_found_is_refused() -> None:
    data = bytearray(tiny_models.classifier().data)
    for name in (b"\x07\0\0\0edgecnn\0", b"\x0d\0\0\0edgecnn_graph\0"):
        damaged = bytearray(data)
        damaged[data.index(name) + 5] ^= 1
        with pytest.raises(ModelFileError, match="damaged"):
            model_file.from_bytes(bytes(damaged))


def test_a_contract_with_any_text_can_be_shown() -> None:
    contract = example(Contract).replace(task="classification", output="logits")
    assert contract_view.lines(contract, "x") and contract_view.summary(contract, True)


def test_script_in_a_thumbnail_is_refused(tmp_path: Path) -> None:
    old = json.loads((OF_0_1 / "verification.json").read_text())
    old["answers"][0]["thumbnail"] = '"><script>alert(1)</script>'
    path = tmp_path / "v.json"
    path.write_text(json.dumps(old))
    with pytest.raises(EdgecnnError, match=r"answers\[0\].thumbnail is .*; expected base64"):
        files.read_record(path, Verification, "what verify writes")


def test_hostile_verification_of_others() -> None:
    path = SHARED.parent / "cases" / "hostile" / "report_xss_verification.json"
    if not path.exists():
        pytest.skip("needs EDGECNN_SHARED")
    try:
        found = files.read_record(path, Verification, "what verify writes")
    except EdgecnnError as error:
        assert str(error).isprintable()
    else:
        model = SHARED.parent / "cases" / "hostile" / "ref.tflite"
        found = dataclasses.replace(found, model_sha256=files.file_sha256(model))
        assert "<script" not in reporting.report(model, found)


@pytest.mark.parametrize(
    ("name", "kind", "argument"),
    [
        ("verification", Verification, "verification"),
        ("profile_all", Results, ""),
        ("training", TrainingRecord, "training"),
    ],
)
def test_every_record_that_is_read_can_be_reported(name: str, kind: type[Record], argument: str) -> None:
    values = json.loads((OF_0_1 / f"{name}.json").read_text())
    reported = 0
    for each in spoiled(values, most=40):
        try:
            found: Any = kind.from_dict(each)
        except ModelFileError:
            continue
        reported += 1
        if isinstance(found, Verification):
            found = dataclasses.replace(found, model_sha256=files.file_sha256(OF_0_1 / "tiny.tflite"))
        given = {argument: found} if argument else _parts(found)
        assert "<script" not in reporting.report(OF_0_1 / "tiny.tflite", **given)
    assert reported > 5


def _parts(found: Results) -> dict[str, Any]:
    return {"profiles": found.profiles, "per_op": found.per_op, "sustained": found.sustained}


@pytest.mark.parametrize("text", ["[]", '{"rows": []}', '{"profiles": [1]}', "\ud800", "null"])
def test_report_command_says_what_is_wrong(text: str, tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_bytes(text.encode(errors="surrogatepass"))
    arguments = [str(OF_0_1 / "tiny.tflite"), "-o", str(tmp_path / "x.html"), "--profile", str(path)]
    with pytest.raises(EdgecnnError, match=r"p\.json: .* Expected the output of `edgecnn profile --json FILE`"):
        report_command.main(arguments, standalone_mode=False)
