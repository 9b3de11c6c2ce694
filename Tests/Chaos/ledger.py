"""Compares what was injected with what came of it: rows in the database, messages at Discord, observers' records."""

import glob
import os
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field

REPLY_SECONDS = 3.0


@dataclass
class Line:
    """One line of the account."""
    kind: str
    # Where its effect is looked for.
    effect: str
    injected: int = 0
    lost: int = 0
    doubled: int = 0
    disordered: int = 0
    # Failed because nobody could have done anything in time.
    excused: int = 0
    notes: dict = field(default_factory=dict)
    # (time, what) of some of those that are not right.
    examples: list = field(default_factory=list)

    @property
    def handled(self):
        return self.injected - self.lost - self.excused

    @property
    def is_clean(self):
        return not (self.lost or self.doubled or self.disordered)

    def lose(self, at, what, count=1):
        self.lost += count
        self.examples.append((at, f"lost: {what}"))

    def double(self, at, what, count=1):
        self.doubled += count
        self.examples.append((at, f"doubled: {what}"))

    def disorder(self, at, what):
        self.disordered += 1
        self.examples.append((at, f"out of order: {what}"))


class Ledger:
    """The books of one run, once everything is quiet."""

    def __init__(self, run):
        self.run = run
        self.book = run.load.book
        self.bot_messages = run.discord.get("/messages", author="bot")
        self.interactions = {one["id"]: one for one in run.discord.get("/interactions")}
        self.report = run.discord.get("/report")
        self.lines = [
            self.messages(), self.observed(), self.text_commands(), self.slash_commands(), self.joins(),
            self.guild_updates(),
        ]

    # MARK: Effects in the database

    def messages(self):
        line = Line("messages", "counts in the database")
        counted = {(guild, author): int(count) for guild, author, count in self.run.postgres.query(
            "SELECT guild_id, member_id, sum(messages) FROM member_activity GROUP BY 1, 2")}
        for key, times in self.book.messages.items():
            line.injected += len(times)
            missing = len(times) - counted.pop(key, 0)
            sent = ", ".join(f"+{at:.1f}" for at in times[-8:])
            what = f"{abs(missing)} of {len(times)} messages of {key[1]} in guild {key[0]}, sent at {sent} s"
            if missing > 0:
                line.lose(times[-1], what, missing)
            elif missing < 0:
                line.double(times[-1], what, -missing)
        for (guild, author), count in counted.items():
            line.double(0, f"{count} messages of {author} in guild {guild}, who wrote none", count)
        line.notes["rows"] = len(self.book.messages)
        return line

    def guild_updates(self):
        """Only a guild's last update leaves a trace, so an earlier one that was lost is not seen here."""
        line = Line("guild updates", "names in the database")
        names = dict(self.run.postgres.query("SELECT guild_id, coalesce(guild_name, '') FROM guild_config"))
        for guild, times in self.book.updates.items():
            line.injected += len(times)
            name = names.get(guild, "")
            if name == f"Guild {len(times) - 1}":
                continue
            if re.fullmatch(r"Guild \d+", name):
                line.disorder(times[-1], f"guild {guild} is named {name} after {len(times)} updates")
            else:
                line.lose(times[-1], f"guild {guild} is named {name!r} after {len(times)} updates")
        return line

    # MARK: What observers saw

    def observed(self):
        """Each number is there, first comes in order, and what comes again is marked and keeps its id."""
        line = Line("observed events", "records of the observers")
        unmarked, renamed = [], []
        records = self.records()
        redelivered = 0
        for guild, times in self.book.observed.items():
            line.injected += len(times)
            seen, plain, highest = {}, set(), -1
            for number, id, is_redelivered in records.get(guild, []):
                what = f"number {number} of guild {guild}"
                # The first delivery may be handled last: by an observer that stood still with it in its socket.
                if not is_redelivered:
                    if number in plain:
                        unmarked.append((times[number], what))
                    plain.add(number)
                if number in seen:
                    redelivered += 1
                    if id != seen[number]:
                        renamed.append((times[number], f"{what}, {seen[number]} and then {id}"))
                    continue
                seen[number] = id
                if number < highest:
                    line.disorder(times[number], f"{what} came after {highest}")
                highest = max(highest, number)
            for number in range(len(times)):
                if number not in seen:
                    line.lose(times[number], f"number {number} of guild {guild}")
        line.notes["delivered again"] = redelivered
        # Two deliveries that nobody can tell from two events.
        for at, what in renamed:
            line.double(at, f"{what}: delivered again under another id")
        self.unmarked = unmarked
        return line

    def records(self):
        """By guild, in the order of their times: (number, id, redelivered)."""
        found = []
        for path in glob.glob(os.path.join(self.run.records, "*")):
            with open(path) as file:
                for text in file:
                    fields = text.split()
                    # A kill may have torn the last one, which was then not acknowledged either.
                    if text.endswith("\n") and len(fields) == 5:
                        found.append((int(fields[0]), fields[1], int(fields[2]), int(fields[3]), fields[4] == "1"))
        found.sort()
        records = defaultdict(list)
        for _, guild, number, id, is_redelivered in found:
            records[guild].append((number, id, is_redelivered))
        return records

    # MARK: Messages at Discord

    def text_commands(self):
        line = Line("text commands", "replies at Discord")
        replies = defaultdict(list)
        for message in self.bot_messages:
            command = (message.get("message_reference") or {}).get("message_id")
            if command in self.book.text_commands:
                replies[command].append(int(message["id"]))
        last = {}
        for command, (key, at) in self.book.text_commands.items():
            line.injected += 1
            found = replies.get(command, [])
            what = f"command {command} of {key}"
            if not found:
                line.lose(at, f"no answer to {what}")
                continue
            if len(found) > 1:
                line.double(at, f"{len(found)} answers to {what}", len(found) - 1)
            if min(found) < last.get(key, 0):
                line.disorder(at, f"{what} was answered before an earlier one")
            last[key] = max(last.get(key, 0), min(found))
        return line

    def joins(self):
        line = Line("joins", "welcomes at Discord")
        welcomes = Counter()
        for message in self.bot_messages:
            if message["content"].startswith("Welcome to "):
                welcomes.update(re.findall(r"<@(\d+)>!", message["content"]))
        for user, (guild, at) in self.book.joins.items():
            line.injected += 1
            what = f"{welcomes[user]} welcomes for {user} in guild {guild}"
            if welcomes[user] == 0:
                line.lose(at, what)
            elif welcomes[user] > 1:
                line.double(at, what, welcomes[user] - 1)
        return line

    def slash_commands(self):
        line = Line("slash commands", "answers at Discord")
        visible = Counter()
        for message in self.bot_messages:
            # 1 << 7 is "thinking", which answers nothing.
            if message.get("interaction_metadata") and not message.get("flags", 0) & 1 << 7:
                visible[message["interaction_metadata"]["id"]] += 1
        deferred = 0
        for id, (command, guild, at) in self.book.slash_commands.items():
            line.injected += 1
            interaction = self.interactions[id]
            deferred += interaction["callback_type"] == 5
            what = f"/{command} {id}"
            if visible[id] > 1:
                line.double(at, f"{visible[id]} answers to {what}", visible[id] - 1)
            elif not visible[id]:
                self.unanswered(line, interaction, what, at)
        line.notes["deferred by the gateway"] = deferred
        return line

    def unanswered(self, line, interaction, what, at):
        """An interaction that failed: excused if the gateway was not to be had for all of its three seconds."""
        tried = "; ".join(
            f"{answer['method']} {answer['about']} {answer['status']}/{answer['code']} after {answer['after_ms']} ms"
            for answer in interaction["answers"]) or "nothing was tried"
        down = self.run.seconds_without_gateway(at, at + REPLY_SECONDS)
        if down >= REPLY_SECONDS - 0.1:
            line.excused += 1
            line.examples.append((at, f"excused: {what}, the gateway was not to be had for its {REPLY_SECONDS:.0f} s"))
        else:
            line.lose(at, f"no answer to {what} (gateway away for {down:.1f} of its first 3 s; {tried})")
