"""A worker that only keeps a record: which event it was given, when, and as which delivery.

It is killed, stopped and restarted like every other process. A record is in the file before the event is acknowledged,
so whatever the gateway takes for done is in some record; the ledger reads them all. To exercise more of the protocol it
now and then refuses an event at its first delivery, with a nack or a release.
"""

import argparse
import json
import os
import random
import signal
import socket
import time

CAPACITY = 64
# Of the first deliveries; each is refused at most once, so that none runs out of attempts.
REFUSED = 0.005
# Seconds that handling takes, and acknowledging.
LONGEST_PAUSE = 0.02


class Observer:
    def __init__(self, options):
        self.options = options
        self.random = random.Random(f"{options.seed}/{time.monotonic_ns()}")
        path = os.path.join(options.records, f"{options.name}.{time.monotonic_ns()}")
        # One file a process, so that a record torn by a kill is the last of its file.
        self.records = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self.journal = None
        self.done = []
        self.fenced = {}
        self.is_ending = False

    def end(self, *_):
        self.is_ending = True

    def run(self):
        signal.signal(signal.SIGTERM, self.end)
        while not self.is_ending:
            try:
                self.serve()
            except OSError:
                pass
            time.sleep(0.1)

    def serve(self):
        """One connection."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(self.options.socket)
            # The end of a wait is the time to look whether the process is to end.
            connection.settimeout(0.1)
            self.fenced = {}
            memory = {"journal": self.journal, "done": self.done} if self.journal else {}
            self.send(connection, op="hello", protocol=1, worker=self.options.name, version="chaos", capacity=CAPACITY,
                      events=self.options.events.split(","), **memory)
            rest, is_draining = b"", False
            while True:
                if self.is_ending and not is_draining:
                    is_draining = True
                    self.send(connection, op="drain")
                try:
                    data = connection.recv(1 << 18)
                except TimeoutError:
                    continue
                if not data:
                    return
                *lines, rest = (rest + data).split(b"\n")
                if self.take(connection, [json.loads(line) for line in lines]):
                    return

    def take(self, connection, frames):
        """Handles what came in one piece; true if it was the last."""
        records, ids = [], []
        for frame in frames:
            match frame["op"]:
                case "welcome":
                    self.journal, self.done = frame["journal"], []
                case "event":
                    self.take_event(connection, frame, records, ids)
                case "returned":
                    returned = set(frame["ids"])
                    self.fenced = {key: id for key, id in self.fenced.items() if id not in returned}
                case "ping":
                    self.send(connection, op="pong")
                case "draining" | "goodbye":
                    self.settle(connection, records, ids)
                    return True
        self.settle(connection, records, ids)
        return False

    def take_event(self, connection, frame, records, ids):
        # Copies behind a refused event are void until `returned` has come.
        if frame["key"] in self.fenced:
            return
        is_first = frame["attempt"] == 1 and not frame.get("redelivered")
        if is_first and self.random.random() < REFUSED:
            self.settle(connection, records, ids)
            self.fenced[frame["key"]] = frame["id"]
            if self.random.random() < 0.5:
                self.send(connection, op="nack", ids=[frame["id"]], reason="chaos")
            else:
                self.send(connection, op="release", ids=[frame["id"]], retry_after_ms=200, reason="chaos")
            return
        ids.append(frame["id"])
        data = frame["d"]
        if "chaos" in data:
            records.append(f"{time.monotonic_ns()} {data['guild_id']} {data['chaos']} {frame['id']} "
                           f"{int(bool(frame.get('redelivered')))}\n")

    def settle(self, connection, records, ids):
        """First the record, then the acknowledgement; with pauses before both, so that a kill finds something."""
        if records:
            time.sleep(self.random.uniform(0, LONGEST_PAUSE))
            os.write(self.records, "".join(records).encode())
            records.clear()
        if ids:
            time.sleep(self.random.uniform(0, LONGEST_PAUSE))
            self.done = (self.done + ids)[-4 * CAPACITY:]
            self.send(connection, op="ack", ids=ids)
            ids.clear()

    @staticmethod
    def send(connection, **frame):
        connection.sendall(json.dumps(frame).encode() + b"\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--socket", required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--records", required=True)
    parser.add_argument("--events", required=True)
    parser.add_argument("--seed", required=True)
    Observer(parser.parse_args()).run()


main()
