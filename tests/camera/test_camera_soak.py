"""The soak of tools/bench, made short: thousands of answers, viewers, one of them stalled, memory flat."""

import subprocess
import sys
from pathlib import Path

BENCHMARK = Path(__file__).parents[1] / "benchmarks" / "camera.py"


def test_memory_is_flat(color_model):
    words = [sys.executable, str(BENCHMARK), "soak", color_model, "--fast", "--frames", "6000", "--seconds", "0"]
    result = subprocess.run(words, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "6,000 answers in" in result.stdout
