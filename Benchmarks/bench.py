"""Measures what Olim costs from Discord's socket to a counting worker, and what its peers cost on the same stream.

Each round starts every contestant anew, one after the other, against a simulator of its own that floods it with the
same 10,000 distinct messages over and over. CPU seconds are the kernel's, of the contestant's processes alone.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = os.environ["OLIM_ROOT"]
BIN = os.environ["OLIM_BIN"]
PYTHON = os.environ["OLIM_PEERS_PYTHON"]
# hikari insists that a token begins with the bot's id in Base64.
TOKEN = "MTEwMjg4OTcyMDY5NTc1MTIzNQ.x.y"
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory_kib(pid):
    """Resident set, and proportional set, which shares out what processes have in common."""
    resident = proportional = 0
    with open(f"/proc/{pid}/smaps_rollup") as file:
        for line in file:
            if line.startswith("Rss:"):
                resident = int(line.split()[1])
            if line.startswith("Pss:"):
                proportional = int(line.split()[1])
    return resident, proportional


def request(url, body=None, timeout=120):
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data=data), timeout=timeout) as answer:
        return json.load(answer)


class Process:
    """A program of a round; killed when the round ends."""

    def __init__(self, command, environment=None):
        self.name = os.path.basename(command[0])
        self.child = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=sys.stderr, text=True, cwd=tempfile.gettempdir(),
            env={**os.environ, **(environment or {})})

    @property
    def pid(self):
        return self.child.pid

    def next_json(self):
        """The next line that is JSON."""
        for line in self.child.stdout:
            if line.startswith("{"):
                return json.loads(line)
        raise SystemExit(f"bench: {self.name} ended early with {self.child.wait()}")

    def end(self):
        self.child.kill()
        self.child.wait()


class Simulator(Process):
    def __init__(self, guilds):
        super().__init__([
            f"{BIN}/olim-simulator", "--guilds", str(guilds), "--members", "20", "--no-rate-limits",
            "--replay-events", "1000", "--token", TOKEN])
        readiness = self.next_json()
        self.api, self.control = readiness["api_url"], readiness["control_url"]

    def wait_for_session(self):
        request(f"{self.control}/wait?sessions=1&timeout=60")

    def flood(self, count):
        request(f"{self.control}/flood", {"count": count})


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


def spread(values, scale=1.0, digits=0):
    middle, low, high = statistics.median(values), min(values), max(values)
    return " ".join(f"{value * scale:,.{digits}f}" for value in (middle,)) + \
        f" ({low * scale:,.{digits}f}–{high * scale:,.{digits}f})"


def main():
    parser = argparse.ArgumentParser(prog="./olim bench", description=__doc__)
    parser.add_argument("contestants", nargs="*", metavar="NAME", help=f"of {', '.join(CONTESTANTS)}; all by default")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--events", type=int, default=200_000, help="for Olim; peers get --peer-share of them")
    parser.add_argument("--peer-share", type=int, default=8)
    parser.add_argument("--guilds", type=int, default=1000)
    options = parser.parse_args()
    names = options.contestants or list(CONTESTANTS)
    for name in names:
        if name not in CONTESTANTS:
            parser.error(f"there is no contestant {name}")

    rounds = {name: [] for name in names}
    for number in range(options.rounds):
        for name in names:
            rounds[name].append(CONTESTANTS[name](options))
            print(f"round {number + 1} of {options.rounds}: {name}: "
                  f"{rounds[name][-1]['events'] / rounds[name][-1]['cpu_s']:,.0f} events per CPU-second",
                  file=sys.stderr, flush=True)

    rates = {name: [one["events"] / one["cpu_s"] for one in rounds[name]] for name in names}
    peer = statistics.median(rates["discord.py"]) if "discord.py" in rates else None
    print(f"\n{'':12} {'events per CPU-second':>32} {'events per second':>30} {'memory, MiB':>22}  ratio to discord.py")
    for name in names:
        walls = [one["events"] / one["wall_s"] for one in rounds[name]]
        memory = [one["rss_kib"] for one in rounds[name]]
        ratio = f"{statistics.median(rates[name]) / peer:.1f}x" if peer else ""
        print(f"{name:12} {spread(rates[name]):>32} {spread(walls):>30} {spread(memory, 1 / 1024, 1):>22}  {ratio}")
    generator = [one["events"] / one["generator_cpu_s"] for name in names for one in rounds[name]
                 if one.get("generator_cpu_s")]
    if generator:
        print(f"The generator takes {spread([1e6 / rate for rate in generator], 1, 2)} µs of CPU per event.")
    for name in names:
        if "latency_us" in rounds[name][0]:
            share = [one["worker_cpu_s"] / one["events"] * 1e6 for one in rounds[name]]
            print(f"{name}: the counting worker takes {spread(share, 1, 2)} µs per event: reading, decoding, acknowledging.")

    os.makedirs(f"{ROOT}/Benchmarks/results", exist_ok=True)
    path = f"{ROOT}/Benchmarks/results/{time.strftime('%Y-%m-%d')}.json"
    with open(path, "w") as file:
        json.dump({
            "machine": {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count()},
            "options": vars(options), "rounds": rounds}, file, indent=1)
    print(f"Every figure of every round is in {os.path.relpath(path, ROOT)}.")


main()
