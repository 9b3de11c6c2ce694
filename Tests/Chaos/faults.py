"""The faults of a run, drawn from its seed, and when each of them struck.

Each fault is a method of one of the classes that `Faults` is made of, with a weight in `WEIGHTS`. What ends a fault later
(SIGCONT, a database that is started again) is put into a list, so that faults overlap.
"""

import heapq
import itertools
import random
import time
from collections import Counter

from database_faults import DatabaseFaults
from discord_faults import DiscordFaults
from process_faults import GATEWAY, ProcessFaults

# Those that interrupt the way from Discord to the queue.
OF_GATEWAY = ("kill_gateway", "stop_gateway", "end_gateway", "kill_everything", "kill_and_crash_database", "disconnect",
              "stall", "confuse", "refuse", "resume_url_down", "silence", "end_session", "forget_sessions")
# An interaction lives three seconds: the way is left alone for so long after it was interrupted.
REST_OF_GATEWAY = 3.5
# Those that end the connection of one shard, or of all.
OF_CONNECTION = ("disconnect", "stall", "confuse", "refuse", "resume_url_down", "silence", "end_session")

WEIGHTS = {
    "kill_worker": 14, "kill_two_workers": 4, "kill_all_workers": 2, "kill_observer": 6, "kill_gateway": 8,
    "kill_everything": 3, "kill_and_crash_database": 1,
    "stop_worker": 5, "hang_worker": 1.5, "stop_all_workers": 1, "stop_observer": 2, "stop_gateway": 4,
    "end_worker": 5, "end_observer": 1.5, "end_gateway": 3, "drain_worker": 1,
    "remove_socket": 1.5,
    "kill_backend": 3, "crash_database": 1.5, "stop_database": 1, "freeze_database": 1,
    "disconnect": 6, "stall": 2, "confuse": 3, "refuse": 1.5, "resume_url_down": 0.7, "silence": 1, "nudge": 3,
    "distort": 3, "end_session": 0.4, "forget_sessions": 0.7,
    "rest_error": 6, "rest_reset": 4, "rest_delay": 3, "rest_limit": 2,
}


class Faults(ProcessFaults, DatabaseFaults, DiscordFaults):
    def __init__(self, run, seed, without):
        self.run = run
        self.random = random.Random(f"faults/{seed}")
        self.timeline = []
        self.counts = Counter()
        self.later = []
        self.tickets = itertools.count()
        self.gateway_free_at = 0.0
        # When each shard lost its connection last.
        self.disconnected_at = {}
        # Without a journal, what waits is gone with the session.
        without = {*without, *(["forget_sessions"] if run.options.durability == "memory" else [])}
        self.weights = {name: weight for name, weight in WEIGHTS.items() if name not in without}

    # MARK: When

    def go_on_until(self, end, pause):
        """Strikes again and again, `pause` seconds apart on average."""
        clock = self.run.clock
        next_at = clock() + pause
        while clock() < end:
            self.run.check()
            self.do_what_is_due()
            if clock() >= next_at:
                self.strike()
                next_at = clock() + self.random.expovariate(1 / pause)
            time.sleep(0.01)

    def strike(self):
        """One fault; another one if the first does not fit now."""
        while True:
            name = self.random.choices(list(self.weights), self.weights.values())[0]
            if name not in OF_GATEWAY:
                break
            if name in OF_CONNECTION and not self.proven_shards():
                continue
            if self.run.clock() >= self.gateway_free_at and self.run.supervisor.is_up(GATEWAY):
                self.gateway_free_at = self.run.clock() + REST_OF_GATEWAY
                break
        getattr(self, name)()

    def do_what_is_due(self):
        while self.later and self.later[0][0] <= self.run.clock():
            heapq.heappop(self.later)[2]()

    def after(self, seconds, action):
        heapq.heappush(self.later, (self.run.clock() + seconds, next(self.tickets), action))

    def end_all(self):
        """Waits for the end of what has begun, and lifts what still waits for its time to strike."""
        while self.later:
            self.do_what_is_due()
            time.sleep(0.01)
        self.run.discord.delete("/faults")
        self.run.supervisor.wake_all()

    def note(self, kind, what):
        self.counts[kind] += 1
        self.timeline.append((self.run.clock(), kind, what))
