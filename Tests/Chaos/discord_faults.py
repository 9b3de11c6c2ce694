"""What the simulated Discord is ordered to do wrong (docs/simulator.md, Faults)."""

import contextlib
import time

from discord import ControlError
from process_faults import GATEWAY

# The gateway waits longer with each connection lost, until one has lasted for thirty seconds, or it starts anew.
REST_OF_CONNECTION = 31.0
# Seconds that Discord sends an event after those behind it.
LONGEST_DELAY = 0.6


class DiscordFaults:
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
        """Events that come twice, late, or in another form. A message that comes twice is two to whoever counts, and one that
        comes late is out of order at Discord already."""
        kind = self.random.choice(("duplicate", "delay", "pretty", "extra_fields"))
        order = {"events": ["GUILD_MEMBER_ADD", "INTERACTION_CREATE"]} if kind in ("duplicate", "delay") else {}
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
            self.note("Discord", "forgets all sessions while the gateway is dead")
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
        except ControlError as error:
            run.problems.append(f"+{run.clock():.1f} s: no new session within a minute: {error}")
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
