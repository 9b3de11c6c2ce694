"""What the gateway does for each event, counted: instructions, heap allocations, system calls.

Each count is the difference between a long and a short run of the same bursts, so that starting and ending cancel out.
"""

import concurrent.futures
import functools
import mmap
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import time

from harness.lockstep import Discord, Worker, guild_id
from harness.processes import BIN, ROOT, TOKEN, Simulator

SHORT, LONG = 40, 240
BURST = 32
PEERS = os.environ.get("OLIM_PEERS", f"{ROOT}/.build/bench-peers")


class Shape:
    """How much there is of what must not make an event dearer."""

    def __init__(self, shards=1, guilds=1000, workers=1, burst=BURST, compress="none"):
        self.shards, self.guilds, self.workers, self.burst, self.compress = shards, guilds, workers, burst, compress


class Messages:
    """The simulator's realistic messages, each put into any guild."""

    def __init__(self):
        simulator = Simulator(1000)
        self.parts = []
        for line in simulator.flood_messages().splitlines():
            guild, _, message = line.partition(b" ")
            self.parts.append(message.split(guild))
        simulator.end()

    def burst(self, number, shape):
        """The messages of a burst, all of them of one shard, whose turn it is. Guilds are spread evenly: the worst case."""
        shard = number % shape.shards
        messages = []
        for index in range(shape.burst):
            position = number * shape.burst + index
            guild = position * 2_654_435_761 % shape.guilds // shape.shards * shape.shards + shard
            messages.append(str(guild_id(guild)).encode().join(self.parts[position % len(self.parts)]))
        return shard, messages


class Run:
    """The gateway with a Discord and workers in step with it."""

    def __init__(self, directory, shape, wrapper=(), environment=None, gateway=f"{BIN}/olim-gateway"):
        self.shape = shape
        self.done, self.changed = 0, threading.Condition()
        self.discord = Discord(shape.shards, shape.compress)
        self.gateway = subprocess.Popen(
            [*wrapper, gateway], cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={
                **os.environ, "DISCORD_TOKEN": TOKEN, "DISCORD_API_URL": self.discord.api, "LOG_LEVEL": "error",
                "DISCORD_COMPRESS": shape.compress, "QUEUE_SOCKET": f"{directory}/queue.sock",
                "STATE_DIRECTORY": f"{directory}/state", "SWIFT_DETERMINISTIC_HASHING": "1", **(environment or {})})
        self.discord.wait_for_sessions()
        self.workers = [
            Worker(f"{directory}/queue.sock", f"w{index}", self.acknowledged) for index in range(shape.workers)]
        for worker in self.workers:
            if not worker.ready.wait(60):
                raise SystemExit("bench: the gateway does not welcome workers")

    def acknowledged(self, count):
        with self.changed:
            self.done += count
            self.changed.notify_all()

    def bursts(self, messages, numbers):
        for number in numbers:
            shard, burst = messages.burst(number, self.shape)
            expected = self.done + len(burst)
            self.discord.sessions[shard].burst(burst)
            with self.changed:
                if not self.changed.wait_for(lambda: self.done >= expected, 120):
                    raise SystemExit(f"bench: {self.done} of {expected} events")
            # The acknowledgement is to be read by itself, not together with the next burst.
            time.sleep(0.002)

    def end(self):
        self.gateway.terminate()
        try:
            self.gateway.wait(120)
        finally:
            self.gateway.kill()
            self.discord.close()


def totals(shape, messages, bursts, wrapper, read, gateway, environment):
    """One run of so many bursts, and what was counted in all of it."""
    with tempfile.TemporaryDirectory(prefix="olim-count-", dir="/tmp") as directory:
        wrapper = [part.format(directory=directory) for part in wrapper]
        run = Run(directory, shape, wrapper, environment, gateway)
        try:
            run.bursts(messages, range(bursts))
        finally:
            run.end()
        return read(directory)


def per_event(shape, messages, wrapper, read, gateway=f"{BIN}/olim-gateway", environment=None):
    with concurrent.futures.ThreadPoolExecutor() as pool:
        short, long = pool.map(
            lambda bursts: totals(shape, messages, bursts, wrapper, read, gateway, environment), (SHORT, LONG))
    return (long - short) / ((LONG - SHORT) * shape.burst)


@functools.cache
def stripped_gateway():
    """Without debug information, whose newer forms valgrind cannot read; names of functions stay."""
    path = f"{PEERS}/olim-gateway"
    subprocess.run(["strip", "--strip-debug", "-o", path, f"{BIN}/olim-gateway"], check=True)
    return path


def instructions(shape, messages, keep=None):
    """With `keep` a directory in which the profiles of both runs stay, for callgrind_annotate."""
    def read(directory):
        with open(f"{directory}/callgrind.out") as file:
            total = next(int(line.split()[1]) for line in file if line.startswith(("summary:", "totals:")))
        if keep:
            shutil.copy(f"{directory}/callgrind.out", f"{keep}/callgrind.{total}")
        return total
    return per_event(shape, messages, [
        "valgrind", "--tool=callgrind", "--callgrind-out-file={directory}/callgrind.out", "--quiet"],
        read, stripped_gateway(), {"LD_PRELOAD": f"{PEERS}/writable_sigsuspend.so"})


def system_calls(shape, messages):
    def read(directory):
        # The tracer writes its summary when the gateway has ended.
        for _ in range(500):
            with open(f"{directory}/calls") as file:
                text = file.read()
            if text.rstrip().endswith("total"):
                break
            time.sleep(0.02)
        return sum(
            int(line.split()[3]) for line in text.splitlines() if re.match(r"\s*[\d.]+\s+[\d.]+\s+\d+\s+\d+", line)
            and not line.rstrip().endswith("total"))
    # -D: the gateway is our child and the tracer is not, so that signals reach the gateway.
    return per_event(shape, messages, ["strace", "-D", "-f", "-c", "-o", "{directory}/calls"], read)


def allocations(shape, messages):
    """Counted by a library that stands before malloc; it keeps its count in a file, so that one run is enough."""
    with tempfile.TemporaryDirectory(prefix="olim-count-", dir="/tmp") as directory:
        path = f"{directory}/allocations"
        with open(path, "wb") as file:
            file.truncate(mmap.PAGESIZE)
        with open(path, "rb") as file:
            count = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        run = Run(directory, shape, [], {
            "LD_PRELOAD": f"{PEERS}/count_allocations.so", "OLIM_ALLOCATIONS": path})
        try:
            run.bursts(messages, range(SHORT))
            before = struct.unpack_from("=Q", count)[0]
            run.bursts(messages, range(SHORT, LONG))
            return (struct.unpack_from("=Q", count)[0] - before) / ((LONG - SHORT) * shape.burst)
        finally:
            run.end()


def say(text):
    print(text, file=sys.stderr, flush=True)
