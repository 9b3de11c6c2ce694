"""Measures Olim and its peers in one run, round by round, and keeps every figure of every round.

Suites: socket, from Discord's socket to a counting worker, against discord.py and hikari; queue, delivered and
acknowledged events of the queue in its three durabilities, against Redis Streams and NATS JetStream; activity, messages
counted in the database, against one statement each.
"""

import argparse
import json
import os
import platform
import time

from harness import activity_suite, queue_suite, socket_suite
from harness.processes import ROOT

SUITES = {"socket": socket_suite, "queue": queue_suite, "activity": activity_suite}


def selected(names, parser):
    """The contestants asked for, by suite; a suite's name stands for all of it, no name for everything."""
    chosen = {suite: [] for suite in SUITES}
    for name in names or SUITES:
        if name in SUITES:
            chosen[name] += SUITES[name].CONTESTANTS
            continue
        suites = [suite for suite, module in SUITES.items() if name in module.CONTESTANTS]
        if not suites:
            parser.error(f"there is no suite or contestant {name}")
        chosen[suites[0]].append(name)
    return {suite: list(dict.fromkeys(names)) for suite, names in chosen.items() if names}


def main():
    parser = argparse.ArgumentParser(
        prog="./olim bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    everybody = [name for module in SUITES.values() for name in module.CONTESTANTS]
    parser.add_argument(
        "contestants", nargs="*", metavar="NAME",
        help=f"{', '.join(SUITES)}, or of {', '.join(everybody)}; default: all")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--guilds", type=int, default=1000)
    parser.add_argument("--needs", action="store_true", help="only print which suites that would run")
    socket = parser.add_argument_group("socket")
    socket.add_argument("--events", type=int, default=200_000, help="for Olim; peers get --peer-share of them")
    socket.add_argument("--peer-share", type=int, default=8)
    queue = parser.add_argument_group("queue")
    queue.add_argument("--queue-events", type=int, default=200_000)
    queue.add_argument("--workers", type=lambda text: [int(number) for number in text.split(",")], default=[1, 2, 4])
    queue.add_argument("--backlog", type=int, default=64, help="MiB of events that may wait")
    activity = parser.add_argument_group("activity")
    activity.add_argument("--activity-events", type=int, default=100_000)
    options = parser.parse_args()
    suites = selected(options.contestants, parser)
    if options.needs:
        return print(*suites)

    rounds = {}
    for suite, names in suites.items():
        rounds |= SUITES[suite].run_suite(names, options)
    os.makedirs(f"{ROOT}/Benchmarks/results", exist_ok=True)
    only = "" if len(suites) > 1 else f"-{list(suites)[0]}"
    path = f"{ROOT}/Benchmarks/results/{time.strftime('%Y-%m-%d')}{only}.json"
    with open(path, "w") as file:
        json.dump({
            "machine": {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count()},
            "options": vars(options), "rounds": rounds}, file, indent=1)
    print(f"Every figure of every round is in {os.path.relpath(path, ROOT)}.")


main()
