import functools
import subprocess
import sys

import delegate_doubles
import numpy as np
import pytest
from small_graphs import Graph

from edgecnn.core.errors import DelegateError, UsageError
from edgecnn.devices import delegates
from edgecnn.runtime.delegates import coral, loading
from edgecnn.runtime.model import model_file, tflite
from edgecnn.runtime.run.interpreter import interpreter_module


@pytest.fixture
def double(tmp_path):
    """`double(name)` compiles one of the test doubles."""
    return functools.partial(delegate_doubles.build, folder=tmp_path)


def _model():
    graph = Graph()
    picture = graph.tensor("picture", (1, 8, 8, 3))
    return graph.build([picture], [graph.conv("first", picture, 4)])


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("edgetpu", {}),
        ("edgetpu:usb", {"device": "usb"}),
        ("edgetpu:pci:1", {"device": "pci:1"}),
        ("edgetpu:2", {"device": ":2"}),
        ("edgetpu:usb,power=low", {"device": "usb", "Performance": "Low"}),
        ("edgetpu,Usb.AlwaysDfu=True", {"Usb.AlwaysDfu": "True"}),
    ],
)
def test_edgetpu_options_are_libedgetpus(text, options):
    assert loading.parse(delegates.resolve(text)).options == options


@pytest.mark.parametrize("text", ["gpu", "edgetpu:usb3", "edgetpu,power=full", "a.so,level", "cpu,level=1", "cpu:1"])
def test_wrong_delegates_are_wrong_usage(text):
    with pytest.raises(UsageError, match=r"expected|Choose one of"):
        delegates.resolve(text)


def test_a_missing_library_is_explained_without_noise():
    code = (
        "from edgecnn.runtime import errors\nfrom edgecnn.runtime.delegates import loading as delegate\n"
        "for text in ('edgetpu', './none.so'):\n"
        "    try: delegate.load(text)\n"
        "    except errors.DelegateError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "libedgetpu" in done.stdout and "none.so" in done.stdout
    assert done.stderr == ""


def test_a_library_that_is_no_delegate(double):
    with pytest.raises(DelegateError, match="does not export tflite_plugin_create_delegate"):
        loading.load(str(double("no_delegate")))


def test_a_file_that_is_no_library(tmp_path):
    (tmp_path / "text.so").write_text("no library")
    with pytest.raises(DelegateError, match=r"another processor|Can't load"):
        loading.load(str(tmp_path / "text.so"))


def test_a_delegate_that_fails_says_why_and_is_not_destroyed(double):
    # This double aborts the process if it is asked to destroy what it never made.
    with pytest.raises(DelegateError, match="no chip found, 1 options, first level=3"):
        loading.load(f"{double('fails_to_start')},level=3")


def test_a_delegate_that_claims_nothing_changes_nothing(double):
    data = _model()
    module = interpreter_module()
    outputs = []
    for loaded in ([], loading.load(str(double("claims_nothing")))):
        interpreter = module.Interpreter(model_content=data, experimental_delegates=loaded)
        interpreter.allocate_tensors()
        interpreter.set_tensor(0, np.arange(192, dtype=np.int8).reshape(1, 8, 8, 3))
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))
    np.testing.assert_array_equal(*outputs)
    file = model_file.any_from_bytes(data)
    assert loading.taken_operators(file, str(double("claims_nothing")))[0] == set()


def test_compiled_models_and_their_delegate_belong_together():
    plain = tflite.parse(_model())
    with pytest.raises(DelegateError, match=r"not compiled for the Edge TPU.*edgecnn compile"):
        loading.load("edgetpu", plain)
    compiled = Graph()
    picture = compiled.tensor("picture", (1, 8, 8, 3))
    output = compiled.tensor("out", (1, 10))
    compiled.operator("CUSTOM", [picture], [output])
    compiled.model.operatorCodes[0].customCode = coral.CUSTOM_OPERATOR
    with pytest.raises(DelegateError, match=r"compiled for a Coral Edge TPU.*--delegate edgetpu"):
        loading.load("cpu", tflite.parse(compiled.build([picture], [output])))
    assert loading.load("cpu", plain) == []


@pytest.fixture
def board(tmp_path):
    """A made-up sysfs with a USB Accelerator in it; `board(...)` returns what `find` sees."""

    def make(product="9302", vendor="18d1", speed="5000", mode=0o666, opened_by=None):
        folder = tmp_path / "sys/bus/usb/devices/2-1"
        folder.mkdir(parents=True)
        values = {"idVendor": vendor, "idProduct": product, "busnum": "2", "devnum": "7", "speed": speed}
        for name, value in values.items():
            (folder / name).write_text(value + "\n")
        node = tmp_path / "dev/bus/usb/002/007"
        node.parent.mkdir(parents=True)
        node.touch()
        node.chmod(mode)
        if opened_by:
            process = tmp_path / "proc/4321/fd"
            process.mkdir(parents=True)
            (process / "5").symlink_to(node)
            (process.parent / "comm").write_text(opened_by + "\n")
        return coral.find(tmp_path)

    return make


def test_a_stick_on_usb_2_is_found_and_warned_of(board):
    (device,) = board(speed="480", product="089a", vendor="1a6e")
    assert (device.bus, device.speed_mbps, device.started) == ("usb", 480, False)
    assert "USB 2" in device.warning and "blue port" in device.warning


def test_a_stick_on_usb_3_has_no_warning(board):
    (device,) = board()
    assert device.started and not device.warning


def test_a_busy_stick_names_who_holds_it(board):
    devices = board(opened_by="frigate")
    assert "busy: process 4321 (frigate)" in coral.explain(devices)


def test_a_stick_that_may_not_be_opened(board, monkeypatch):
    monkeypatch.setattr(coral.os, "access", lambda path, mode: False)  # root may open anything
    assert "plugdev" in coral.explain(board(mode=0))


def test_no_stick_at_all_and_the_wrong_bus(board, tmp_path):
    assert "No Edge TPU was found." in coral.explain(coral.find(tmp_path))
    assert "There is one on USB" in coral.explain(board(), "pci")


def test_other_usb_devices_are_no_edge_tpu(board):
    assert board(product="0002", vendor="1d6b") == []
