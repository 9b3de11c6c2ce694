"""A Discord and workers that move in step with the gateway, so that what it does for an event can be counted exactly.

Bursts of a fixed size go out, one after the other; the next one waits until workers have acknowledged the last. The gateway
then sees the same reads whatever machine it runs on, and counts of instructions, allocations and system calls can be compared
between machines and between versions. Times can not: nothing here is to be timed but `start`, which uses single events.
"""

import base64
import contextlib
import hashlib
import json
import re
import socket
import struct
import threading
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# From READY to the end of a run no heartbeat is due, which would come at a random moment.
HEARTBEAT_MS = 3_600_000
FIRST_GUILD = 1 << 40
EVENT_ID = re.compile(rb'^\{"op":"event","id":(\d+)', re.MULTILINE)


def guild_id(number):
    """Of the same number of digits for every guild; consecutive ones are on consecutive shards."""
    return (FIRST_GUILD // 4 + number) << 22


class Discord:
    """The gateway's side of Discord for any number of shards, and `GET /gateway/bot`."""

    def __init__(self, shards=1, compress="none"):
        self.shards, self.compress = shards, compress
        self.sessions, self.changed = {}, threading.Condition()
        self.resumes = 0
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        port = self.listener.getsockname()[1]
        self.url = f"ws://127.0.0.1:{port}"
        bot = json.dumps({"url": self.url, "shards": shards, "session_start_limit": {
            "total": 1000, "remaining": 1000, "reset_after": 3_600_000, "max_concurrency": shards}}).encode()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(bot)))
                self.end_headers()
                self.wfile.write(bot)

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.api = f"http://127.0.0.1:{self.http.server_port}/api/v10"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            session = Session(connection, self.compress)
            session.send({"op": 10, "s": None, "t": None, "d": {"heartbeat_interval": HEARTBEAT_MS}})
            for payload in session.payloads():
                if payload["op"] == 2:
                    shard = payload["d"].get("shard", [0, 1])[0]
                    session.dispatch("READY", {
                        "v": 10, "user": {"id": "1", "username": "olim", "bot": True}, "guilds": [],
                        "session_id": f"session{shard}", "resume_gateway_url": self.url,
                        "application": {"id": "1", "flags": 0}, "shard": [shard, self.shards]})
                    self.joined(shard, session)
                elif payload["op"] == 6:
                    shard = int(payload["d"]["session_id"].removeprefix("session"))
                    session.sequence = payload["d"]["seq"]
                    session.dispatch("RESUMED", {})
                    self.resumes += 1
                    self.joined(shard, session)
                elif payload["op"] == 1:
                    session.send({"op": 11, "s": None, "t": None, "d": None})
        except OSError:
            pass
        finally:
            # The session still reads from a file of it, so that closing alone would not end the connection.
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def joined(self, shard, session):
        with self.changed:
            self.sessions[shard] = session
            self.changed.notify_all()

    def wait(self, condition, seconds, what):
        with self.changed:
            if not self.changed.wait_for(condition, seconds):
                raise SystemExit(f"bench: {what}: not within {seconds} s")

    def wait_for_sessions(self, seconds=120):
        self.wait(lambda: len(self.sessions) == self.shards, seconds, f"{self.shards} sessions")

    def close(self):
        self.listener.close()
        self.http.shutdown()
        self.http.server_close()
        for session in self.sessions.values():
            session.connection.close()


class Session:
    """One WebSocket, from its upgrade on."""

    def __init__(self, connection, compress):
        self.connection, self.sequence = connection, 0
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.deflater = zlib.compressobj(6) if compress == "zlib-stream" else None
        self.input = connection.makefile("rb")
        key = None
        while (line := self.input.readline().strip()):
            if line.lower().startswith(b"sec-websocket-key:"):
                key = line.split(b":", 1)[1].strip()
        if key is None:
            raise OSError("no WebSocket")
        accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        connection.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")

    def payloads(self):
        """What the client sends, masked as clients must, until it closes."""
        while True:
            head = self.input.read(2)
            if len(head) < 2 or head[0] & 15 == 8:
                return
            length = head[1] & 127
            if length == 126:
                length = struct.unpack(">H", self.input.read(2))[0]
            elif length == 127:
                length = struct.unpack(">Q", self.input.read(8))[0]
            mask = self.input.read(4)
            data = self.input.read(length)
            yield json.loads(bytes(byte ^ mask[index % 4] for index, byte in enumerate(data)))

    def frame(self, data):
        opcode = 0x81
        if self.deflater:
            data = self.deflater.compress(data) + self.deflater.flush(zlib.Z_SYNC_FLUSH)
            opcode = 0x82
        length = len(data)
        if length < 126:
            return struct.pack(">BB", opcode, length) + data
        if length < 65536:
            return struct.pack(">BBH", opcode, 126, length) + data
        return struct.pack(">BBQ", opcode, 127, length) + data

    def send(self, payload):
        self.connection.sendall(self.frame(json.dumps(payload).encode()))

    def dispatch(self, name, data):
        self.sequence += 1
        self.send({"t": name, "s": self.sequence, "op": 0, "d": data})

    def burst(self, messages):
        """Sends messages (`d` as bytes) with one write."""
        frames = []
        for message in messages:
            self.sequence += 1
            frames.append(self.frame(b'{"t":"MESSAGE_CREATE","s":%d,"op":0,"d":%s}' % (self.sequence, message)))
        self.connection.sendall(b"".join(frames))


class Worker:
    """Takes events, and acknowledges all of a read together."""

    def __init__(self, path, name, on_events):
        self.connection = socket.socket(socket.AF_UNIX)
        self.connection.connect(path)
        self.ready = threading.Event()
        self.on_events = on_events
        self.send(op="hello", protocol=1, worker=name, version="1", capacity=4096, events=["MESSAGE_CREATE"])
        threading.Thread(target=self.run, daemon=True).start()

    def send(self, **frame):
        self.connection.sendall(json.dumps(frame).encode() + b"\n")

    def run(self):
        rest = b""
        try:
            while (data := self.connection.recv(1 << 20)):
                whole, _, rest = (rest + data).rpartition(b"\n")
                ids = [int(number) for number in EVENT_ID.findall(whole)]
                if ids:
                    self.send(op="ack", ids=ids)
                    self.on_events(len(ids))
                if b'{"op":"welcome"' in whole:
                    self.ready.set()
                if b'{"op":"ping"}' in whole:
                    self.send(op="pong")
        except OSError:
            pass
