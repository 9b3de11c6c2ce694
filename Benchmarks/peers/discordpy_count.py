"""Counts the messages of one stream with discord.py, and says what that cost: the peer of Olim's counting worker."""

import json
import os
import resource
import sys
import time

import discord

API, EXPECTED = sys.argv[1], int(sys.argv[2])
discord.http.Route.BASE = API


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def resident_kib():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


# A plain Client dials discord.gg whatever the API says; the sharded one asks /gateway/bot.
class Counter(discord.AutoShardedClient):
    count = 0
    started = None

    async def on_ready(self):
        print(json.dumps({"ready": True}), flush=True)

    async def on_message(self, message):
        if self.count == 0:
            self.started = time.monotonic(), cpu_seconds()
        self.count += 1
        if self.count == EXPECTED:
            print(json.dumps({
                "events": self.count,
                "wall_s": time.monotonic() - self.started[0],
                "cpu_s": cpu_seconds() - self.started[1],
                "rss_kib": resident_kib(),
                "client": f"discord.py {discord.__version__}",
                "orjson": discord.utils.HAS_ORJSON,
            }), flush=True)
            await self.close()


intents = discord.Intents(guilds=True, members=True, guild_messages=True, message_content=True)
# The leanest settings it has: no caches that counting does not need.
client = Counter(
    intents=intents, max_messages=None, chunk_guilds_at_startup=False,
    member_cache_flags=discord.MemberCacheFlags.none(),
)
client.run(os.environ["DISCORD_TOKEN"], log_handler=None)
