"""A bot on discord.py, unmodified but for the URL, that tells on standard output what happens to it.

    discordpy_peer.py API_URL zlib-stream|zstd-stream

One JSON object per line: {"event": "ready" | "message" | "sent" | "command" | "answered" | "deferred" | "resumed"
| "disconnected" | "error", ...}. The token is in DISCORD_TOKEN; it ends when standard input does.
"""

import asyncio
import json
import os
import sys
import threading

API_URL, COMPRESSION = sys.argv[1:3]
TOKEN = os.environ["DISCORD_TOKEN"]
if COMPRESSION == "zlib-stream":
    # discord.py takes zstd-stream wherever it finds this module.
    sys.modules["zstandard"] = None

import discord  # noqa: E402
from discord import app_commands  # noqa: E402

# The sharded client learns the gateway's URL from GET /gateway/bot.
discord.http.Route.BASE = API_URL


def tell(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


class Peer(discord.AutoShardedClient):
    def __init__(self):
        intents = discord.Intents.default()
        intents.message_content = True
        intents.members = True
        super().__init__(intents=intents)
        self.tree = app_commands.CommandTree(self)

    async def setup_hook(self):
        commands = await self.tree.sync()
        tell("commands", names=[command.name for command in commands])

    async def on_ready(self):
        members = {str(guild.id): len(guild.members) for guild in self.guilds}
        tell(
            "ready",
            user=str(self.user.id),
            compression=discord.utils._ActiveDecompressionContext.COMPRESSION_TYPE,
            members=members,
        )

    async def on_resumed(self):
        tell("resumed")

    async def on_disconnect(self):
        tell("disconnected")

    async def on_message(self, message):
        tell("message", id=str(message.id), author=str(message.author.id), content=message.content)
        if message.author.bot:
            return
        if message.content == "!ping":
            sent = await message.channel.send("pong", nonce=f"n{message.id}", reference=message)
            tell("sent", id=str(sent.id), to=str(message.id))
        elif message.content == "!embed":
            embed = discord.Embed(title="Harbour", description="lights").add_field(name="a", value="b")
            sent = await message.reply(embed=embed, file=discord.File(__file__, filename="peer.py"))
            await sent.edit(content="edited")
            await sent.add_reaction("👍")
            await sent.delete()
            tell("embedded", id=str(sent.id))
        elif message.content == "!many":
            # More than one window holds: the library must wait for the bucket as the headers tell.
            for number in range(7):
                await message.channel.send(f"many {number}")
            tell("many")


peer = Peer()


@peer.tree.command(description="Answers at once")
@app_commands.describe(text="What to repeat")
async def ping(interaction: discord.Interaction, text: str = "pong"):
    tell("command", id=str(interaction.id), name="ping")
    await interaction.response.send_message(text, ephemeral=True)
    original = await interaction.original_response()
    tell("answered", id=str(interaction.id), message=str(original.id), content=original.content)


@peer.tree.command(description="Answers later")
async def slow(interaction: discord.Interaction):
    tell("command", id=str(interaction.id), name="slow")
    await interaction.response.defer(thinking=True)
    await interaction.edit_original_response(content="done")
    follow_up = await interaction.followup.send("and more", wait=True)
    tell("deferred", id=str(interaction.id), follow_up=str(follow_up.id))


async def main():
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()

    def read():
        sys.stdin.read()
        loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=read, daemon=True).start()
    discord.utils.setup_logging()
    async with peer:
        running = asyncio.create_task(peer.start(TOKEN))
        waiting = asyncio.create_task(ended.wait())
        await asyncio.wait([running, waiting], return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
        await peer.close()


asyncio.run(main())
