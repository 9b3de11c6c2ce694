"""The queues that are compared: each starts a broker, a producer and consumers, and begins when it is told."""

import os
import socket
import subprocess
import time

from harness.processes import BIN, TOKEN, Process, Simulator

PEERS = os.environ.get("OLIM_PEERS", "")
TESTS = os.environ.get("OLIM_TESTS", "")

# Redis: the cheapest per event of pipelines of 50, 200 and 1000, and nodes of 4, 16 and 64 KiB; a second I/O thread cost
# more on two cores. JetStream: batches of 200 and 1000, and one acknowledgement for a whole batch, cost about the same.
REDIS_PIPELINE = 1000
REDIS_BATCH = 500
NATS_PENDING = 4096
NATS_BATCH = 500
NATS_ACKS = "each"
# Rewriting the file would reclaim its space; that Redis is spared it here is in its favour.
REDIS_SETTINGS = [
    "--appendonly", "yes", "--appendfsync", "everysec", "--save", "", "--auto-aof-rewrite-percentage", "0",
    "--stream-node-max-bytes", "65536", "--loglevel", "warning",
]


class Contestant:
    """One broker with its producer and consumers, for one round."""

    #: Who feeds the queue, if it is a process of its own whose work is the queue's, too.
    producer = None
    #: Who only stands in for Discord.
    generator = None

    def __init__(self, load, books, workers, sockets, data):
        self.load, self.books, self.workers, self.sockets, self.data = load, books, workers, sockets, data
        self.broker, self.consumers = None, []

    def processes(self):
        """Those whose CPU time counts."""
        return [process for process in (self.broker, self.producer, *self.consumers) if process]

    def started(self):
        """When the first event was on its way."""
        return min(book.started for book in self.books.all() if book.events)

    def finish(self):
        """Waits for what the broker does behind the last acknowledgement."""

    def end(self):
        for process in [*self.consumers, self.producer, self.broker, self.generator]:
            if process:
                process.end()

    def counting_workers(self, path):
        self.consumers = [
            Process([
                f"{BIN}/CountingWorker", "--socket", path, "--name", f"counting-{index}",
                "--books", self.books.path, "--index", str(index)])
            for index in range(self.workers)]


class Gateway(Contestant):
    """The real gateway: it also reads a WebSocket, and scans the JSON."""

    def __init__(self, durability, *arguments):
        super().__init__(*arguments)
        self.durability = durability

    def prepare(self):
        path = f"{self.sockets}/queue.sock"
        self.generator = Simulator(self.load.guilds)
        self.broker = Process([f"{BIN}/olim-gateway"], {
            "DISCORD_TOKEN": TOKEN, "DISCORD_COMPRESS": "none", "DISCORD_API_URL": self.generator.api,
            "QUEUE_SOCKET": path, "QUEUE_DURABILITY": self.durability, "STATE_DIRECTORY": f"{self.data}/state",
            "LOG_LEVEL": "error",
        })
        self.generator.wait_for_session()
        self.counting_workers(path)
        for worker in self.consumers:
            worker.next_json()

    def begin(self):
        self.generator.flood(self.load.events)


class Queue(Contestant):
    """The gateway's queue by itself, in the test process that can link it."""

    def __init__(self, durability, *arguments):
        super().__init__(*arguments)
        self.durability = durability

    def prepare(self):
        path = f"{self.sockets}/queue.sock"
        self.broker = Process([TESTS, "--testing-library", "swift-testing", "--filter", "QueueThroughput"], {
            "OLIM_BENCH_SOCKET": path, "OLIM_BENCH_DIRECTORY": f"{self.data}/state",
            "OLIM_BENCH_MESSAGES": self.load.path, "OLIM_BENCH_WORKERS": str(self.workers),
            "OLIM_BENCH_EVENTS": str(self.load.events), "OLIM_BENCH_BACKLOG": str(self.load.backlog_bytes),
            "OLIM_BENCH_DURABILITY": self.durability,
        })
        wait_for_socket(path, self.broker)
        self.counting_workers(path)
        self.broker.next_json()

    def begin(self):
        self.broker.go()

    def finish(self):
        self.broker.next_json()


