"""A board that is hot and short of power while it works, and the page that shows it."""

from __future__ import annotations

import json

import tiny_models

from edgecnn import reporting
from edgecnn.profiling.sustained import Sustained, sustain


def test_heat_and_throttling_are_seen(spare_pi, reach, tmp_path):
    device = reach(spare_pi)

    spare_pi.write("/sys/class/thermal/thermal_zone0/temp", "83500\n")
    spare_pi.write("/sys/devices/platform/soc/soc:firmware/get_throttled", "50005\n")
    found = sustain(tiny_models.classifier(), device, 6, warmup=1)
    assert {window.temperature_c for window in found.windows} == {83.5}
    assert found.throttled == ("throttled", "under-voltage")
    assert found.emulated and any("EMULATED" in line for line in found.sentences())
    assert any("of 6 s" in note for note in device.notes)
    (tmp_path / "tiny.tflite").write_bytes(tiny_models.classifier().data)
    page = reporting.report(
        tmp_path / "tiny.tflite", sustained=[Sustained.from_dict(json.loads(json.dumps(found.to_dict())))]
    )
    assert "The board throttled its clock: throttled, under-voltage" in page
    assert "are not representative of a real board" in page
