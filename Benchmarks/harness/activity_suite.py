"""Counting messages: written behind, many in one transaction, as the worker does, against one statement for each."""

import statistics

from harness.contestants import TESTS
from harness.figures import one_by_one, spread, table
from harness.processes import Process

# PostgreSQL as it is installed, and with commits that do not wait for the disk, where what a statement costs by itself shows.
DATABASES = {"sqlite": ("sqlite", ""), "postgresql": ("postgresql", "on"), "postgresql-nosync": ("postgresql", "off")}
CONTESTANTS = {f"{database}-{way}": (database, way) for database in DATABASES for way in ("behind", "each")}


def measure(name, options):
    database, way = CONTESTANTS[name]
    engine, fsync = DATABASES[database]
    process = Process([TESTS, "--testing-library", "swift-testing", "--filter", "StoreThroughput"], {
        "OLIM_BENCH_STORE": engine, "OLIM_BENCH_FSYNC": fsync, "OLIM_BENCH_WAY": way, "OLIM_BENCH_EVENTS": str(options.activity_events)})
    try:
        return process.next_json()
    finally:
        process.end()


def run_suite(names, options):
    rounds = one_by_one(names, lambda name: measure(name, options), options.rounds,
                        lambda one: f"{one['events'] / one['seconds']:,.0f} per second")
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
