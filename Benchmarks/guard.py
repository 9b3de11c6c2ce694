"""Fails when what the gateway does for an event has grown by more than a tenth: `./olim bench guard`.

It counts what does not depend on the machine (instructions under callgrind, allocations, system calls) while a Discord and a
worker move in step with the gateway, and compares with Benchmarks/guard.json. `--record` writes that file anew: do that in the
commit that makes an event dearer or cheaper on purpose, and say why there. Both use the build that the tests of the release
configuration use, so that a figure recorded by hand is one that CI can compare with.
"""

import argparse
import json
import sys

from harness.counting import Messages, Shape, allocations, instructions, system_calls
from harness.processes import ROOT

BASELINE = f"{ROOT}/Benchmarks/guard.json"
TOLERANCE = 0.10
# What has really grown has grown each time.
RETRIES = 2


def measure(burst):
    messages = Messages()
    plain, zlib = Shape(burst=burst), Shape(burst=burst, compress="zlib-stream")
    return {
        "instructions_per_event": round(instructions(plain, messages)),
        "allocations_per_event": round(allocations(plain, messages), 3),
        "allocations_per_event_zlib": round(allocations(zlib, messages), 3),
        "system_calls_per_event": round(system_calls(plain, messages), 3),
    }


def grown(baseline, counted, tolerance=TOLERANCE):
    """Sentences about each count that grew by more than the tolerance, or that nobody has counted before."""
    problems = []
    for name, value in counted.items():
        before = baseline.get(name)
        if before is None:
            problems.append(f"{name} was never recorded")
        elif value > before * (1 + tolerance):
            problems.append(f"{name} grew from {before:,} to {value:,}: {value / before - 1:+.1%}")
    return problems


def least(one, other):
    """A busy machine splits a burst into several reads, which only ever adds."""
    return {name: min(value, other[name]) for name, value in one.items()}


def main():
    parser = argparse.ArgumentParser(
        prog="./olim bench guard", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", action="store_true", help="write the figures down instead of comparing")
    parser.add_argument("--burst", type=int, default=32, help="events per read; fewer are dearer: --burst 1 must fail")
    options = parser.parse_args()
    counted = measure(options.burst)
    if options.record:
        with open(BASELINE, "w") as file:
            json.dump(counted, file, indent=1)
            file.write("\n")
        return print(json.dumps(counted))
    with open(BASELINE) as file:
        baseline = json.load(file)
    for _ in range(RETRIES):
        if not grown(baseline, counted):
            break
        counted = least(counted, measure(options.burst))
    for name, value in counted.items():
        before = baseline.get(name)
        change = f", {value / before - 1:+.1%} to the {before:,} recorded" if before else ""
        print(f"{name}: {value:,}{change}", flush=True)
    problems = grown(baseline, counted)
    if problems:
        sys.exit("The gateway does more for an event than before:\n  " + "\n  ".join(problems)
                 + "\nIf that is meant, record the new figures, and say why in the commit: ./olim bench guard --record")


if __name__ == "__main__":
    main()
