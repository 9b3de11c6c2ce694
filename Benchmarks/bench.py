"""Measures Olim and its peers in one run, round by round, and keeps every figure of every round.

Suites:
  socket    from Discord's socket to a counting worker, against discord.py and hikari
  gateway   the gateway alone, against a C program that only decompresses and copies
  queue     delivered and acknowledged events of the queue in its three durabilities, against Redis Streams and NATS JetStream
  latency   what Olim adds between a frame's arrival and its handler, at a fixed rate and while workers are replaced
  memory    of each process, idle, under load, with 16 shards; memory-waiting (2,000,000 waiting events) only when named
  worker    slash commands per second end to end
  activity  messages counted in the database, against one statement each
  growth    what an event costs with more shards, guilds and workers, counted in instructions
  start     exec to READY, SIGTERM to RESUMED, kill -9 of a worker to its events at another

`./olim bench daily` and `./olim bench guard` are apart: see their --help.
"""

import argparse
import json
import os
import platform
import time

from harness import (activity_suite, chart, gateway_suite, growth_suite, latency_suite, memory_suite, queue_suite,
                     socket_suite, start_suite, worker_suite)
from harness.processes import ROOT

SUITES = {
    "socket": socket_suite, "gateway": gateway_suite, "queue": queue_suite, "latency": latency_suite,
    "memory": memory_suite, "worker": worker_suite, "activity": activity_suite, "growth": growth_suite,
    "start": start_suite,
}


def standard(suite):
    """The contestants that a suite has when nobody names any."""
    return [name for name in suite.CONTESTANTS if name not in getattr(suite, "APART", [])]


def selected(names, parser):
    """The contestants asked for, by suite; a suite's name stands for all of it, no name for everything."""
    chosen = {suite: [] for suite in SUITES}
    for name in names or SUITES:
        if name in SUITES:
            chosen[name] += standard(SUITES[name])
            continue
        suites = [suite for suite, module in SUITES.items() if name in module.CONTESTANTS]
        if not suites:
            parser.error(f"there is no suite or contestant {name}")
        chosen[suites[0]].append(name)
    return {suite: list(dict.fromkeys(names)) for suite, names in chosen.items() if names}


def parsed():
    parser = argparse.ArgumentParser(
        prog="./olim bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    everybody = [name for module in SUITES.values() for name in module.CONTESTANTS]
    parser.add_argument(
        "contestants", nargs="*", metavar="NAME",
        help=f"{', '.join(SUITES)}, or of {', '.join(everybody)}; default: all")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--guilds", type=int, default=1000)
    parser.add_argument("--needs", action="store_true", help="only print which suites that would run")
    parser.add_argument("--commands", type=int, default=2000, help="worker: commands in a round")
    socket = parser.add_argument_group("socket and gateway")
    socket.add_argument("--events", type=int, default=200_000, help="for Olim; peers get --peer-share of them")
    socket.add_argument("--peer-share", type=int, default=8)
    queue = parser.add_argument_group("queue")
    queue.add_argument("--queue-events", type=int, default=200_000)
    queue.add_argument("--workers", type=lambda text: [int(number) for number in text.split(",")], default=[1, 2, 4])
    queue.add_argument("--backlog", type=int, default=64, help="MiB of events that may wait")
    activity = parser.add_argument_group("activity")
    activity.add_argument("--activity-events", type=int, default=100_000)
    options = parser.parse_args()
    return options, selected(options.contestants, parser)


def main():
    options, suites = parsed()
    if options.needs:
        return print(*suites)
    os.makedirs(f"{ROOT}/Benchmarks/results", exist_ok=True)
    for suite, names in suites.items():
        rounds = SUITES[suite].run_suite(names, options)
        path = f"{ROOT}/Benchmarks/results/{time.strftime('%Y-%m-%d')}-{suite}"
        with open(f"{path}.json", "w") as file:
            json.dump({
                "machine": {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count()},
                "options": vars(options), "rounds": rounds}, file, indent=1)
        chart.draw(suite, rounds, f"{path}.svg")
        print(f"Every figure of every round is in {os.path.relpath(path, ROOT)}.json, a chart beside it.", flush=True)


main()
