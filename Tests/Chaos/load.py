"""What happens on the simulated Discord, and the book that is kept of it: one entry for every event injected.

| kind | what the real programs make of it |
|---|---|
| message | a worker counts it in `member_activity`; most are of authors who write once, so that each is a row |
| observed | an observer records it; numbered per guild, so that order and gaps show |
| text command | a worker answers it with a message that replies to it |
| slash command | a worker answers it |
| join | a worker welcomes the newcomer |
| guild update | a worker keeps the guild's last name; numbered |
"""

import random
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass

# Real workers want none of these, so that observers get all of them.
OBSERVED = ("CHANNEL_CREATE", "STAGE_INSTANCE_UPDATE", "GUILD_MEMBER_UPDATE")
# Guilds that only have observed events, beside those that have everything.
QUIET_GUILDS = 30
MIX = {"message": 57.0, "observed": 38.4, "text command": 1.6, "direct command": 0.3, "slash command": 1.0, "join": 0.5,
       "guild update": 1.2}
# A simulated Discord with rate limits takes no more than this of what needs an answer, per second.
MOST_ANSWERS = 12.0
ANSWERED = ("text command", "direct command", "slash command", "join")
WORDS = "harbour tonight maybe later think could try again nobody answered über Straße café game release".split()


@dataclass
class Guild:
    id: str
    owner: str
    members: list
    channels: list

    @property
    def welcome_channel(self):
        return self.channels[0]


class Book:
    """Everything injected, by kind. Times are seconds of the run."""

    def __init__(self):
        # (guild, author): times of their messages.
        self.messages = defaultdict(list)
        # guild: time of each number.
        self.observed = defaultdict(list)
        # message: (key, time), in the order of injection.
        self.text_commands = {}
        # interaction: (command, guild, time)
        self.slash_commands = {}
        # user: (guild, time)
        self.joins = {}
        # guild: time of each number.
        self.updates = defaultdict(list)
        self.counts = Counter()

    @property
    def total(self):
        return self.counts.total()


def read_world(discord):
    bot = None
    guilds = []
    world = discord.get("/world")
    for guild in world["guilds"]:
        bot = bot or world["application"]
        members = [member["id"] for member in guild["members"] if member["id"] != bot]
        channels = [channel["id"] for channel in guild["channels"] if channel["type"] == 0]
        guilds.append(Guild(guild["id"], guild["owner"], members, channels))
    return bot, guilds


