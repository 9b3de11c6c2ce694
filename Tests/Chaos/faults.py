"""The faults of a run, drawn from its seed, and when each of them struck.

Each fault is a method of `Faults` with a weight in `WEIGHTS`. What ends a fault later (SIGCONT, a database that is
started again) is put into a list, so that faults overlap.
"""

import contextlib
import heapq
import itertools
import os
import random
import signal
import time
from collections import Counter

GATEWAY = "gateway"
# Those that interrupt the way from Discord to the queue.
OF_GATEWAY = ("kill_gateway", "stop_gateway", "end_gateway", "kill_everything", "kill_and_crash_database", "disconnect",
              "stall", "confuse", "refuse", "resume_url_down", "silence", "end_session",
              "forget_sessions")
# An interaction lives three seconds: the way is left alone for so long after it was interrupted.
REST_OF_GATEWAY = 3.5
# Those that end the connection of one shard, or of all.
OF_CONNECTION = ("disconnect", "stall", "confuse", "refuse", "resume_url_down", "silence", "end_session")
# The gateway waits longer with each connection lost, until one has lasted for thirty seconds, or it starts anew.
REST_OF_CONNECTION = 31.0
# Seconds that Discord sends an event after those behind it.
LONGEST_DELAY = 0.6

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


class Faults:
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
        # Backends of PostgreSQL that stand still.
        self.frozen = []
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

    # MARK: Processes

    def kill(self, *names):
        for name in names:
            if self.run.supervisor.signal(name, signal.SIGKILL):
                self.note("SIGKILL", name)

    def stop(self, name, seconds):
        supervisor = self.run.supervisor
        start = supervisor.programs[name].starts
        if not supervisor.is_up(name) or not supervisor.signal(name, signal.SIGSTOP):
            return
        self.note("SIGSTOP", f"{name} for {seconds:.1f} s")

        def go_on():
            if supervisor.programs[name].starts == start:
                supervisor.signal(name, signal.SIGCONT)
        self.after(seconds, go_on)

    def end(self, name):
        if self.run.supervisor.is_up(name) and self.run.supervisor.signal(name, signal.SIGTERM):
            self.note("SIGTERM", name)

    def worker(self):
        return self.random.choice(self.run.workers)

    def observer(self):
        return self.random.choice(self.run.observers)

    def kill_worker(self): self.kill(self.worker())

    def kill_two_workers(self): self.kill(*self.random.sample(self.run.workers, 2))

    def kill_all_workers(self): self.kill(*self.run.workers, *self.run.observers)

    def kill_observer(self): self.kill(self.observer())

    def kill_gateway(self): self.kill(GATEWAY)

    def kill_everything(self): self.kill(GATEWAY, *self.run.workers, *self.run.observers)

    def kill_and_crash_database(self):
        self.kill_everything()
        self.crash_database()

    def stop_worker(self): self.stop(self.worker(), self.random.uniform(0.1, 2.5))

    def hang_worker(self): self.stop(self.worker(), self.run.ack_timeout + self.random.uniform(0.5, 3))

    def stop_all_workers(self):
        """Nobody handles anything: the gateway has to defer the slash commands."""
        for name in (*self.run.workers, *self.run.observers):
            self.stop(name, self.random.uniform(2, 5))

    def stop_observer(self): self.stop(self.observer(), self.random.uniform(0.1, 2.5))

    def stop_gateway(self): self.stop(GATEWAY, self.random.uniform(0.1, 1.8))

    def end_worker(self): self.end(self.worker())

    def end_observer(self): self.end(self.observer())

    def end_gateway(self): self.end(GATEWAY)

    def drain_worker(self):
        """An operator asks a worker to go; the supervisor brings it back."""
        name = self.worker()
        # A gateway that stands still would not answer, and this would wait for it.
        if not self.run.supervisor.is_up(GATEWAY):
            return
        self.run.supervisor.expect(name, 0)
        if self.run.control("workers", "drain", name):
            self.note("drain", name)

    def remove_socket(self):
        path = self.run.queue_socket
        try:
            os.unlink(path)
        except FileNotFoundError:
            return
        self.note("socket removed", os.path.basename(path))
        start = self.run.supervisor.programs[GATEWAY].starts
        self.after(self.run.socket_patience, lambda: self.see_after_socket(path, start))

    def see_after_socket(self, path, start):
        if self.run.supervisor.programs[GATEWAY].starts != start:
            return
        if os.path.exists(path):
            self.counts["socket made anew"] += 1
        elif self.run.supervisor.signal(GATEWAY, signal.SIGTERM):
            self.note("socket missed", f"the gateway is restarted for {os.path.basename(path)}")

    # MARK: The database

    def kill_backend(self):
        backends = self.run.postgres.backends() if self.run.postgres.process else []
        if backends:
            os.kill(self.random.choice(backends), signal.SIGKILL)
            self.note("PostgreSQL", "a backend gets SIGKILL, and all others are ended")

    def crash_database(self): self.interrupt_database(True)

    def stop_database(self): self.interrupt_database(False)

    def interrupt_database(self, immediately):
        postgres = self.run.postgres
        if postgres.process is None:
            return
        self.thaw()
        postgres.stop(immediately)
        seconds = self.random.uniform(0.2, 3)
        self.note("PostgreSQL", f"{'crashes' if immediately else 'is stopped'}, for {seconds:.1f} s")
        self.after(seconds, postgres.start)

    def freeze_database(self):
        if self.frozen or self.run.postgres.process is None:
            return
        seconds = self.random.uniform(0.3, 2)
        self.frozen = self.run.postgres.backends()
        self.send_all(self.frozen, signal.SIGSTOP)
        self.note("PostgreSQL", f"stands still for {seconds:.1f} s")
        self.after(seconds, self.thaw)

    def thaw(self):
        self.send_all(self.frozen, signal.SIGCONT)
        self.frozen = []

    @staticmethod
    def send_all(pids, signum):
        for pid in pids:
            try:
                os.kill(pid, signum)
            except ProcessLookupError:
                pass

    # MARK: Discord's gateway

    def order(self, kind, **order):
        self.run.discord.fault(kind=kind, **order)
        self.note("Discord", " ".join([kind, *(f"{name}={value}" for name, value in order.items())]))

    def proven_shards(self):
        """Those whose connection has lasted."""
        start = self.run.supervisor.programs[GATEWAY].started_at
        limit = self.run.clock() - REST_OF_CONNECTION
        return [shard for shard in range(self.run.shards)
                if not start < self.disconnected_at.get(shard, -REST_OF_CONNECTION) > limit]

    def connection(self):
        """Whose connection is to be lost: one shard's, or that of all if all have lasted."""
        proven = self.proven_shards()
        whole = len(proven) == self.run.shards and self.random.random() < 0.3
        shards = proven if whole else [self.random.choice(proven)]
        self.disconnected_at.update({shard: self.run.clock() for shard in shards})
        return {} if whole else {"shard": shards[0]}

    def shard(self):
        return {"shard": self.random.randrange(self.run.shards)}

    def disconnect(self):
        kind = self.random.choice(("disconnect", "reset", "close", "close", "reconnect"))
        order = {"code": self.random.choice((4000, 4002, 1001, 1012, 4900))} if kind == "close" else {}
        self.order(kind, **order, **self.connection())

    def stall(self):
        # It takes the gateway up to two heartbeats to see it.
        self.run.load.hold_slash_until = self.run.clock() + 3
        self.order(self.random.choice(("stall", "stall", "no_ack")), **self.connection())

    def confuse(self):
        self.order(self.random.choice(("corrupt", "truncate", "malformed")), **self.connection())

    def refuse(self):
        self.run.load.hold_slash_until = self.run.clock() + 4
        self.order(self.random.choice(("refuse_connection", "reconnect_before_hello")))
        self.order("disconnect", **self.connection())

    def resume_url_down(self):
        self.run.load.hold_slash_until = self.run.clock() + 8
        self.order("resume_url_down")
        self.order("disconnect", **self.connection())
        self.after(self.random.uniform(0.2, 4), lambda: self.order("resume_url_up"))

    def silence(self):
        """Discord says that the session cannot go on just now; a client has to wait for up to five seconds."""
        self.run.load.hold_slash_until = self.run.clock() + 7
        self.order("invalid_session", resumable=True, **self.connection())

    def nudge(self):
        kind = self.random.choice(("heartbeat_request", "unknown_opcode", "unknown_event"))
        self.order(kind, **self.shard())

    def distort(self):
        """Events that come twice, late, or in another form. A message that comes twice is two to whoever counts."""
        kind = self.random.choice(("duplicate", "delay", "pretty", "extra_fields"))
        order = {"events": ["GUILD_MEMBER_ADD", "INTERACTION_CREATE"]} if kind == "duplicate" else {}
        if kind == "delay":
            order["ms"] = self.random.randrange(50, int(LONGEST_DELAY * 1000))
        self.order(kind, count=self.random.randint(1, 5), **order)

    def end_session(self):
        """Discord ends a session; another one begins, and what waits of the old one is handled all the same."""
        with self.between_sessions() as is_possible:
            if is_possible:
                shard = self.random.choice(self.proven_shards())
                self.disconnected_at[shard] = self.run.clock()
                self.run.new_sessions += 1
                self.order("invalid_session", resumable=False, shard=shard)

    def forget_sessions(self):
        """The gateway is killed with much in its journal, and Discord does not know its sessions any more."""
        run = self.run
        for name in (*run.workers, *run.observers):
            self.stop(name, 3)
        time.sleep(1)
        with self.between_sessions() as is_possible:
            if not is_possible:
                return
            self.note("Discord", "forgets both sessions while the gateway is dead")
            with run.supervisor.without_restarts():
                self.kill(GATEWAY)
                run.discord.get("/wait", sessions_max=0, timeout=10)
                run.discord.fault(kind="forget_sessions")
            run.new_sessions += run.shards

    @contextlib.contextmanager
    def between_sessions(self):
        """Nothing is injected until all sessions live again: what Discord has not sent when it ends a session is lost
        there, and no matter of the queue. Says whether the gateway has received all that was sent."""
        run = self.run
        run.load.hold_slash_until = run.clock() + 10
        run.load.pause()
        # Events that a fault delays are on their way for so long.
        time.sleep(LONGEST_DELAY + 0.1)
        identifies = run.new_sessions
        try:
            yield run.has_received_all(within=3)
            if run.new_sessions > identifies:
                run.discord.get("/wait", identifies=run.shards + run.new_sessions, sessions=run.shards, timeout=60)
        finally:
            run.load.go_on()

    # MARK: Discord's REST API

    def rest(self, kind, operations, **order):
        operation = self.random.choice(operations)
        self.run.discord.fault(on="rest", kind=kind, operation=operation, **order)
        self.note("REST", " ".join([operation, kind, *(f"{name}={value}" for name, value in order.items())]))

    def rest_error(self):
        """5xx, mostly after the request was carried out."""
        status = self.random.choice((500, 502, 503, 504))
        if self.random.random() < 0.6:
            self.rest("status", ("create_message", "create_interaction_response", "update_original_webhook_message"),
                      status=status, when="after", count=self.random.randint(1, 2))
        else:
            self.rest("status", ("create_message", "update_original_webhook_message"), status=status,
                      count=self.random.randint(1, 6))

    def rest_reset(self):
        self.rest("reset", ("create_message", "create_message", "create_interaction_response",
                            "update_original_webhook_message"), when="after", count=self.random.randint(1, 2))

    def rest_delay(self):
        self.rest("delay", ("create_message",), ms=self.random.randrange(200, 2500), count=self.random.randint(1, 3))
        self.rest("delay", ("create_interaction_response",), ms=self.random.randrange(100, 800))

    def rest_limit(self):
        scope = self.random.choice(("user", "shared", "global"))
        self.rest("rate_limit", ("create_message",), scope=scope, retry_after_ms=self.random.randrange(300, 2000),
                  count=self.random.randint(1, 2))
