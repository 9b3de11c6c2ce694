"""Pictures of what an operator sees: the status page, and olimctl top."""

import json
import os
import random
import socket
import subprocess
import tempfile
import threading
import time
import urllib.request

from browser import Browser
from terminal import Terminal

BIN, ROOT = os.environ["OLIM_BIN"], os.environ["OLIM_ROOT"]
OUT = os.path.join(ROOT, "docs", "pictures")
SHARDS = 3
WORKERS = ("worker-1", "worker-2", "worker-3")
# So long before the pictures are taken: the charts want something to show.
SECONDS = 110


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Stack:
    """The programs in a directory of their own, and members who write."""

    def __init__(self, directory):
        self.directory, self.started, self.is_over = directory, [], False
        simulator = self.start(
            "olim-simulator", "--shards-recommended", str(SHARDS), "--guilds", "40", "--members", "30", "--identify-interval", "200",
            "--heartbeat-interval", "3000", "--no-rate-limits")
        ready = json.loads(simulator.stdout.readline())
        self.control = ready["control_url"]
        self.port = free_port()
        self.environment = {
            **os.environ, "DISCORD_TOKEN": "simulated-token", "DISCORD_API_URL": ready["api_url"], "LOG_LEVEL": "error",
            "QUEUE_SOCKET": f"{directory}/queue.sock", "STATE_DIRECTORY": f"{directory}/state"}
        self.start("olim-gateway", METRICS_LISTEN=f"127.0.0.1:{self.port}")
        for name in WORKERS:
            self.start("olim-worker", WORKER_NAME=name)
        urllib.request.urlopen(f"{self.control}/wait?sessions={SHARDS}&commands=8&timeout=60", timeout=70)
        with urllib.request.urlopen(f"{self.control}/world", timeout=30) as answer:
            self.guilds = [guild["id"] for guild in json.loads(answer.read())["guilds"]]
        threading.Thread(target=self.write, daemon=True).start()

    def start(self, program, *options, **settings):
        environment = {**getattr(self, "environment", os.environ), **settings}
        self.started.append(subprocess.Popen(
            [f"{BIN}/{program}", *options], env=environment, cwd=self.directory, stdout=subprocess.PIPE, text=True))
        return self.started[-1]

    def write(self):
        """Messages in waves, as a community writes them."""
        chance, rate = random.Random(7), 60.0
        while not self.is_over:
            rate = min(260.0, max(30.0, rate * chance.uniform(0.88, 1.14)))
            for guild in chance.sample(self.guilds, 4):
                body = json.dumps({"content": "a message {n}", "count": int(rate / 16) + 1, "guild": guild}).encode()
                urllib.request.urlopen(urllib.request.Request(f"{self.control}/messages", data=body, method="POST")).close()
            time.sleep(0.25)

    def end(self):
        self.is_over = True
        for process in reversed(self.started):
            process.kill()
            process.wait()


def draw_page(url, browsers):
    """Three looks at the page, open for as long as the charts reach back."""
    looks = {"status-light": {}, "status-dark": {"dark": True},
             "status-phone": {"width": 390, "height": 800, "scale": 2, "phone": True}}
    for (name, look), browser in zip(looks.items(), browsers):
        browser.open(url, **look)
    yield
    for name, browser in zip(looks, browsers):
        browser.wait("document.querySelectorAll('.tile').length > 0")
        browser.picture(os.path.join(OUT, f"{name}.png"))
        print(f"docs/pictures/{name}.png")


def main():
    os.makedirs(OUT, exist_ok=True)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory:
        stack = Stack(directory)
        try:
            with Browser() as light, Browser() as dark, Browser() as phone:
                page = draw_page(f"http://127.0.0.1:{stack.port}/", (light, dark, phone))
                next(page)
                top = Terminal([f"{BIN}/olimctl", "top"], stack.environment, directory, columns=110, rows=38)
                top.run(SECONDS)
                next(page, None)
                if top.has_drawn:
                    light.send("Page.navigate", url="about:blank")
                    top.draw(light, os.path.join(OUT, "top.png"))
                    print("docs/pictures/top.png")
                top.end()
        finally:
            stack.end()


main()
