"""Counting messages: written behind, many in one transaction, as the worker does, against one statement for each."""

import statistics
import sys

from harness.contestants import TESTS
from harness.figures import spread, table
from harness.processes import Process

CONTESTANTS = {
    f"{engine}-{way}": (engine, way) for engine in ("sqlite", "postgresql") for way in ("behind", "each")}


def measure(name, options):
    engine, way = CONTESTANTS[name]
    # One by one it takes so much longer that fewer must do.
    events = options.activity_events if way == "behind" else options.activity_events // 20
    process = Process([TESTS, "--testing-library", "swift-testing", "--filter", "StoreThroughput"], {
        "OLIM_BENCH_STORE": engine, "OLIM_BENCH_WAY": way, "OLIM_BENCH_EVENTS": str(events)})
    try:
        return process.next_json()
    finally:
        process.end()


def run_suite(names, options):
    rounds = {name: [] for name in names}
    for number in range(options.rounds):
        for name in names if number % 2 == 0 else reversed(names):
            rounds[name].append(measure(name, options))
            one = rounds[name][-1]
            print(f"round {number + 1} of {options.rounds}: {name}: {one['events'] / one['seconds']:,.0f} per second",
                  file=sys.stderr, flush=True)
    show(rounds)
    return {f"activity {name}": figures for name, figures in rounds.items()}


def rates(rounds):
    return [one["events"] / one["seconds"] for one in rounds]


def show(rounds):
    print("\nMessages counted per second: written behind (500 in one transaction, with cursors), and one statement each.\n")
    rows = []
    for name, figures in rounds.items():
        each = rounds.get(name.rsplit("-", 1)[0] + "-each")
        ratio = statistics.median(rates(figures)) / statistics.median(rates(each)) if each else None
        rows.append([name, spread(rates(figures)), f"{ratio:.1f}x" if ratio else ""])
    table(["", "per second", "to one statement each"], rows)
