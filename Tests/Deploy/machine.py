"""A machine with a real systemd: this one's files under an overlay, booted in a container, on this one's network."""

import os
import shutil
import subprocess
import tempfile
import time


class Machine:
    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="olim-machine-", dir="/mnt")
        self.run("mount", "-t", "tmpfs", "tmpfs", self.directory)
        for name in ("upper", "work", "root"):
            os.mkdir(f"{self.directory}/{name}")
        self.root = f"{self.directory}/root"
        self.run("mount", "-t", "overlay", "overlay", "-o",
                 f"lowerdir=/,upperdir={self.directory}/upper,workdir={self.directory}/work", self.root)
        # It is a machine of its own.
        with open(f"{self.root}/etc/machine-id", "w") as file:
            file.write(os.urandom(16).hex() + "\n")
        self.leader = None
        self.log = open(f"{self.directory}/boot.log", "wb")
        self.container = subprocess.Popen(
            ["systemd-nspawn", "--quiet", f"--directory={self.root}", "--boot", "--register=no", "--keep-unit",
             "--machine=olim-test", "--console=pipe", "systemd.unit=multi-user.target"],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT)
        try:
            self.leader = self.until("systemd runs", self.find_leader)
            self.until("it has booted", lambda: self.do(
                "systemctl", "is-system-running", check=False).strip() in ("running", "degraded"))
        except SystemExit:
            self.end()
            raise

    @staticmethod
    def run(*command):
        subprocess.run(command, check=True)

    def find_leader(self):
        children = f"/proc/{self.container.pid}/task/{self.container.pid}/children"
        with open(children) as file:
            for pid in file.read().split():
                with open(f"/proc/{pid}/cmdline") as command:
                    if "systemd\0systemd.unit" in command.read():
                        return pid
        return None

    def do(self, *command, check=True, stdin=None):
        """Runs a command in it."""
        done = subprocess.run(
            ["nsenter", "-t", self.leader, "-m", "-u", "-i", "-p", "-C", *command], input=stdin, capture_output=True,
            text=True, timeout=90)
        if check and done.returncode != 0:
            raise SystemExit(f"verify-deploy: {' '.join(command)}: {done.stdout}{done.stderr}")
        return done.stdout

    def until(self, what, condition, seconds=60):
        end = time.monotonic() + seconds
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > end:
                raise SystemExit(f"verify-deploy: {what}: not within {seconds} s")
            time.sleep(0.05)

    def changed(self):
        """Files that are not as they were on this machine."""
        for folder, _, files in os.walk(f"{self.directory}/upper"):
            for file in files:
                yield os.path.join(folder, file).removeprefix(f"{self.directory}/upper")

    def end(self):
        # Killing the container's keeper alone would leave its first process, and all others, running.
        leader = self.leader or self.find_leader()
        if leader:
            subprocess.run(["kill", "-KILL", leader], check=False)
        try:
            self.container.wait(10)
        except subprocess.TimeoutExpired:
            self.container.kill()
            self.container.wait()
        for path in (self.root, self.directory):
            subprocess.run(["umount", "-l", path], check=False)
        shutil.rmtree(self.directory, ignore_errors=True)
