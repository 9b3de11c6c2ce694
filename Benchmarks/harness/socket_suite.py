"""From Discord's socket to a counting worker, and what discord.py and hikari cost on the same stream.

Each round starts every contestant anew, one after the other, against a simulator of its own that floods it with the
same 10,000 distinct messages over and over. CPU seconds are the kernel's, of the contestant's processes alone.
"""

import os
import statistics
import tempfile

from harness.figures import one_by_one, spread, table
from harness.processes import BIN, ROOT, TOKEN, Process, Simulator, cpu_seconds, memory_kib

PYTHON = os.environ.get("OLIM_PEERS_PYTHON", "")


def measure_olim(compression, options):
    with tempfile.TemporaryDirectory(prefix="olim-bench-") as directory:
        environment = {
            "DISCORD_TOKEN": TOKEN, "DISCORD_COMPRESS": compression, "QUEUE_SOCKET": f"{directory}/queue.sock",
            "STATE_DIRECTORY": f"{directory}/state", "LOG_LEVEL": "error",
        }
        simulator = Simulator(options.guilds)
        gateway = Process([f"{BIN}/olim-gateway"], {**environment, "DISCORD_API_URL": simulator.api})
        gateway.child.stdout.close()
        worker = None
        try:
            simulator.wait_for_session()
            worker = Process([
                f"{BIN}/CountingWorker", "--socket", f"{directory}/queue.sock", "--events", str(options.events)])
            worker.next_json()
            started = cpu_seconds(gateway.pid), cpu_seconds(simulator.pid)
            simulator.flood(options.events)
            count = worker.next_json()
            gateway_cpu = cpu_seconds(gateway.pid) - started[0]
            resident, proportional = memory_kib(gateway.pid)
            return {
                "events": count["events"], "wall_s": count["wall_s"], "cpu_s": gateway_cpu + count["cpu_s"],
                "gateway_cpu_s": gateway_cpu, "worker_cpu_s": count["cpu_s"],
                "generator_cpu_s": cpu_seconds(simulator.pid) - started[1],
                "rss_kib": resident, "pss_kib": proportional, "latency_us": count["latency_us"],
            }
        finally:
            for process in (worker, gateway, simulator):
                if process:
                    process.end()


def measure_peer(script, options):
    simulator = Simulator(options.guilds)
    count = max(1, options.events // options.peer_share)
    peer = Process(
        [PYTHON, f"{ROOT}/Benchmarks/peers/{script}", simulator.api, str(count)], {"DISCORD_TOKEN": TOKEN})
    try:
        peer.next_json()
        simulator.flood(count)
        return peer.next_json()
    finally:
        peer.end()
        simulator.end()


CONTESTANTS = {
    "olim-zstd": lambda options: measure_olim("zstd-stream", options),
    "olim-zlib": lambda options: measure_olim("zlib-stream", options),
    "olim-none": lambda options: measure_olim("none", options),
    "discord.py": lambda options: measure_peer("discordpy_count.py", options),
    "hikari": lambda options: measure_peer("hikari_count.py", options),
}


def run_suite(names, options):
    rounds = one_by_one(names, lambda name: CONTESTANTS[name](options), options.rounds,
                        lambda one: f"{one['events'] / one['cpu_s']:,.0f} events per CPU-second")
    show(rounds)
    return rounds


def show(rounds):
    rates = {name: [one["events"] / one["cpu_s"] for one in rounds[name]] for name in rounds}
    peer = statistics.median(rates["discord.py"]) if "discord.py" in rates else None
    print()
    table(["", "events per CPU-second", "events per second", "memory, MiB", "ratio to discord.py"], [
        [
            name, spread(rates[name]), spread([one["events"] / one["wall_s"] for one in rounds[name]]),
            spread([one["rss_kib"] for one in rounds[name]], 1 / 1024, 1),
            f"{statistics.median(rates[name]) / peer:.1f}x" if peer else "",
        ] for name in rounds])
    generator = [one["generator_cpu_s"] / one["events"] for name in rounds for one in rounds[name]
                 if one.get("generator_cpu_s")]
    if generator:
        print(f"The generator takes {spread(generator, 1e6, 2)} µs of CPU per event.")
    for name in rounds:
        if "latency_us" in rounds[name][0]:
            share = [one["worker_cpu_s"] / one["events"] for one in rounds[name]]
            print(f"{name}: the counting worker takes {spread(share, 1e6, 2)} µs per event: reading, decoding, "
                  "acknowledging.")
