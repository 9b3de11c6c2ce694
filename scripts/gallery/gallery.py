"""Pictures of what each answer of the bot looks like: the real programs answer a simulated Discord, a browser draws it."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from page import Page
from recorder import Recorder

BIN, ROOT = os.environ["OLIM_BIN"], os.environ["OLIM_ROOT"]
OUT = os.path.join(ROOT, "docs", "gallery")


class Bot:
    """A simulator, a gateway and a worker in a directory of their own."""

    def __init__(self, directory):
        self.directory, self.started = directory, []
        simulator = self.start("olim-simulator", {}, "--members", "14", "--heartbeat-interval", "1000")
        ready = json.loads(simulator.stdout.readline())
        self.control = ready["control_url"]
        self.recorder = Recorder(ready["api_url"])
        environment = {
            "DISCORD_TOKEN": "simulated-token", "DISCORD_API_URL": self.recorder.url, "LOG_LEVEL": "error",
            "QUEUE_SOCKET": f"{directory}/queue.sock", "STATE_DIRECTORY": f"{directory}/state"}
        self.start("olim-gateway", environment)
        self.start("olim-worker", environment)
        self.get("/wait?commands=8&timeout=60")
        # /ping tells how long the last heartbeat took.
        self.get("/wait?heartbeats=2&timeout=60")
        self.guild = self.get("/world")["guilds"][0]

    def start(self, program, environment, *options):
        self.started.append(subprocess.Popen(
            [f"{BIN}/{program}", *options], env={**os.environ, **environment}, cwd=self.directory,
            stdout=subprocess.PIPE, text=True))
        return self.started[-1]

    def end(self):
        for process in reversed(self.started):
            process.kill()
            process.wait()

    def get(self, path):
        with urllib.request.urlopen(self.control + path, timeout=90) as answer:
            return json.loads(answer.read())

    def post(self, path, body):
        request = urllib.request.Request(self.control + path, data=json.dumps(body).encode(), method="POST")
        try:
            with urllib.request.urlopen(request, timeout=90) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            raise SystemExit(f"gallery: {body}: {error.read().decode()}") from error

    def use(self, order):
        """What the bot sends in answer to something used: its last answer, with files."""
        token = self.post("/interactions", order)["interactions"][0]["token"]
        message, files = self.answer(lambda sent: token in sent["path"] and sent["body"].get("type") != 5)
        # Whether only the caller sees an answer is said where it is deferred, and not repeated.
        bodies = [sent["body"] for sent in list(self.recorder.sent) if token in sent["path"]]
        deferral = next((body for body in bodies if isinstance(body, dict) and body.get("type") == 5), {})
        flags = (deferral.get("data") or {}).get("flags", 0)
        return {**message, "flags": message.get("flags", 0) | flags}, files

    def say(self, content, **fields):
        """What the bot sends in answer to a message."""
        message = self.post("/messages", {"content": content, **fields})["ids"][0]
        return self.answer(lambda sent: (sent["body"].get("message_reference") or {}).get("message_id") == message)

    def answer(self, wanted):
        end = time.monotonic() + 20
        while time.monotonic() < end:
            found = [sent for sent in list(self.recorder.sent) if isinstance(sent["body"], dict) and wanted(sent)]
            if found:
                body = found[-1]["body"]
                return body.get("data", body), found[-1]["files"]
            time.sleep(0.05)
        raise SystemExit("gallery: the bot did not answer; its log is above")


def chat(bot, users):
    """A month of a community's messages. The bot takes a message's day from its id."""
    today = int(time.time() * 1000)
    for number, user in enumerate(users):
        for day in range(30):
            for message in range((7 * number + 5 * day + number * day + 4) % 9 - number // 3):
                moment = today - day * 86_400_000 - (number + 1) * 1000 - message
                bot.post("/messages", {
                    "content": "Good morning!", "user": user, "fields": {"id": str(moment - 1_420_070_400_000 << 22)}})


def pictures(bot):
    """Name, title, caption, HTML."""
    guild = bot.guild
    users = {user["id"]: user["username"] for user in guild["members"]}
    channels = {channel["id"]: channel["name"] for channel in guild["channels"]}
    general = next(channel["id"] for channel in guild["channels"] if channel["type"] == 0)
    owner = guild["owner"]
    page = Page(users, channels)
    chat(bot, [owner] + [user for user in users if user != owner])

    def used(command, options=None, **more):
        message, files = bot.use({"command": command, "options": options or {}, **more})
        return page.message(f"/{command}", message, files)

    yield "ping", "`/ping`", "How long each part of the way takes.", used("ping")
    yield "help", "`/help`", "Everything the bot can do, from the declarations themselves.", used("help")
    yield "help-command", "`/help` with a command", "What one command does, and what it needs.", used(
        "help", {"command": "config welcome"})
    yield "about", "`/about`", "Which bot this is, and since when it runs.", used("about")
    choices, _ = bot.use({"autocomplete": "config timezone", "options": {"zone": "ber"}, "focused": "zone"})
    yield "autocomplete", "Suggestions", "Time zones are suggested while one types.", page.choices(
        "/config timezone zone: ber", choices["choices"])
    yield "config-timezone", "`/config timezone`", "The time zone that daily posts go by, and what time it is there.", used(
        "config timezone", {"zone": "Europe/Berlin"})
    yield "config-welcome", "`/config welcome`", "Shows at once how the welcome will look.", used("config welcome", {
        "channel": general, "text": "Hello {member}, welcome to {server}! You are number {count}. 🌱"})
    yield "config-daily", "`/config daily`", "Where and when the daily post goes.", used(
        "config daily", {"channel": general, "time": "9:30"})
    yield "config-show", "`/config show`", "All settings of the server.", used("config show")
    newcomer = bot.post("/members", {"guild": guild["id"]})["user"]
    users[newcomer] = "newcomer"
    message, files = bot.answer(lambda sent: f"<@{newcomer}>" in (sent["body"].get("content") or ""))
    yield "welcome", "A welcome", "A newcomer is welcomed in the server's own words.", page.message(None, message, files)
    modal, _ = bot.use({"command": "daily add"})
    yield "daily-add", "`/daily add`", "Without a text it opens a form.", page.modal(modal)
    for text in ("Good morning! What are you looking forward to today?", "Share a picture of something green. 🌿",
                 "Which book are you reading?"):
        bot.use({"command": "daily add", "options": {"text": text}})
    yield "daily-list", "`/daily list`", "The rotation, the next text first.", used("daily list")
    yield "daily-preview", "`/daily preview`", "What is posted next, for the caller alone.", used("daily preview")
    yield "stats", "`/stats`", "How active somebody is, with the last thirty days.", used("stats")
    yield "leaderboard", "`/leaderboard`", "Who writes most, page by page, with the server's activity.", used(
        "leaderboard", {"period": "week"})
    yield "privacy-export", "`/privacy export`", "Everything that is stored about the caller, as a file.", used("privacy export")
    yield "privacy-delete", "`/privacy delete`", "Asks before it erases.", used("privacy delete")
    yield "config-reset", "`/config reset`", "Asks before it puts the settings back.", used("config reset")
    member = next(user for user in users if user != owner)
    message, files = bot.say("!config prefix ?", user=member)
    yield "refusal", "A refusal", "Whoever may not use a command is told what it needs.", page.message(
        None, message, files, typed="!config prefix ?", author=users[member])
    message, files = bot.say("!ping")
    yield "text-command", "As a message", "Commands work as messages, too.", page.message(None, message, files, typed="!ping")
    yield "help-spanish", "In Spanish", "`/help` for somebody whose app speaks Spanish.", used(
        "help", locale="es-ES")


def draw(name, page, directory):
    """Twice: first to find out how high it is."""
    path = os.path.join(directory, f"{name}.html")
    with open(path, "w") as file:
        file.write(page)
    target = os.path.join(OUT, f"{name}.png")
    subprocess.run([
        "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--force-device-scale-factor=1",
        f"--user-data-dir={directory}/browser", "--window-size=640,1600", f"--screenshot={target}", f"file://{path}"],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    crop(target)


def crop(path):
    from PIL import Image, ImageChops
    image = Image.open(path).convert("RGB")
    box = ImageChops.difference(image, Image.new("RGB", image.size, (0x31, 0x33, 0x38))).getbbox() or (0, 0, 640, 40)
    image.crop((0, 0, 640, min(image.height, box[3] + 16))).quantize(128).save(path, optimize=True)


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    os.makedirs(OUT)
    lines = ["# What it looks like", "",
             "Drawn by `./olim gallery` from the real answers of the real programs, by a page of ours in a browser without a screen."]
    with tempfile.TemporaryDirectory(prefix="olim-gallery-") as directory:
        bot = Bot(directory)
        try:
            for name, title, caption, page in pictures(bot):
                draw(name, page, directory)
                lines += ["", f"## {title}", "", f"![{title.replace('`', '')}](gallery/{name}.png)", "", caption]
                print(f"docs/gallery/{name}.png", file=sys.stderr)
            violations = bot.get("/report")["violations"]
            if violations:
                raise SystemExit(f"gallery: Discord would have objected: {violations}")
        finally:
            bot.end()
    with open(f"{OUT}.md", "w") as file:
        file.write("\n".join(lines) + "\n")


main()
