"""Usage: tools/fuzz [TARGET...] [--runs N | --minutes M] [--seed TEXT] [--first N] [--corpus DIR] [--keep DIR]"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from fuzzing import guided, running, sandbox


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tools/fuzz", description="Look for input that edgecnn falls over.")
    parser.add_argument(
        "targets", nargs="*", metavar="TARGET", help=f"of: {', '.join(running.target_names())} (default: all)"
    )
    parser.add_argument("--runs", type=int, metavar="N", help="cases of each target (default: without end)")
    parser.add_argument("--minutes", type=float, default=60.0, metavar="M", help="for each target (default: 60)")
    parser.add_argument("--seed", default="1", metavar="TEXT", help="other cases (default: 1)")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="number of the first case, to run one again")
    parser.add_argument("--corpus", type=Path, metavar="DIR", help="files to start from, beside the fuzzer's own")
    parser.add_argument("--keep", type=Path, default=Path("fuzz-findings"), metavar="DIR", help="where findings go")
    parser.add_argument(
        "--deadline", type=float, default=sandbox.DEADLINE_S, metavar="S", help="processor time of a case"
    )
    parser.add_argument(
        "--coverage", action="store_true", help=f"guide one of {', '.join(guided.SUFFIXES)} by coverage: needs atheris"
    )
    return parser.parse_args()


def main() -> int:
    """Run the targets one after the other; 1 if something was found."""
    asked = _arguments()
    corpus = sorted(path for path in asked.corpus.rglob("*") if path.is_file()) if asked.corpus else []
    found = 0
    for name in asked.targets or (guided.SUFFIXES if asked.coverage else running.target_names()):
        if asked.coverage:
            guided.run(name, corpus, int(60 * asked.minutes), asked.keep / name)
        target = running.load(name, corpus)
        numbers = (
            itertools.count(asked.first) if asked.runs is None else iter(range(asked.first, asked.first + asked.runs))
        )
        until = time.monotonic() + 60 * asked.minutes
        count, findings = running.fuzz(target, asked.seed, numbers, until, asked.keep / name, asked.deadline)
        print(f"{name}: {count} cases, {len(findings)} findings", flush=True)
        for fault, times in Counter(finding.fault for finding in findings).most_common():
            first = next(finding for finding in findings if finding.fault == fault)
            print(f"  {times:5d}  {fault}\n         first: case {first.number}: {first.line}", flush=True)
        found += len(findings)
    return int(found > 0)


if __name__ == "__main__":
    sys.exit(main())
