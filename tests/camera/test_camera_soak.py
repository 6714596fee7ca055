"""The soak of tools/bench, for some seconds: thousands of answers, viewers, one of them stalled, memory flat."""

import re
import subprocess
import sys
from pathlib import Path

BENCHMARK = Path(__file__).parents[1] / "benchmarks" / "camera.py"


def test_memory_is_flat(color_model):
    words = [sys.executable, str(BENCHMARK), "soak", color_model, "--fast", "--seconds", "10"]
    result = subprocess.run(words, capture_output=True, text=True, timeout=120)
    answers = int(re.search(r"([\d,]+) answers in", result.stdout).group(1).replace(",", ""))
    assert answers > 500 and result.returncode == 0, result.stdout + result.stderr
