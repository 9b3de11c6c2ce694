"""The gateway alone: into the journal and out to a reader whose own cost does not count, against a floor in C.

The floor reads the same WebSocket, decompresses, and copies every event into a Unix socket: no JSON, no journal, no order, no
acknowledgement. How fast it reads is also how fast the generator can send, which is printed.
"""

import os
import statistics
import tempfile
from urllib.parse import urlparse

from harness.figures import one_by_one, spread, table
from harness.processes import BIN, TOKEN, Process, Simulator, cpu_seconds
from harness.socket_suite import measure_olim

PEERS = os.environ.get("OLIM_PEERS", "")
MODES = {"none": "none", "zlib": "zlib-stream", "zstd": "zstd-stream"}


def measure_gateway(mode, options):
    figures = measure_olim(MODES[mode], options)
    return {**figures, "cpu_s": figures["gateway_cpu_s"]}


def measure_floor(mode, options):
    simulator = Simulator(options.guilds)
    port = urlparse(simulator.api).port
    path = "/?v=10&encoding=json" + ("" if mode == "none" else f"&compress={MODES[mode]}")
    # HELLO, READY, and a GUILD_CREATE for each guild.
    floor = Process([f"{PEERS}/floor", str(port), path, TOKEN, mode, str(options.guilds + 2), str(options.events)])
    try:
        floor.next_json()
        started = cpu_seconds(simulator.pid)
        simulator.flood(options.events)
        figures = floor.next_json()
        return {**figures, "generator_cpu_s": cpu_seconds(simulator.pid) - started}
    finally:
        floor.end()
        simulator.end()


CONTESTANTS = {
    **{f"gateway-{mode}": lambda options, mode=mode: measure_gateway(mode, options) for mode in MODES},
    **{f"floor-{mode}": lambda options, mode=mode: measure_floor(mode, options) for mode in MODES},
}


def run_suite(names, options):
    names = sorted(names, key=lambda name: name.partition("-")[2])
    rounds = one_by_one(names, lambda name: CONTESTANTS[name](options), options.rounds,
                        lambda one: f"{one['events'] / one['cpu_s']:,.0f} events per CPU-second")
    show(rounds)
    return rounds


def show(rounds):
    rates = {name: [one["events"] / one["cpu_s"] for one in figures] for name, figures in rounds.items()}
    rows = []
    for name, values in rates.items():
        kind, _, mode = name.partition("-")
        floor = rates.get(f"floor-{mode}")
        rows.append([
            name, spread(values), spread([1e6 / value for value in values], 1, 2),
            spread([one["events"] / one["wall_s"] for one in rounds[name]]),
            f"{statistics.median(values) / statistics.median(floor):.0%}" if floor and kind == "gateway" else ""])
    print("\nThe gateway alone, journal on, and the floor: a C program that only decompresses and copies.\n")
    table(["", "events per CPU-second", "µs of CPU per event", "events per second", "of the floor"], rows)
    for name in rounds:
        if name.startswith("floor"):
            print(f"{name}: the generator sends at most "
                  f"{spread([one['events'] / one['wall_s'] for one in rounds[name]])} events per second.")
