"""Commands per second end to end: a member uses a slash command, the real worker answers it over REST, journal on, SQLite."""

import tempfile
import time

from harness.figures import one_by_one, spread, table
from harness.processes import BIN, TOKEN, Process, Simulator, cpu_seconds, request


def measure(command, options):
    count = options.commands
    with tempfile.TemporaryDirectory(prefix="olim-bench-") as directory:
        environment = {
            "DISCORD_TOKEN": TOKEN, "QUEUE_SOCKET": f"{directory}/queue.sock", "STATE_DIRECTORY": f"{directory}/state",
            "LOG_LEVEL": "error", "DATABASE_URL": f"sqlite://{directory}/olim.sqlite"}
        simulator = Simulator(10)
        environment["DISCORD_API_URL"] = simulator.api
        gateway = Process([f"{BIN}/olim-gateway"], environment)
        worker = Process([f"{BIN}/olim-worker"], environment)
        try:
            request(f"{simulator.control}/wait?sessions=1&commands=1&timeout=60")
            request(f"{simulator.control}/interactions", {"command": command, "count": 50})
            request(f"{simulator.control}/wait?answers=50&timeout=60")
            before = time.monotonic(), cpu_seconds(gateway.pid), cpu_seconds(worker.pid)
            request(f"{simulator.control}/interactions", {"command": command, "count": count})
            request(f"{simulator.control}/wait?answers={count + 50}&timeout=60")
            return {
                "events": count, "wall_s": time.monotonic() - before[0],
                "gateway_cpu_s": cpu_seconds(gateway.pid) - before[1],
                "worker_cpu_s": cpu_seconds(worker.pid) - before[2]}
        finally:
            for process in (worker, gateway, simulator):
                process.end()


CONTESTANTS = {
    "worker-ping": lambda options: measure("ping", options),
    "worker-config": lambda options: measure("config show", options),
}


def run_suite(names, options):
    rounds = one_by_one(names, lambda name: CONTESTANTS[name](options), options.rounds,
                        lambda one: f"{one['events'] / one['wall_s']:,.0f} commands per second")
    show(rounds)
    return rounds


def show(rounds):
    print("\nSlash commands answered, from the gateway's socket to the answer over REST; one worker, SQLite.\n")
    table(["", "per second", "ms of the worker's CPU", "ms of the gateway's CPU"], [
        [name, spread([one["events"] / one["wall_s"] for one in figures]),
         spread([one["worker_cpu_s"] / one["events"] * 1e3 for one in figures], 1, 2),
         spread([one["gateway_cpu_s"] / one["events"] * 1e3 for one in figures], 1, 3)]
        for name, figures in rounds.items()])