class Load(threading.Thread):
    """Injects events at a rate that swings around the one asked for."""

    def __init__(self, discord, guilds, rate, seed, clock):
        super().__init__(daemon=True)
        self.discord, self.guilds, self.clock = discord, guilds, clock
        self.random = random.Random(f"load/{seed}")
        self.book = Book()
        self.rate = rate
        mix = dict(MIX)
        asked = rate * sum(mix[kind] for kind in ANSWERED) / sum(mix.values())
        for kind in ANSWERED:
            mix[kind] *= min(1.0, MOST_ANSWERS / asked)
        self.kinds, self.weights = list(mix), list(mix.values())
        shares = [1 / (position + 1) for position in range(len(guilds))]
        self.guild_shares = shares
        # Ids without pattern, which decides on the shard.
        self.quiet = [str(self.random.getrandbits(60)) for _ in range(QUIET_GUILDS)]
        self.next_author = 1 << 61
        self.is_ending = False
        # Held while an event is injected.
        self.turn = threading.Lock()
        self.is_paused = False
        # Until when no slash command is given: for outages longer than the three seconds that one lives.
        self.hold_slash_until = 0.0
        self.held = 0
        self.failure = None

    def run(self):
        try:
            self.pump()
        except Exception as error:
            self.failure = error

    def pump(self):
        due, last = 0.0, self.clock()
        pace, pace_until = 1.0, 0.0
        while not self.is_ending:
            now = self.clock()
            if now >= pace_until:
                pace, pace_until = self.random.choice((0.4, 0.8, 1.0, 1.0, 1.3, 1.5)), now + self.random.uniform(0.5, 4)
            if not self.is_paused:
                due += (now - last) * self.rate * pace
            last = now
            while due >= 1 and not self.is_ending:
                with self.turn:
                    if self.is_paused:
                        break
                    self.inject(self.random.choices(self.kinds, self.weights)[0])
                due -= 1
            time.sleep(0.01)
        # A new session begins with all guilds as Discord has them, and so with their first names.
        for guild in self.guilds:
            self.book.counts["guild update"] += self.inject_guild_update(self.clock(), guild)

    def stop(self):
        self.is_ending = True
        self.join()
        if self.failure:
            raise self.failure

    def pause(self):
        """Nothing is injected from here on."""
        self.is_paused = True
        with self.turn:
            pass

    def go_on(self):
        self.is_paused = False

    # MARK: One event

    def inject(self, kind):
        now = self.clock()
        if kind == "slash command" and now < self.hold_slash_until:
            self.held += 1
            return
        if getattr(self, "inject_" + kind.replace(" ", "_"))(now):
            self.book.counts[kind] += 1

    def pick_guild(self):
        return self.random.choices(self.guilds, self.guild_shares)[0]

    def inject_message(self, now):
        guild = self.pick_guild()
        if self.random.random() < 0.3:
            author = self.random.choice(guild.members)
        else:
            self.next_author += 1
            author = str(self.next_author)
        id = str((int(time.time() * 1000) - 1_420_070_400_000) << 22 | self.random.getrandbits(22))
        if not self.discord.dispatch("MESSAGE_CREATE", guild.id, self.message(id, guild, author)):
            return False
        self.book.messages[guild.id, author].append(now)
        return True

    def message(self, id, guild, author):
        return {
            "type": 0, "tts": False, "timestamp": "2026-01-01T00:00:00.000000+00:00", "pinned": False, "nonce": id,
            "mentions": [], "mention_roles": [], "mention_everyone": False,
            "member": {"roles": [], "premium_since": None, "pending": False, "nick": None, "mute": False,
                       "joined_at": "2022-05-05T10:00:00.000000+00:00", "flags": 0, "deaf": False, "avatar": None},
            "id": id, "flags": 0, "embeds": [], "edited_timestamp": None,
            "content": " ".join(self.random.choices(WORDS, k=self.random.choice((3, 8, 20, 90)))), "components": [],
            "channel_id": self.random.choice(guild.channels), "channel_type": 0,
            "author": {"username": f"user_{author}", "public_flags": 0, "id": author, "global_name": "Somebody",
                       "discriminator": "0", "avatar": None},
            "attachments": [], "guild_id": guild.id,
        }

    def inject_observed(self, now):
        if self.random.random() < 0.25:
            guild = self.random.choice(self.guilds).id
        else:
            guild = self.random.choices(self.quiet, self.guild_shares[:len(self.quiet)])[0]
        number = len(self.book.observed[guild])
        filler = "x" * self.random.choice((100, 600, 1500, 1500, 4000) if self.random.random() < 0.99 else (60_000,))
        data = {"id": guild, "filler": filler, "guild_id": guild, "chaos": number}
        if not self.discord.dispatch(self.random.choice(OBSERVED), guild, data):
            return False
        self.book.observed[guild].append(now)
        return True

    def inject_text_command(self, now):
        guild = self.random.choice(self.guilds)
        author = self.random.choice(guild.members)
        answer = self.discord.post("/messages", {
            "content": self.random.choice(("!ping", "!ping", "!help")), "user": author,
            "channel": self.random.choice(guild.channels)})
        self.book.text_commands[answer["ids"][0]] = (f"guild {guild.id}", now)
        # Whoever writes a command has written a message.
        self.book.messages[guild.id, author].append(now)
        return True

    def inject_direct_command(self, now):
        author = self.random.choice(self.random.choice(self.guilds).members)
        answer = self.discord.post("/messages", {"content": "!ping", "dm": True, "user": author})
        self.book.text_commands[answer["ids"][0]] = (f"channel {answer['channel']}", now)
        return True

    def inject_slash_command(self, now):
        guild = self.random.choice(self.guilds)
        command = self.random.choice(("ping", "help", "config show"))
        answer = self.discord.post("/interactions", {
            "command": command, "guild": guild.id, "user": guild.owner,
            "channel": self.random.choice(guild.channels)})
        self.book.slash_commands[answer["interactions"][0]["id"]] = (command, guild.id, now)
        return True

    def inject_join(self, now):
        guild = self.random.choice(self.guilds)
        answer = self.discord.post("/members", {"guild": guild.id})
        self.book.joins[answer["user"]] = (guild.id, now)
        return True

    def inject_guild_update(self, now, guild=None):
        guild = guild or self.random.choice(self.guilds)
        number = len(self.book.updates[guild.id])
        data = {"id": guild.id, "name": f"Guild {number}", "owner_id": guild.owner, "preferred_locale": "de",
                "member_count": number}
        if not self.discord.dispatch("GUILD_UPDATE", guild.id, data):
            return False
        self.book.updates[guild.id].append(now)
        return True
