"""What is done to the programs, and to the socket between them."""

import os
import signal

GATEWAY = "gateway"


class ProcessFaults:
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

    def stop_gateway(self):
        """With nobody there, a slash command is deferred 1.5 s after it came and lives for 3: no long stop in between."""
        seconds = self.random.uniform(0.1, 1.8)
        if seconds < 0.8:
            return self.stop(GATEWAY, seconds)
        self.run.load.hold_slash_until = self.run.clock() + 2 + seconds
        self.after(1.8, lambda: self.stop(GATEWAY, seconds))

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
