"""The processes of one run, from their start to the end, and what is asked of them."""

import glob
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter

from discord import Discord
from faults import GATEWAY, Faults
from ledger import Ledger
from load import OBSERVED, Load, read_world
from postgres import Postgres
from processes import Supervisor

HERE = os.path.dirname(os.path.abspath(__file__))
BIN = os.environ["OLIM_BIN"]
INTENTS = "GUILDS,GUILD_MEMBERS,GUILD_MESSAGES,MESSAGE_CONTENT,DIRECT_MESSAGES"
# Longer than any worker takes for an event, and short, so that workers that hang are many.
ACK_TIMEOUT = 6.0
# Everything must be quiet so long after the last fault, or it is stuck.
SETTLE_SECONDS = 180.0


class Failure(Exception):
    """The run cannot go on."""


class Run:
    """One run."""

    shards = 4
    ack_timeout = ACK_TIMEOUT
    # How long the gateway has to make a removed socket anew.
    socket_patience = 10.0
    # Sessions that Discord was made to forget.
    new_sessions = 0

    def __init__(self, options):
        self.options = options
        self.problems = []
        self.settle_seconds = 0.0
        self.origin = time.monotonic()
        self.directory = tempfile.mkdtemp(prefix="olim-chaos-")
        # PostgreSQL may run as another user.
        os.chmod(self.directory, 0o711)
        self.records = os.path.join(self.directory, "records")
        os.mkdir(self.records)
        self.queue_socket = os.path.join(self.directory, "run", "queue.sock")
        os.mkdir(os.path.dirname(self.queue_socket))
        self.workers = [f"worker-{number}" for number in range(1, options.workers + 1)]
        self.observers = ["observer-1", "observer-2"]
        self.supervisor = self.postgres = self.load = self.faults = None

    def clock(self):
        """Seconds of the run."""
        return time.monotonic() - self.origin

    # MARK: The beginning

    def start(self):
        self.supervisor = Supervisor(self.directory, self.clock)
        self.postgres = Postgres(os.path.join(self.directory, "postgres"), self.supervisor.log_path("postgres"))
        self.start_simulator()
        environment = {
            "DISCORD_TOKEN": "simulated-token", "DISCORD_API_URL": self.discord.api_url,
            "QUEUE_SOCKET": self.queue_socket, "STATE_DIRECTORY": os.path.join(self.directory, "state"),
            "LOG_FORMAT": "json", "LOG_LEVEL": "info",
        }
        self.supervisor.add(GATEWAY, [f"{BIN}/olim-gateway"], {
            **environment, "DISCORD_INTENTS": INTENTS, "QUEUE_DURABILITY": self.options.durability,
            "QUEUE_ACK_TIMEOUT": f"{ACK_TIMEOUT:.0f}s", "DRAIN_TIMEOUT": "500ms"})
        for name in self.workers:
            self.supervisor.add(name, [f"{BIN}/olim-worker"], {
                **environment, "WORKER_NAME": name, "DATABASE_URL": self.postgres.url, "DRAIN_TIMEOUT": "5s"})
        for name in self.observers:
            self.supervisor.add(name, [
                sys.executable, os.path.join(HERE, "observer.py"), "--socket", self.queue_socket, "--name", name,
                "--records", self.records, "--events", ",".join(OBSERVED), "--seed", str(self.options.seed)])
        self.prepare()

    def start_simulator(self):
        port_file = os.path.join(self.directory, "port")
        self.supervisor.add("simulator", [
            f"{BIN}/olim-simulator", "--port-file", port_file, "--guilds", "60", "--members", "20",
            "--shards-recommended", str(self.shards), "--max-concurrency", str(self.shards),
            "--session-limit", "100000", "--session-expiry", "3600000", "--heartbeat-interval", "1000",
            "--replay-events", "100000"])
        self.until("the simulator is there", lambda: os.path.exists(port_file))
        with open(port_file) as file:
            self.discord = Discord(int(file.read()))

    def prepare(self):
        """Waits until all are there, and has a welcome channel set in each guild by its owner."""
        self.discord.get("/wait", sessions=self.shards, commands=3, timeout=60)
        self.until("all workers are there", lambda: len((self.status() or {}).get("workers", [])) == len(
            self.workers) + len(self.observers))
        _, guilds = read_world(self.discord)
        for guild in guilds:
            self.discord.post("/interactions", {
                "command": "config welcome", "options": {"channel": guild.welcome_channel}, "guild": guild.id,
                "user": guild.owner})
        self.discord.get("/wait", answers=len(guilds), timeout=60)
        self.load = Load(self.discord, guilds, self.options.rate, self.options.seed, self.clock)
        self.faults = Faults(self, self.options.seed, self.options.without)
        delays = random.Random(f"delays/{self.options.seed}")
        self.supervisor.restart_delay = lambda: delays.uniform(0.05, 0.7)

    # MARK: The run

    def go(self):
        self.origin = time.monotonic()
        self.load.start()
        self.faults.go_on_until(self.options.minutes * 60, self.options.pause)
        self.load.stop()
        self.faults.end_all()
        self.settle()

    def check(self):
        """Ends the run if it makes no sense to go on."""
        if self.load.failure:
            raise self.load.failure
        if not self.supervisor.is_up("simulator"):
            raise Failure("the simulator ended")

    def settle(self):
        """Waits until nothing is under way any more."""
        start, last, quiet_since = self.clock(), None, None
        while True:
            state = self.describe()
            if state != last or not state["is_quiet"]:
                quiet_since = self.clock()
            last = state
            if self.clock() - quiet_since >= 2:
                self.settle_seconds = quiet_since - start
                return
            if self.clock() - start > SETTLE_SECONDS:
                self.settle_seconds = self.clock() - start
                self.problems.append(f"not quiet {SETTLE_SECONDS:.0f} s after the last fault: {json.dumps(state)}")
                return
            time.sleep(0.1)

    def has_received_all(self, within):
        """Whether the gateway has had what Discord sent for a while, so that it is in the journal."""
        deadline, since = time.monotonic() + within, None
        while time.monotonic() < deadline:
            status = self.status()
            sent, received = self.sequences(status) if status else (None, {})
            if sent != received:
                since = None
            elif since is None:
                since = time.monotonic()
            elif time.monotonic() - since > 0.2:
                return True
            time.sleep(0.05)
        return False

    def sequences(self, status):
        """By shard, the last sequence numbers that Discord sent and that the gateway received."""
        sent = {one["shard"][0]: one["seq"] for one in self.discord.get("/report")["sessions"]}
        return sent, {one["id"]: one["seq"] for one in status["shards"]}

    def describe(self):
        """What tells whether something is under way."""
        status = self.status()
        if not status:
            return {"is_quiet": False, "gateway": "does not answer"}
        queue = status["queue"]
        sent, received = self.sequences(status)
        return {
            "depth": queue["depth"], "in_flight": queue["in_flight"], "dead_letters": queue["dead_letters"],
            "sent": sent, "received": received, "workers": len(status["workers"]),
            "is_quiet": not queue["depth"] and not queue["in_flight"] and sent == received
            and len(status["workers"]) == len(self.workers) + len(self.observers),
        }

    def finish(self):
        """Keeps what the gateway says of itself, and ends all processes in order."""
        status = self.status() or {}
        with open(os.path.join(self.directory, "status.json"), "w") as file:
            json.dump(status, file, indent=1)
        queue = status.get("queue", {})
        # A session that Discord was told to forget is counted as lost, whatever came of its events.
        allowed = {"dead_letters": 0, "shed": 0, "lost": self.new_sessions}
        for name, most in allowed.items():
            if queue.get(name, 0) > most:
                self.problems.append(f"the gateway's status says {queue[name]} {name.replace('_', ' ')}")
        ledger = Ledger(self)
        for names in ([*self.workers, *self.observers], [GATEWAY], ["simulator"]):
            for name in self.supervisor.end(names, within=15):
                self.problems.append(f"{name} does not end on SIGTERM")
        return ledger

    def close(self):
        if self.supervisor:
            self.supervisor.close()
        if self.postgres:
            if self.faults:
                self.faults.thaw()
            self.postgres.stop(immediately=True)

    # MARK: What can be asked

    def until(self, what, condition, within=60):
        deadline = time.monotonic() + within
        while not condition():
            if time.monotonic() > deadline:
                raise Failure(f"after {within} s still not true: {what}")
            time.sleep(0.02)

    def control(self, *arguments):
        """What olimctl prints; None if it fails."""
        done = subprocess.run(
            [f"{BIN}/olimctl", *arguments, "--json"], capture_output=True, text=True, cwd=self.directory,
            env={**os.environ, "QUEUE_SOCKET": self.queue_socket})
        return done.stdout if done.returncode == 0 else None

    def status(self):
        answer = self.control("status")
        return json.loads(answer) if answer else None

    def seconds_without_gateway(self, start, end):
        """How much of that time the gateway did not run."""
        total = 0.0
        for name, begin, finish in self.supervisor.outages:
            if name == GATEWAY:
                total += max(0.0, min(end, finish or end) - max(start, begin))
        return total

    def read_logs(self):
        """(program, level, message): how often; of everything from `warning` up."""
        counts = Counter()
        for path in glob.glob(os.path.join(self.directory, "logs", "*.log")):
            name = os.path.basename(path).removesuffix(".log").split("-")[0]
            if name == "postgres":
                continue
            with open(path, errors="replace") as file:
                for text in file:
                    try:
                        entry = json.loads(text)
                        level, message = entry["level"], entry["message"]
                    except (ValueError, KeyError, TypeError):
                        # Not the program's logger: the runtime's last words, or a traceback.
                        if name != "simulator" and text.strip():
                            counts[name, "error", text.strip()[:120]] += 1
                        continue
                    if level in ("warning", "error", "critical"):
                        counts[name, level, message] += 1
        return counts
