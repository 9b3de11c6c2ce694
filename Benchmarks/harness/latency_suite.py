"""What Olim adds between a frame's arrival at the gateway and the handler in a worker, journal on.

At a fixed rate, so that nothing waits because of the load itself; and while two workers are replaced one after the other
(SIGTERM, drain, the next one starts), which nobody should notice.
"""

import signal
import tempfile
import time

from harness.figures import one_by_one, spread, table
from harness.processes import BIN, TOKEN, Process, Simulator, request

SECONDS = 5


def start_worker(directory, name, *arguments):
    worker = Process([
        f"{BIN}/CountingWorker", "--socket", f"{directory}/queue.sock", "--name", name, "--latencies", *arguments])
    worker.next_json()
    return worker


def measure(rate, restarts, options):
    with tempfile.TemporaryDirectory(prefix="olim-bench-") as directory:
        simulator = Simulator(options.guilds)
        gateway = Process([f"{BIN}/olim-gateway"], {
            "DISCORD_TOKEN": TOKEN, "DISCORD_COMPRESS": "zstd-stream", "QUEUE_SOCKET": f"{directory}/queue.sock",
            "STATE_DIRECTORY": f"{directory}/state", "LOG_LEVEL": "error", "DISCORD_API_URL": simulator.api})
        started = [simulator, gateway]
        try:
            simulator.wait_for_session()
            workers = [start_worker(directory, f"w{index}") for index in range(2 if restarts else 1)]
            started += workers
            # The first flood makes the frames, which takes a while.
            simulator.flood(1000)
            request(f"{simulator.control}/wait?flood=1&timeout=30")
            count = rate * SECONDS
            request(f"{simulator.control}/flood", {"count": count, "rate": rate})
            ended = []
            if restarts:
                for index in range(2):
                    time.sleep(SECONDS / 4)
                    ended.append(stop(workers[index]))
                    workers[index] = start_worker(directory, f"w{index}")
                    started.append(workers[index])
            request(f"{simulator.control}/wait?flood=1&timeout=60")
            time.sleep(0.5)
            ended += [stop(worker) for worker in workers]
            latencies = sorted(value for figures in ended for value in figures["latencies_us"])
            if len(latencies) < count + 1000:
                raise SystemExit(f"bench: {len(latencies)} of {count + 1000} events reached a handler")
            return {"events": len(latencies), **{
                name: latencies[min(len(latencies) - 1, int(len(latencies) * share))]
                for name, share in (("p50_us", 0.5), ("p99_us", 0.99), ("p999_us", 0.999), ("max_us", 1))}}
        finally:
            for process in reversed(started):
                process.end()


def stop(worker):
    worker.child.send_signal(signal.SIGTERM)
    return worker.next_json()


CONTESTANTS = {
    "latency-1000": lambda options: measure(1000, False, options),
    "latency-10000": lambda options: measure(10_000, False, options),
    "latency-restart": lambda options: measure(10_000, True, options),
}


def run_suite(names, options):
    rounds = one_by_one(names, lambda name: CONTESTANTS[name](options), options.rounds,
                        lambda one: f"p50 {one['p50_us']} µs, p99 {one['p99_us']} µs")
    show(rounds)
    return rounds


def show(rounds):
    print(f"\nFrom a frame's arrival to its handler, zstd, journal on, {SECONDS} s at a fixed rate; in milliseconds. "
          "`restart`: 10,000 a second while both of two workers are replaced.\n")
    table(["", "p50", "p99", "p99.9", "most"], [
        [name, *(spread([one[f"{figure}_us"] for one in figures], 1e-3, 2) for figure in ("p50", "p99", "p999", "max"))]
        for name, figures in rounds.items()])
