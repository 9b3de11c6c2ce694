"""A PostgreSQL cluster of the run's own, in a directory that goes with it.

Reached over a Unix socket without a password. Run as root, which PostgreSQL refuses, it becomes `postgres`, or `nobody`
where that does not exist.
"""

import glob
import os
import pwd
import shutil
import signal
import subprocess
import time


class Postgres:
    DATABASE = "chaos"

    def __init__(self, directory, log):
        self.directory = directory
        self.log = log
        self.programs = self.find_programs()
        self.prefix = []
        self.process = None
        os.mkdir(directory, 0o700)
        if os.geteuid() == 0:
            account = self.account()
            os.chown(directory, account.pw_uid, account.pw_gid)
            self.prefix = ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
        self.run("initdb", "-D", f"{directory}/data", "-U", "postgres", "--no-locale", "-E", "UTF8", "--no-sync",
                 "--auth=trust")
        self.start()
        self.query(f"CREATE DATABASE {self.DATABASE}", database="postgres")

    @staticmethod
    def find_programs():
        """The newest version's programs under Debian's path, or those beside `initdb` on the PATH."""
        found = glob.glob("/usr/lib/postgresql/*/bin/initdb")
        found.sort(key=lambda path: float(path.split("/")[4]), reverse=True)
        initdb = found[0] if found else shutil.which("initdb")
        if not initdb:
            raise SystemExit("chaos: no PostgreSQL server is installed (no initdb): apt-get install postgresql")
        return os.path.dirname(initdb)

    @staticmethod
    def account():
        for name in ("postgres", "nobody"):
            try:
                return pwd.getpwnam(name)
            except KeyError:
                continue
        raise SystemExit("chaos: run as root, PostgreSQL needs a user postgres or nobody to run as")

    @property
    def url(self):
        return f"postgresql://postgres@/{self.DATABASE}?host={self.directory}"

    @property
    def environment(self):
        # Messages in English, whatever the developer speaks: they are waited for.
        return {**os.environ, "LC_ALL": "C", "TZ": "UTC"}

    def run(self, program, *arguments):
        done = subprocess.run(
            [*self.prefix, f"{self.programs}/{program}", *arguments], cwd=self.directory, env=self.environment,
            stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{program}: {done.stderr.strip()}")
        return done.stdout

    def query(self, sql, database=DATABASE):
        """Rows as lists of texts."""
        text = self.run("psql", "-XAtq", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-h", self.directory, "-U", "postgres",
                        "-d", database, "-c", sql)
        return [line.split("\t") for line in text.splitlines()]

    # MARK: Its life

    def start(self):
        """Starts it and waits until it takes connections."""
        # Processes are killed here, not machines: what was written is there also if it was not synced.
        settings = {"unix_socket_directories": self.directory, "listen_addresses": "", "fsync": "off",
                    "logging_collector": "off", "max_connections": "60"}
        arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [*self.prefix, f"{self.programs}/postgres", "-D", f"{self.directory}/data", *arguments],
                cwd=self.directory, env=self.environment, stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, start_new_session=True)
        self.await_ready()

    def await_ready(self, within=60):
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"PostgreSQL ended with {self.process.returncode}; {self.log} says why")
            try:
                return self.query("SELECT 1", database="postgres")
            except RuntimeError:
                time.sleep(0.05)
        raise RuntimeError(f"PostgreSQL took no connections within {within} s; {self.log} says why")

    def stop(self, immediately=False):
        """`immediately` is like a crash of the whole server (postgres(1): SIGQUIT)."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGQUIT if immediately else signal.SIGINT)
        self.process.wait(30)
        self.process = None

    def backends(self):
        """Processes that serve connections."""
        found = []
        for path in glob.glob("/proc/[0-9]*/cmdline"):
            pid = int(path.split("/")[2])
            try:
                with open(path) as file:
                    title = file.read()
                with open(f"/proc/{pid}/stat") as file:
                    parent = int(file.read().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
            if parent == self.process.pid and f" {self.DATABASE} " in title:
                found.append(pid)
        return found
