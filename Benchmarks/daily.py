"""The daily run: many guilds due at the same moment, shared by some workers, at Discord's real limits.

Measured against the limit's floor, with a slash command every second meanwhile. Takes minutes, so it is run apart:
`./olim bench daily`.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time

from harness.processes import BIN, ROOT, Process, memory_kib, request

sys.path.insert(0, os.path.join(ROOT, "Tests", "Chaos"))
from postgres import Postgres  # noqa: E402


def main():
    parser = argparse.ArgumentParser(prog="./olim bench daily", description=__doc__)
    parser.add_argument("--guilds", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="olim-daily-") as directory:
        run(options, directory)


def run(options, directory):
    os.chmod(directory, 0o755)
    postgres = Postgres(f"{directory}/postgres", f"{directory}/postgres.log")
    started = []

    def start(command, environment=None):
        started.append(Process(command, environment))
        return started[-1]

    try:
        simulator = start([
            f"{BIN}/olim-simulator", "--guilds", str(options.guilds), "--members", "2", "--channels", "1",
            "--shards-recommended", str(-(-options.guilds // 1000)), "--max-concurrency", "16"])
        ready = simulator.next_json()
        api, control = ready["api_url"], ready["control_url"]
        environment = {
            "DISCORD_TOKEN": "simulated-token", "DISCORD_API_URL": api, "QUEUE_SOCKET": f"{directory}/queue.sock",
            "STATE_DIRECTORY": f"{directory}/state", "LOG_LEVEL": "error", "DATABASE_URL": postgres.url}
        start([f"{BIN}/olim-gateway"], environment)
        workers = [
            start([f"{BIN}/olim-worker"], {**environment, "WORKER_NAME": f"w{index}"})
            for index in range(options.workers)]
        request(f"{control}/wait?commands=8&timeout=60")
        wait(lambda: int(postgres.query("SELECT count(*) FROM guild_config")[0][0]) == options.guilds, 120)
        make_due(postgres, json.loads(request(f"{control}/world"))["guilds"])
        watch(options, control, postgres, workers)
    finally:
        for process in reversed(started):
            process.end()
        postgres.stop(immediately=True)


def make_due(postgres, guilds):
    """Each guild has a text and a channel; all are due in the same moment."""
    now = int(time.time() * 1e6)
    minute = now // 60_000_000 % 1440
    channels = ",".join(
        f"({guild['id']},{next(c['id'] for c in guild['channels'] if c['type'] == 0)})" for guild in guilds)
    script = f"{postgres.directory}/due.sql"
    with open(script, "w") as file:
        file.write(f"""
            CREATE TEMP TABLE due (guild BIGINT, channel BIGINT);
            INSERT INTO due VALUES {channels};
            UPDATE guild_config SET daily_channel_id = channel FROM due WHERE guild_id = guild;
            INSERT INTO daily_post (guild_id, number, text, author_id, turn, added_by_event)
            SELECT guild, 1, 'Good morning', 1, 1, 1 FROM due;
            INSERT INTO guild_preference (guild_id, daily_minute, next_daily_at)
            SELECT guild, {minute}, {now // 60_000_000 * 60_000_000} FROM due;
            """)
    postgres.run("psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", postgres.directory, "-U", "postgres", "-d",
                 postgres.DATABASE, "-f", script)


def wait(condition, seconds):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise SystemExit("bench: it did not happen in time")
        time.sleep(0.1)


def watch(options, control, postgres, workers):
    begun, asked = time.monotonic(), []
    floor = options.guilds / 50
    while True:
        done = int(postgres.query("SELECT count(*) FROM daily_run WHERE task = 'post' AND state = 'done'")[0][0])
        if done == options.guilds:
            break
        if time.monotonic() - begun > floor * 3 + 60:
            print(postgres.query("SELECT state, reason, count(*) FROM daily_run GROUP BY 1, 2"))
            raise SystemExit(f"bench: only {done} of {options.guilds} were posted")
        answer = json.loads(request(f"{control}/interactions", {"command": "config show"}))
        asked.append(answer["interactions"][0]["id"])
        time.sleep(1)
    seconds = time.monotonic() - begun
    latencies = []
    for interaction in asked:
        report = json.loads(request(f"{control}/interactions?id={interaction}"))[0]
        latencies += [entry["after_ms"] for entry in report["answers"] if entry["status"] < 300][:1]
    posts = {}
    for line in json.loads(request(f"{control}/messages?author=bot")):
        if "Good morning" in json.dumps(line["embeds"]):
            posts[line["channel_id"]] = posts.get(line["channel_id"], 0) + 1
    report = json.loads(request(f"{control}/report"))
    print(f"{options.guilds:,} guilds on {options.workers} workers: posted in {seconds:.0f} s; the limit of 50 a second "
          f"allows {floor:.0f} s ({floor / seconds:.0%})")
    print(f"posts per guild: exactly one in {sum(count == 1 for count in posts.values()):,}, more in "
          f"{sum(count > 1 for count in posts.values()):,}, none in {options.guilds - len(posts):,}")
    print(f"slash command meanwhile: {len(latencies)} of {len(asked)} answered, median "
          f"{statistics.median(latencies):.0f} ms, at most {max(latencies)} ms")
    print("resident: " + ", ".join(f"{memory_kib(worker.pid)[0] / 1024:.0f} MiB" for worker in workers))
    print(f"violations: {report['violations'] or 'none'}; 429s: {report['rest']['rate_limited']}")


main()
