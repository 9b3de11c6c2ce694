"""The stand-in for Discord on this machine, and members who ask the bot for something."""

import json
import os
import ssl
import subprocess
import tempfile
import threading
import time
import urllib.parse
import urllib.request


class Discord:
    def __init__(self, *options, authority=None):
        program = os.path.join(os.environ["OLIM_BIN"], "olim-simulator")
        self.process = subprocess.Popen(
            [program, "--no-rate-limits", *options], stdout=subprocess.PIPE, text=True, cwd=tempfile.gettempdir())
        ready = json.loads(self.process.stdout.readline())
        self.api = ready["api_url"]
        # Whatever name clients are told.
        control = urllib.parse.urlsplit(ready["control_url"])
        self.control = control._replace(netloc=f"127.0.0.1:{control.port}").geturl()
        self.context = ssl.create_default_context(cafile=authority) if authority else None

    def get(self, path):
        with urllib.request.urlopen(self.control + path, timeout=90, context=self.context) as answer:
            return json.loads(answer.read())

    def post(self, path, body):
        request = urllib.request.Request(self.control + path, data=json.dumps(body).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=90, context=self.context) as answer:
            return json.loads(answer.read())

    def counters(self):
        return self.get("/report")["counters"]

    def asked(self, count, seconds, meanwhile=lambda: None):
        """Commands in messages, spread over time, while something is done; each is answered once. How long that took."""
        before = self.counters()["messages"]
        begun = time.monotonic()
        took, failures = [], []

        def measured():
            start = time.monotonic()
            try:
                meanwhile()
            except SystemExit as failure:
                failures.append(failure)
            took.append(time.monotonic() - start)

        other = threading.Thread(target=measured)
        for number in range(count):
            self.post("/messages", {"content": "!ping"})
            if number == count // 4:
                other.start()
            time.sleep(max(0, begun + seconds * number / count - time.monotonic()))
        other.join()
        if failures:
            raise failures[0]
        self.get(f"/wait?messages={before + count}&timeout=60")
        answered = self.counters()["messages"] - before
        if answered != count:
            raise SystemExit(f"verify-deploy: {count} were asked and {answered} answered")
        return took[0]

    def end(self):
        violations = self.get("/report")["violations"]
        self.process.kill()
        if violations:
            raise SystemExit(f"verify-deploy: Discord would have objected: {violations}")
