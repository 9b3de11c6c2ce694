"""The programs of a run, and the supervisor that starts them again, as systemd would."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field

# A supervisor does not start these again (docs/operations.md, Exit codes).
NOT_RESTARTED = (64, 77, 78)
# Seconds in which a program may not have come as far as to wait for SIGTERM. It holds nothing yet.
BEGINNING = 1.0


@dataclass
class End:
    """One end of a process."""
    at: float
    name: str
    status: int
    is_expected: bool


@dataclass
class Program:
    """What is to run, and the process that does."""
    name: str
    command: list
    environment: dict = field(default_factory=dict)
    process: subprocess.Popen = None
    # Statuses with which the present process may end, since we asked for it.
    expected: set = field(default_factory=set)
    starts: int = 0
    started_at: float = 0.0
    is_stopped: bool = False
    restart_at: float = None

    @property
    def is_running(self):
        return self.process is not None and self.process.poll() is None


class Supervisor:
    """Starts programs, sends them signals, and starts them again when they end."""

    # How a program ends that was sent this.
    ENDINGS = {signal.SIGKILL: -signal.SIGKILL, signal.SIGTERM: 0}

    def __init__(self, directory, clock):
        self.directory = directory
        self.clock = clock
        self.lock = threading.RLock()
        self.programs = {}
        self.ends = []
        # Times in which a program did not run: (name, from, to); `to` is None while it lasts.
        self.outages = []
        self.restart_delay = lambda: 0.5
        self.restarts = True
        self.is_closing = False
        os.makedirs(os.path.join(directory, "logs"), exist_ok=True)
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()

    # MARK: Starting

    def add(self, name, command, environment=None):
        program = Program(name, command, environment or {})
        with self.lock:
            self.programs[name] = program
            self.start(program)
        return program

    def log_path(self, name):
        return os.path.join(self.directory, "logs", f"{name}.log")

    def start(self, program):
        with open(self.log_path(program.name), "ab") as log:
            program.process = subprocess.Popen(
                program.command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, cwd=self.directory,
                env={**os.environ, **program.environment}, start_new_session=True)
        program.starts += 1
        program.started_at = self.clock()
        program.expected = set()
        program.is_stopped = False
        program.restart_at = None
        self.end_outage(program.name)

    def watch(self):
        while not self.is_closing:
            with self.lock:
                for program in self.programs.values():
                    self.look_at(program)
            time.sleep(0.01)

    def look_at(self, program):
        now = self.clock()
        if program.process is not None:
            status = program.process.poll()
            if status is None:
                return
            program.process = None
            self.ends.append(End(now, program.name, status, status in program.expected))
            self.begin_outage(program.name)
            if status not in NOT_RESTARTED:
                program.restart_at = now + self.restart_delay()
        if self.restarts and program.restart_at is not None and now >= program.restart_at:
            self.start(program)

    # MARK: Outages

    def begin_outage(self, name):
        if not any(outage[0] == name and outage[2] is None for outage in self.outages):
            self.outages.append([name, self.clock(), None])

    def end_outage(self, name):
        for outage in self.outages:
            if outage[0] == name and outage[2] is None:
                outage[2] = self.clock()

    # MARK: Signals

    def signal(self, name, signum):
        """Sends a signal to the process of that name; false if there is none."""
        with self.lock:
            program = self.programs[name]
            if not program.is_running:
                return False
            if signum in self.ENDINGS:
                program.expected.add(self.ENDINGS[signum])
            if signum == signal.SIGTERM and self.clock() - program.started_at < BEGINNING:
                program.expected.add(-signum)
            if signum == signal.SIGSTOP:
                program.is_stopped = True
                self.begin_outage(name)
            program.process.send_signal(signum)
            if signum == signal.SIGCONT and program.is_stopped:
                program.is_stopped = False
                self.end_outage(name)
            return True

    @contextlib.contextmanager
    def without_restarts(self):
        """Nothing is started again meanwhile."""
        self.restarts = False
        try:
            yield
        finally:
            self.restarts = True

    def expect(self, name, status):
        """The present process of that name may end with this."""
        with self.lock:
            self.programs[name].expected.add(status)

    def is_up(self, name):
        with self.lock:
            program = self.programs[name]
            return program.is_running and not program.is_stopped

    def wake_all(self):
        for name in list(self.programs):
            self.signal(name, signal.SIGCONT)

    # MARK: The end

    def end(self, names, within):
        """Asks programs to end and waits for them; the names of those that did not."""
        with self.lock:
            self.restarts = False
        for name in names:
            self.signal(name, signal.SIGCONT)
            self.signal(name, signal.SIGTERM)
        deadline = time.monotonic() + within
        while time.monotonic() < deadline and any(self.programs[name].process for name in names):
            time.sleep(0.02)
        return [name for name in names if self.programs[name].process]

    def close(self):
        """Kills whatever still runs."""
        self.is_closing = True
        self.thread.join()
        for program in self.programs.values():
            if program.process is not None and program.process.poll() is None:
                program.process.kill()
                program.process.wait()
