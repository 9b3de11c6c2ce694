"""Memory of each process: resident set and proportional set, idle, and the most of it under full load.

`memory-waiting` (2,000,000 events wait for a worker) takes minutes, so it is only run when named.
"""

import tempfile
import time

from harness.figures import one_by_one, spread, table
from harness.processes import BIN, TOKEN, MemoryWatch, Process, Simulator, memory_kib, request
from harness.socket_suite import measure_peer


def measure(options, shards=1, load=0, waiting=0):
    with tempfile.TemporaryDirectory(prefix="olim-bench-") as directory:
        environment = {
            "DISCORD_TOKEN": TOKEN, "QUEUE_SOCKET": f"{directory}/queue.sock", "STATE_DIRECTORY": f"{directory}/state",
            "LOG_LEVEL": "error", "QUEUE_MAX_BYTES": "8GB", "DATABASE_URL": f"sqlite://{directory}/olim.sqlite"}
        simulator = Simulator(options.guilds, "--shards-recommended", str(shards), "--max-concurrency", "16")
        environment["DISCORD_API_URL"] = simulator.api
        started = [simulator, Process([f"{BIN}/olim-gateway"], environment)]
        gateway = started[1]
        try:
            request(f"{simulator.control}/wait?sessions={shards}&timeout=60")
            if waiting:
                # Nobody takes them, but somebody has wished for them.
                simulator.flood(waiting)
                request(f"{simulator.control}/wait?flood=1&timeout=300")
                time.sleep(2)
                return {"gateway": memory_kib(gateway.pid), "worker": (0, 0)}
            started.append(Process([f"{BIN}/olim-worker"], environment))
            worker = started[2]
            request(f"{simulator.control}/wait?commands=1&timeout=60")
            time.sleep(1)
            if load:
                watch = [MemoryWatch([gateway]), MemoryWatch([worker])]
                simulator.flood(load)
                request(f"{simulator.control}/wait?flood=1&timeout=60")
                time.sleep(1)
                ended = [one.end() for one in watch]
                return {name: (one["rss_kib"], one["pss_kib"]) for name, one in zip(("gateway", "worker"), ended)}
            return {"gateway": memory_kib(gateway.pid), "worker": memory_kib(worker.pid)}
        finally:
            for process in reversed(started):
                process.end()


def peer(script, options):
    figures = measure_peer(script, options)
    return {"gateway": (0, 0), "worker": (figures["rss_kib"], figures.get("pss_kib", figures["rss_kib"]))}


CONTESTANTS = {
    "memory-idle": lambda options: measure(options),
    "memory-load": lambda options: measure(options, load=100_000),
    "memory-16-shards": lambda options: measure(options, shards=16),
    "memory-discord.py": lambda options: peer("discordpy_count.py", options),
    "memory-hikari": lambda options: peer("hikari_count.py", options),
    "memory-waiting": lambda options: measure(options, waiting=2_000_000),
}
APART = ["memory-waiting"]


def run_suite(names, options):
    rounds = one_by_one(
        names, lambda name: CONTESTANTS[name](options), options.rounds,
        lambda one: f"gateway {one['gateway'][0] / 1024:.1f} MiB, worker {one['worker'][0] / 1024:.1f} MiB")
    show(rounds)
    return rounds


def show(rounds):
    print("\nMemory in MiB: resident set (RSS), and proportional set (PSS), which shares out what processes have in common.\n")

    def column(figures, who, which):
        values = [one[who][which] for one in figures]
        return spread(values, 1 / 1024, 1) if any(values) else ""

    table(["", "gateway RSS", "gateway PSS", "worker or peer RSS", "PSS", "both PSS"], [
        [name, column(figures, "gateway", 0), column(figures, "gateway", 1), column(figures, "worker", 0),
         column(figures, "worker", 1), spread([one["gateway"][1] + one["worker"][1] for one in figures], 1 / 1024, 1)]
        for name, figures in rounds.items()])
