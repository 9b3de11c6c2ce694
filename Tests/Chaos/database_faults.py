"""What is done to PostgreSQL."""

import os
import signal


class DatabaseFaults:
    # Backends that stand still.
    frozen = ()

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
        self.frozen = ()

    @staticmethod
    def send_all(pids, signum):
        for pid in pids:
            try:
                os.kill(pid, signum)
            except ProcessLookupError:
                pass
