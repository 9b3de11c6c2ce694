"""Delivered and acknowledged events: Olim's queue in its three durabilities, Redis Streams and NATS JetStream.

Each round starts every contestant anew, with every number of workers, in turn forwards and backwards. All get the same
events, of which a bounded number waits at any time; all consumers keep books that prove that each came exactly once.
"""

import statistics
import sys
import tempfile
import time

from harness.books import Books
from harness.contestants import Gateway, JetStream, Queue, Redis
from harness.figures import spread, table
from harness.processes import ROOT, MemoryWatch, Simulator, cpu_seconds

DURABILITIES = ["memory", "journal", "fsync"]
CONTESTANTS = {
    **{f"gateway-{mode}": lambda *arguments, mode=mode: Gateway(mode, *arguments) for mode in DURABILITIES},
    **{f"queue-{mode}": lambda *arguments, mode=mode: Queue(mode, *arguments) for mode in DURABILITIES},
    "redis": Redis,
    "nats": JetStream,
}


class Load:
    """The events of a round, in a file that every producer reads."""

    def __init__(self, directory, options):
        self.guilds, self.events = options.guilds, options.queue_events
        self.path = f"{directory}/messages"
        simulator = Simulator(options.guilds)
        messages = simulator.flood_messages()
        simulator.end()
        with open(self.path, "wb") as file:
            file.write(messages)
        sizes = [len(line) - line.index(b" ") - 1 for line in messages.splitlines()]
        whole, rest = divmod(self.events, len(sizes))
        self.distinct = len(sizes)
        self.bytes = whole * sum(sizes) + sum(sizes[:rest])
        self.backlog_bytes = options.backlog << 20
        self.backlog_events = self.backlog_bytes // (self.bytes // self.events)

    def describe(self):
        return (f"{self.events:,} events, {self.distinct:,} of them distinct, of {self.bytes / self.events:,.0f} bytes "
                f"on average, from {self.guilds:,} guilds; at most {self.backlog_bytes >> 20} MiB of them wait")


def measure(name, workers, load):
    """One contestant's round. Its data lies beside the build, because /tmp may be memory; sockets need a short path."""
    with tempfile.TemporaryDirectory(prefix="bench-", dir=f"{ROOT}/.build") as data, \
            tempfile.TemporaryDirectory(prefix="olim-bench-") as sockets:
        books = Books(f"{sockets}/books", workers)
        contestant = CONTESTANTS[name](load, books, workers, sockets, data)
        try:
            contestant.prepare()
            return run(contestant, load, books)
        finally:
            contestant.end()


def run(contestant, load, books):
    processes = contestant.processes()
    broker, consumers = MemoryWatch([contestant.broker]), MemoryWatch(contestant.consumers)
    before = {process: cpu_seconds(process.pid) for process in processes}
    contestant.begin()
    books.wait(load.events, 120, [contestant.broker, *contestant.consumers])
    # What is put off, such as deleting, is part of the work.
    time.sleep(0.2)
    cpu = {process: cpu_seconds(process.pid) - before[process] for process in processes}
    contestant.finish()
    books.check(load.events, load.bytes)
    ended = max(book.ended for book in books.all())
    return {
        "events": load.events, "wall_s": ended - contestant.started(), "cpu_s": sum(cpu.values()),
        "broker_cpu_s": cpu[contestant.broker], "producer_cpu_s": cpu.get(contestant.producer, 0),
        "consumers_cpu_s": sum(cpu[process] for process in contestant.consumers),
        "broker": broker.end(), "consumers": consumers.end(),
    }


def run_suite(names, options):
    entries = [(name, workers) for workers in options.workers for name in names]
    rounds = {entry: [] for entry in entries}
    with tempfile.TemporaryDirectory(prefix="olim-bench-") as directory:
        load = Load(directory, options)
        for number in range(options.rounds):
            for entry in entries if number % 2 == 0 else reversed(entries):
                rounds[entry].append(measure(*entry, load))
                one = rounds[entry][-1]
                print(f"round {number + 1} of {options.rounds}: {entry[0]}, {entry[1]} workers: "
                      f"{one['events'] / one['wall_s']:,.0f} events per second", file=sys.stderr, flush=True)
    show(rounds, load)
    return {f"{name} x{workers}": figures for (name, workers), figures in rounds.items()}


def rate(rounds):
    return statistics.median(one["events"] / one["wall_s"] for one in rounds)


def show(rounds, load):
    print(f"\nDelivered and acknowledged: {load.describe()}.")
    for name, kind in (("redis", Redis), ("nats", JetStream)):
        if any(entry[0] == name for entry in rounds):
            print(f"{name}: {kind.describe()}.")
    print()
    head = ["", "workers", "events per second", "to memory", "to redis", "to nats", "µs of CPU per event",
            "of the broker", "per CPU-second", "broker RSS, PSS, MiB", "consumers RSS, PSS, MiB"]
    table(head, [row(entry, rounds) for entry in rounds])
    print("CPU is that of broker, producer and consumers together; the gateway's producer, Discord, does not count.")


def row(entry, rounds):
    name, workers = entry
    own = rounds[entry]

    def ratio(other):
        peer = rounds.get((other, workers))
        return f"{rate(own) / rate(peer):.2f}x" if peer and other else ""

    def memory(who):
        return (f"{spread([one[who]['rss_kib'] for one in own], 1 / 1024)}, "
                f"{statistics.median(one[who]['pss_kib'] for one in own) / 1024:,.0f}")

    kind, _, mode = name.partition("-")
    return [
        name, str(workers), spread([one["events"] / one["wall_s"] for one in own]),
        ratio(f"{kind}-memory") if mode else "", ratio("redis"), ratio("nats"),
        spread([one["cpu_s"] / one["events"] * 1e6 for one in own], 1, 1),
        f"{statistics.median(one['broker_cpu_s'] / one['events'] * 1e6 for one in own):.1f}",
        f"{statistics.median(one['events'] / one['cpu_s'] for one in own):,.0f}", memory("broker"), memory("consumers"),
    ]
