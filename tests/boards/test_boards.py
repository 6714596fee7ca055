import pytest

from edgecnn import boards
from edgecnn.graph.cost import Cost
from edgecnn.profiling import roofline

PROBE = {"float32_gmacs": 100.0, "int8_gmacs": 400.0, "copy_gb_s": 20.0}


@pytest.mark.parametrize("name", boards.BOARDS.names())
def test_every_board_file_is_complete(name):
    board = boards.BOARDS.load(name).BOARD
    assert board.float32_gmacs > 0 and board.read_gb_s > 0 and board.cores > 0 and board.device_tree
    assert boards.match({"board": f"{board.device_tree[0]} Model B Rev 1.2", "cpu": board.cpu}) is board


def test_a_board_without_a_device_tree_is_told_by_its_processor():
    assert boards.match({"board": None, "cpu": "Cortex-A72"}).name == "Raspberry Pi 4 B"
    assert boards.match({"board": "Some other board", "cpu": "Cortex-A72"}) is None
    assert boards.match({"board": None, "cpu": "AMD EPYC"}) is None


def test_a_pi_5_is_limited_by_its_published_peaks():
    peaks = roofline.peaks({"board": "Raspberry Pi 5 Model B", "cpu": "Cortex-A76"}, PROBE, threads=4)
    assert peaks.gmacs == {"float32": pytest.approx(153.5 / 2, rel=0.01), "int8": pytest.approx(614 / 2, rel=0.01)}
    assert not any("dot product" in line for line in peaks.notes)


def test_int8_on_a_pi_4_has_an_estimated_limit_that_is_said_to_be_one():
    peaks = roofline.peaks({"board": "Raspberry Pi 4 Model B Rev 1.4", "cpu": "Cortex-A72"}, PROBE, threads=1)
    assert peaks.gmacs == {"float32": 6.0, "int8": 12.0} and peaks.gb_s == 2.8
    assert any("no 8-bit dot product" in line and "estimated" in line for line in peaks.notes)


@pytest.mark.parametrize("name", boards.BOARDS.names())
def test_no_published_latency_beats_the_limits(name):
    """MobileNets' multiply-accumulates from their papers; a limit that others have passed would be wrong."""
    board = boards.BOARDS.load(name).BOARD
    macs = {"mobilenet_v1": 569e6, "mobilenet_v2": 300e6, "mobilenet_v3_large": 219e6, "mobilenet_v3_small": 56e6}
    for row in board.published:
        peaks = roofline.peaks({"board": board.device_tree[0], "cpu": board.cpu}, PROBE, row.threads)
        bound = roofline.bound(Cost(macs=int(macs[row.model])), row.scheme, row.latency_ms, peaks)
        assert 0 < bound.efficiency < 1, row


def test_published_latencies_are_told_for_their_board_and_model_only():
    pi4 = {"board": "Raspberry Pi 4 Model B Rev 1.4", "cpu": "Cortex-A72"}
    lines = boards.published(pi4, "mobilenet_v2", "int8")
    assert any("17 ms" in line and "XNNPACK" in line for line in lines) and any("26.4 ms" in line for line in lines)
    assert boards.published(pi4, "efficientnet_lite0", "int8") == []
    assert boards.published({**pi4, "emulated": True}, "mobilenet_v2", "int8") == []
    assert boards.published({"board": None, "cpu": "AMD EPYC"}, "mobilenet_v2", "int8") == []


def test_an_unknown_machine_is_held_against_its_own_probe():
    peaks = roofline.peaks({"board": None, "cpu": "AMD EPYC"}, PROBE, threads=2)
    assert peaks.source == "a measurement on the device" and peaks.gmacs["int8"] == 400.0 and peaks.gb_s == 20.0


def test_an_emulated_board_is_held_against_no_limits():
    system = {"board": "Raspberry Pi 4 Model B (emulated)", "cpu": "Cortex-A72", "emulated": True}
    assert roofline.peaks(system, PROBE, threads=4) is None


def test_the_larger_of_computing_and_moving_is_the_bound():
    peaks = roofline.Peaks("test", {"float32": 10.0, "int8": 20.0}, 2.0)
    compute = roofline.bound(Cost(macs=40_000_000, input_bytes=1000), "int8", 4.0, peaks)
    assert (compute.limit, compute.bound_ms, compute.efficiency, compute.gmacs) == ("compute", 2.0, 0.5, 10.0)
    memory = roofline.bound(Cost(macs=1000, input_bytes=2_000_000, output_bytes=2_000_000), "int8", 4.0, peaks)
    assert (memory.limit, memory.bound_ms, memory.efficiency, memory.gb_s) == ("memory", 2.0, 0.5, 1.0)
