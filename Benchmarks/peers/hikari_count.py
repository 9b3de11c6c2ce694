"""Counts the messages of one stream with hikari, and says what that cost: the peer of Olim's counting worker."""

import json
import os
import resource
import sys
import time

import hikari

API, EXPECTED = sys.argv[1], int(sys.argv[2])


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def resident_kib():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


bot = hikari.GatewayBot(
    os.environ["DISCORD_TOKEN"],
    rest_url=API,
    intents=hikari.Intents.GUILDS | hikari.Intents.GUILD_MEMBERS | hikari.Intents.GUILD_MESSAGES
    | hikari.Intents.MESSAGE_CONTENT,
    # The leanest settings it has: no caches that counting does not need.
    cache_settings=hikari.impl.CacheSettings(components=hikari.api.CacheComponents.NONE),
    auto_chunk_members=False,
    banner=None,
    logs=None,
)
state = {"count": 0}


@bot.listen()
async def started(_: hikari.StartedEvent):
    print(json.dumps({"ready": True}), flush=True)


@bot.listen()
async def message(_: hikari.GuildMessageCreateEvent):
    if state["count"] == 0:
        state["started"] = time.monotonic(), cpu_seconds()
    state["count"] += 1
    if state["count"] == EXPECTED:
        print(json.dumps({
            "events": state["count"],
            "wall_s": time.monotonic() - state["started"][0],
            "cpu_s": cpu_seconds() - state["started"][1],
            "rss_kib": resident_kib(),
            "client": f"hikari {hikari.__version__}",
        }), flush=True)
        await bot.close()


bot.run(check_for_updates=False)
