"""Starting, stopping and dying: how long events or sessions stand still."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time

from harness.figures import one_by_one, spread, table
from harness.lockstep import Discord, Worker, guild_id
from harness.processes import BIN, TOKEN


class Gateway:
    def __init__(self, directory, api):
        self.child = subprocess.Popen([f"{BIN}/olim-gateway"], stdout=subprocess.DEVNULL, env={
            **os.environ, "DISCORD_TOKEN": TOKEN, "DISCORD_API_URL": api, "DISCORD_COMPRESS": "none", "LOG_LEVEL": "error",
            "QUEUE_SOCKET": f"{directory}/queue.sock", "STATE_DIRECTORY": f"{directory}/state"})

    def end(self):
        self.child.kill()
        self.child.wait()


def ready(options):
    """From exec to READY: GET /gateway/bot, the connection, IDENTIFY."""
    with tempfile.TemporaryDirectory(prefix="olim-bench-") as directory:
        discord = Discord()
        started = time.monotonic()
        gateway = Gateway(directory, discord.api)
        try:
            discord.wait_for_sessions()
            return {"seconds": time.monotonic() - started}
        finally:
            gateway.end()
            discord.close()


def resumed(options):
    """From SIGTERM of one gateway, by way of its end and the exec of the next, to RESUMED."""
    with tempfile.TemporaryDirectory(prefix="olim-bench-") as directory:
        discord = Discord()
        gateway = Gateway(directory, discord.api)
        try:
            discord.wait_for_sessions()
            worker = Worker(f"{directory}/queue.sock", "w", lambda count: None)
            worker.ready.wait(10)
            discord.sessions[0].burst([b'{"id":"1","guild_id":"%d","content":""}' % guild_id(1)])
            time.sleep(0.3)
            started = time.monotonic()
            gateway.child.terminate()
            gateway.child.wait(10)
            gateway = Gateway(directory, discord.api)
            discord.wait(lambda: discord.resumes > 0, 20, "a resumed session")
            return {"seconds": time.monotonic() - started}
        finally:
            gateway.end()
            discord.close()


HOLDER = """
import json, socket, sys
connection = socket.socket(socket.AF_UNIX)
connection.connect(sys.argv[1])
connection.sendall(json.dumps({"op": "hello", "protocol": 1, "worker": "holder", "version": "1", "capacity": 64,
                               "events": ["MESSAGE_CREATE"]}).encode() + b"\\n")
for line in connection.makefile("rb"):
    if b'"op":"event"' in line: print("holding", flush=True)
"""


def killed(options):
    """From kill -9 of a worker that holds 20 events to the last of them at another worker."""
    with tempfile.TemporaryDirectory(prefix="olim-bench-") as directory:
        discord = Discord()
        gateway = Gateway(directory, discord.api)
        holder = None
        try:
            discord.wait_for_sessions()
            while not os.path.exists(f"{directory}/queue.sock"):
                time.sleep(0.01)
            holder = subprocess.Popen(
                [sys.executable, "-c", HOLDER, f"{directory}/queue.sock"], stdout=subprocess.PIPE, text=True)
            time.sleep(0.5)
            discord.sessions[0].burst(
                [b'{"id":"1","guild_id":"%d","content":""}' % guild_id(number) for number in range(20)])
            for _ in range(20):
                holder.stdout.readline()
            taken, changed, ended = [0], threading.Event(), [0.0]

            def took(count):
                taken[0] += count
                if taken[0] == 20:
                    ended[0] = time.monotonic()
                    changed.set()

            Worker(f"{directory}/queue.sock", "other", took).ready.wait(10)
            started = time.monotonic()
            os.kill(holder.pid, signal.SIGKILL)
            if not changed.wait(30):
                raise SystemExit(f"bench: {taken[0]} of 20 events came to the other worker")
            return {"seconds": ended[0] - started}
        finally:
            if holder:
                holder.kill()
                holder.wait()
            gateway.end()
            discord.close()


CONTESTANTS = {"start-ready": ready, "start-resumed": resumed, "start-killed": killed}


def run_suite(names, options):
    rounds = one_by_one(names, lambda name: CONTESTANTS[name](options), options.rounds,
                        lambda one: f"{one['seconds'] * 1e3:.1f} ms")
    show(rounds)
    return rounds


def show(rounds):
    print("\nMilliseconds: exec to READY; SIGTERM to RESUMED in the next process; kill -9 of a worker that holds 20 events to "
          "the last of them at another worker. Discord answers at once.\n")
    table(["", "ms"], [[name, spread([one["seconds"] for one in figures], 1e3, 1)] for name, figures in rounds.items()])
