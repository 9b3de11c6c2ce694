"""Programs that take part in a round, and what the kernel says they cost."""

import json
import os
import subprocess
import sys
import tempfile
import threading
import urllib.request

ROOT = os.environ.get("OLIM_ROOT", "")
BIN = os.environ.get("OLIM_BIN", "")
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
        return answer.read()


class Process:
    """A program of a round; killed when the round ends."""

    def __init__(self, command, environment=None):
        self.name = os.path.basename(command[0])
        self.child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=sys.stderr, text=True,
            cwd=tempfile.gettempdir(), env={**os.environ, **(environment or {})})

    @property
    def pid(self):
        return self.child.pid

    def next_json(self):
        """The next line that is JSON."""
        for line in self.child.stdout:
            if line.startswith("{"):
                return json.loads(line)
        raise SystemExit(f"bench: {self.name} ended early with {self.child.wait()}")

    def go(self):
        """Says a word to a program that waits for one."""
        self.child.stdin.write("go\n")
        self.child.stdin.flush()

    def end(self):
        self.child.kill()
        self.child.wait()


class Simulator(Process):
    def __init__(self, guilds, *arguments):
        super().__init__([
            f"{BIN}/olim-simulator", "--guilds", str(guilds), "--members", "20", "--no-rate-limits",
            "--replay-events", "1000", "--token", TOKEN, *arguments])
        readiness = self.next_json()
        self.api, self.control = readiness["api_url"], readiness["control_url"]

    def wait_for_session(self):
        request(f"{self.control}/wait?sessions=1&timeout=60")

    def flood(self, count):
        # Compressed beforehand: what is measured must not wait for whoever sends.
        request(f"{self.control}/flood", {"count": count, "prepared": True})

    def flood_messages(self):
        """What a flood sends, as lines: the guild's id, a space, the message."""
        return request(f"{self.control}/flood")


class MemoryWatch:
    """Looks at processes ten times a second, and keeps the most that all of them together had."""

    def __init__(self, processes):
        self.pids = [process.pid for process in processes]
        self.resident = self.proportional = 0
        self.look()
        self.resident_before, self.proportional_before = self.resident, self.proportional
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()

    def look(self):
        sizes = [memory_kib(pid) for pid in self.pids]
        self.resident = max(self.resident, sum(size[0] for size in sizes))
        self.proportional = max(self.proportional, sum(size[1] for size in sizes))

    def watch(self):
        while not self.over.wait(0.1):
            self.look()

    def end(self):
        """The figures, in KiB: the most at any look, and what it was before the first event."""
        self.over.set()
        self.thread.join()
        return {
            "rss_kib": self.resident, "pss_kib": self.proportional, "rss_before_kib": self.resident_before,
        }
