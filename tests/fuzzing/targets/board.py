"""What a board answers over ssh, by a program `ssh` that answers it to every job; and the file that names boards."""

from __future__ import annotations

import dataclasses
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tiny_models
from json_mutants import changed, mutants

from edgecnn.devices import open_device
from edgecnn.graph.cut import cut
from fuzzing import models, mutate
from fuzzing.case import Case

# The probe is answered as a sound board would, with everything in its cache; a job with what the file says.
SSH = rb"""#!/bin/sh
for last; do :; done
case "$last" in
  *uname*) cat >/dev/null; printf 'python=/usr/bin/python3\nhome=/home/pi\nmachine=aarch64\n'
    for word in $last; do case "$word" in *.pyz*|*.tflite*) echo "cached=$(echo "$word" | tr -d "'")";; esac; done ;;
  *"cat >"*) cat >/dev/null ;;
  *) cat answer; cat said >&2; exit "$(cat status)" ;;
esac
"""
_RUNS = {"runs": 12, "warmup": 1, "threads": [1], "budget": 5}
COMMANDS = {
    "measure": "profile m.tflite --device pi@b",
    "compare": "profile m.tflite m.tflite --device pi@b",
    "per_op": "profile m.tflite --device pi@b --per-op",
    "sustained": "profile m.tflite --device pi@b --sustained 1",
    "check": "devices check pi@b",
    "info": "verify m.tflite --against m.tflite --data pictures --device pi@b",
}


class Fuzz:
    """See `Target`."""

    HOST = False

    def __init__(self, corpus: Sequence[Path]) -> None:
        self.model = models.seeds(())[0]
        self.answers = _recorded()

    def case(self, draw: random.Random) -> Case:
        """A mutant of what a board answers, given to the job itself or to another one."""
        name = draw.choice(list(COMMANDS))
        other = draw.choice(list(self.answers)) if draw.random() < 0.1 else name
        answer = next(mutants(self.answers[other], 1, str(draw.random()))).encode(errors="surrogatepass")
        if draw.random() < 0.1:
            answer = json.dumps(
                {"error": changed({"kind": "CrashError", "message": draw.choice(mutate.HOSTILE)}, draw)}
            ).encode()
        if draw.random() < 0.05:
            answer = mutate.octets(answer, draw)
        said = draw.choice(
            (b"", b"", b"note: " + draw.choice(mutate.HOSTILE).encode(errors="replace") + b"\n", draw.randbytes(99))
        )
        status = draw.choice((b"0",) * 12 + (b"1", b"75", b"137", b"255"))
        files: dict[str, bytes | str] = {
            "m.tflite": self.model,
            "bin/ssh": SSH,
            "answer": answer,
            "said": said,
            "status": status,
        }
        files["pictures/x/1.png"] = models.picture()
        words = COMMANDS[name].split()
        if draw.random() < 0.05:
            words = ["devices", "list"]
            files[".config/edgecnn/devices.toml"] = mutate.octets(b'[pi4]\ntarget = "pi@b"\nssh_config = "x"\n', draw)
        return Case(words, files, {"PATH": "{folder}/bin:/usr/bin:/bin", "HOME": "{folder}"})


def _recorded() -> dict[str, Any]:
    """What this machine answers to each job, as JSON values."""
    model = tiny_models.classifier()
    parts = dataclasses.replace(model, data=cut(model))
    with open_device() as device:
        return {
            "info": device.run("info"),
            "check": device.run("check"),
            "measure": device.run("measure", [model], **_RUNS),
            "compare": device.run("compare", [model, model], **_RUNS),
            "sustained": device.run("sustained", [model], seconds=1.2, warmup=1, threads=1),
            "per_op": device.run("per_op", [model, parts], **_RUNS),
        }