class Redis(Contestant):
    """Redis Streams through hiredis."""

    @staticmethod
    def describe():
        version = subprocess.run(["redis-server", "--version"], capture_output=True, text=True, check=True).stdout
        settings = " ".join(setting or '""' for setting in REDIS_SETTINGS)
        return (f"{version.split(' sha=')[0]}, Unix socket, {settings}; a stream with one group for each "
                f"consumer; XADD in pipelines of {REDIS_PIPELINE}; XREADGROUP COUNT {REDIS_BATCH}; one XACK and one "
                "XTRIM MINID ~ for each batch, in one write with the next XREADGROUP")

    def prepare(self):
        path = f"{self.sockets}/redis.sock"
        program = f"{PEERS}/redis_stream"
        self.broker = Process(
            ["redis-server", "--port", "0", "--unixsocket", path, "--dir", self.data, *REDIS_SETTINGS])
        wait_for_socket(path, self.broker)
        subprocess.run([program, "setup", path, str(self.workers)], check=True)
        self.consumers = [
            Process([program, "consume", path, self.books.path, str(index), str(REDIS_BATCH)])
            for index in range(self.workers)]
        self.producer = Process([
            program, "produce", path, self.books.path, str(self.workers), self.load.path, str(self.load.events),
            str(self.load.backlog_events), str(REDIS_PIPELINE)])
        for process in [*self.consumers, self.producer]:
            process.next_json()

    def begin(self):
        self.producer.go()

    def started(self):
        return self.books.producer().started

    def finish(self):
        wait_for_producer(self)


class JetStream(Contestant):
    """NATS JetStream through the C client."""

    @staticmethod
    def describe():
        version = subprocess.run(["nats-server", "--version"], capture_output=True, text=True, check=True).stdout
        policy = "work queue, explicit acks" if NATS_ACKS == "each" else "interest, an ack for all before it"
        return (f"{version.strip()}, loopback TCP, file storage, default sync_interval; {policy}; a durable pull "
                f"consumer for each consumer; js_PublishAsync with at most {NATS_PENDING} pending; fetches of {NATS_BATCH}")

    def prepare(self):
        port = free_port()
        url, configuration = f"nats://127.0.0.1:{port}", f"{self.data}/nats.conf"
        with open(configuration, "w") as file:
            file.write(f'listen: "127.0.0.1:{port}"\njetstream {{ store_dir: "{self.data}/jetstream" }}\n')
        program = f"{PEERS}/nats_jetstream"
        self.broker = Process(["nats-server", "-c", configuration, "-l", f"{self.data}/nats.log"])
        wait_for_port(port, self.broker)
        subprocess.run([program, "setup", url, str(self.workers), NATS_ACKS], check=True)
        self.consumers = [
            Process([program, "consume", url, self.books.path, str(index), str(NATS_BATCH), NATS_ACKS])
            for index in range(self.workers)]
        self.producer = Process([
            program, "produce", url, self.books.path, str(self.workers), self.load.path, str(self.load.events),
            str(self.load.backlog_events), str(NATS_PENDING)])
        for process in [*self.consumers, self.producer]:
            process.next_json()

    begin = Redis.begin
    started = Redis.started
    finish = Redis.finish


def wait_for_producer(contestant):
    """Its last answers may come behind the last acknowledgement."""
    contestant.producer.child.wait(timeout=60)


def wait_for_socket(path, process):
    wait_until(lambda: os.path.exists(path), process)


def wait_for_port(port, process):
    def answers():
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0
    wait_until(answers, process)


def wait_until(condition, process):
    deadline = time.monotonic() + 60
    while not condition():
        if process.child.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"bench: {process.name} did not come up")
        time.sleep(0.02)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
