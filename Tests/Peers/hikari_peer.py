"""A bot on hikari, unmodified but for the URL, that tells on standard output what happens to it.

    hikari_peer.py API_URL zlib-stream|zstd-stream

The same lines as discordpy_peer.py prints. The token is in DISCORD_TOKEN; it ends when standard input does.
"""

import asyncio
import json
import os
import sys
import threading

API_URL, COMPRESSION = sys.argv[1:3]
TOKEN = os.environ["DISCORD_TOKEN"]
if COMPRESSION == "zlib-stream":
    # hikari takes zstd-stream wherever it finds this module.
    sys.modules["backports.zstd"] = None

import hikari  # noqa: E402
from hikari.impl import shard  # noqa: E402


def tell(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


bot = hikari.GatewayBot(
    TOKEN,
    rest_url=API_URL,
    banner=None,
    intents=hikari.Intents.ALL_UNPRIVILEGED | hikari.Intents.MESSAGE_CONTENT | hikari.Intents.GUILD_MEMBERS,
)


@bot.listen()
async def on_starting(event: hikari.StartingEvent):
    application = await bot.rest.fetch_application()
    ping = bot.rest.slash_command_builder("ping", "Answers at once").add_option(
        hikari.CommandOption(type=hikari.OptionType.STRING, name="text", description="What to repeat")
    )
    slow = bot.rest.slash_command_builder("slow", "Answers later")
    commands = await bot.rest.set_application_commands(application.id, [ping, slow])
    tell("commands", names=[command.name for command in commands])


@bot.listen()
async def on_started(event: hikari.StartedEvent):
    compression = shard._DEFAULT_COMPRESS_TYPE
    tell(
        "ready",
        user=str(bot.get_me().id),
        compression={"transport_zlib_stream": "zlib-stream", "transport_zstd_stream": "zstd-stream"}[compression],
        members={},
    )


@bot.listen()
async def on_resumed(event: hikari.ShardResumedEvent):
    tell("resumed")


@bot.listen()
async def on_disconnected(event: hikari.ShardDisconnectedEvent):
    tell("disconnected")


@bot.listen()
async def on_message(event: hikari.MessageCreateEvent):
    tell("message", id=str(event.message_id), author=str(event.author_id), content=event.content)
    if event.author.is_bot:
        return
    if event.content == "!ping":
        sent = await event.message.respond("pong", reply=True, nonce=f"n{event.message_id}")
        tell("sent", id=str(sent.id), to=str(event.message_id))
    elif event.content == "!embed":
        embed = hikari.Embed(title="Harbour", description="lights").add_field("a", "b")
        sent = await event.message.respond(embed=embed, attachment=hikari.File(__file__, filename="peer.py"))
        await sent.edit("edited")
        await sent.add_reaction("👍")
        await sent.delete()
        tell("embedded", id=str(sent.id))
    elif event.content == "!many":
        # More than one window holds: the library must wait for the bucket as the headers tell.
        for number in range(7):
            await event.message.respond(f"many {number}")
        tell("many")


@bot.listen()
async def on_interaction(event: hikari.InteractionCreateEvent):
    interaction = event.interaction
    if not isinstance(interaction, hikari.CommandInteraction):
        return
    tell("command", id=str(interaction.id), name=interaction.command_name)
    if interaction.command_name == "ping":
        text = interaction.options[0].value if interaction.options else "pong"
        await interaction.create_initial_response(
            hikari.ResponseType.MESSAGE_CREATE, text, flags=hikari.MessageFlag.EPHEMERAL
        )
        original = await interaction.fetch_initial_response()
        tell("answered", id=str(interaction.id), message=str(original.id), content=original.content)
    elif interaction.command_name == "slow":
        await interaction.create_initial_response(hikari.ResponseType.DEFERRED_MESSAGE_CREATE)
        await interaction.edit_initial_response("done")
        follow_up = await interaction.execute("and more")
        tell("deferred", id=str(interaction.id), follow_up=str(follow_up.id))


async def main():
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()

    def read():
        sys.stdin.read()
        loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=read, daemon=True).start()
    await bot.start(check_for_updates=False)
    joining = asyncio.create_task(bot.join())
    waiting = asyncio.create_task(ended.wait())
    await asyncio.wait([joining, waiting], return_when=asyncio.FIRST_COMPLETED)
    if joining.done():
        joining.result()
    await bot.close()


asyncio.run(main())
