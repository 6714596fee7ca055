"""`edgecnn collect` against its bar: 10 bursts a second, and 10 frames a second in a burst, without a lost frame count.

    python tests/benchmarks/collecting.py [--seconds N] [--rate F] [--size WxH]

A camera of which every third frame is a near-duplicate; requests over a real socket, as the page sends them. Exit
status 1 when a frame is not accounted for: offered = stored + near-duplicates + failed, and the files are there.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "camera"))

from collecting_doubles import Client, Scenes, collecting


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rate", type=float, default=10)
    parser.add_argument("--size", default="1280x720")
    asked = parser.parse_args()
    width, height = map(int, asked.size.split("x"))
    sound = True
    for name, presses in (("one burst", 1), (f"{asked.rate:g} bursts a second", round(asked.seconds * asked.rate))):
        with tempfile.TemporaryDirectory() as folder:
            camera = lambda: Scenes(30, repeated=3, size=(width, height))  # noqa: E731
            with collecting(folder, "cat", camera=camera) as collector:
                client, start = Client(collector), time.monotonic()
                for press in range(presses):
                    end = start + asked.seconds * (press + 1) / presses
                    client.post("/hold", **{"burst": f"b{press}", "class": "cat", "rate": asked.rate})
                    while presses == 1 and time.monotonic() < end - 0.5:
                        time.sleep(0.5)
                        client.post("/hold", **{"burst": f"b{press}", "class": "cat", "rate": asked.rate})
                    client.post("/release", burst=f"b{press}")
                    time.sleep(max(0.0, end - time.monotonic()))
                seconds = time.monotonic() - start
                collector.recorder.drain()
                total, files = collector.recorder.total, len(list(Path(folder, "cat").glob("*.jpg")))
        fits = total.offered == total.stored + total.near_duplicates + total.failed and total.stored == files
        sound &= fits and not total.failed
        print(
            f"{name}, {asked.size}, {seconds:.1f} s: {total.offered} frames taken ({total.offered / seconds:.1f} a "
            f"second), {total.stored} stored, {total.near_duplicates} near-duplicates, {total.failed} failed, "
            f"{total.missed} missed; {files} files: {'all accounted for' if fits else 'NOT accounted for'}"
        )
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
