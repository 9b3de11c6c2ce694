"""What an event costs the gateway as a bot grows: instructions, allocations and system calls, counted, not timed.

One dimension grows at a time; the rest stays at 1 shard, 1,000 guilds and 1 worker. Guilds are spread evenly, which is the worst
case. Bursts of 32 events, each of one shard.
"""

from harness.counting import Messages, Shape, allocations, instructions, system_calls
from harness.figures import one_by_one, spread, table

CONTESTANTS = {
    **{f"growth-{count}-shards": dict(shards=count) for count in (1, 4, 16, 64)},
    **{f"growth-{count}-guilds": dict(guilds=count) for count in (1000, 10_000, 100_000, 1_000_000)},
    **{f"growth-{count}-workers": dict(workers=count) for count in (1, 2, 4, 8)},
}
# Counts hardly differ between rounds, and one takes a quarter of a minute.
ROUNDS = 1


def measure(name, messages):
    shape = Shape(**CONTESTANTS[name])
    return {
        "instructions": instructions(shape, messages), "allocations": allocations(shape, messages),
        "system_calls": system_calls(shape, messages)}


def run_suite(names, options):
    messages = Messages()
    rounds = one_by_one(names, lambda name: measure(name, messages), ROUNDS,
                        lambda one: f"{one['instructions']:,.0f} instructions per event")
    show(rounds)
    return rounds


def show(rounds):
    print("\nWhat the gateway does for each event, counted.\n")
    rows = []
    for name, figures in rounds.items():
        least = rounds.get({"shards": "growth-1-shards", "guilds": "growth-1000-guilds",
                            "workers": "growth-1-workers"}[name.rsplit("-", 1)[1]])
        change = figures[0]["instructions"] / least[0]["instructions"] - 1 if least else 0
        rows.append([name, spread([one["instructions"] for one in figures]).split(" ")[0], f"{change:+.1%}",
                     f"{figures[0]['allocations']:.2f}", f"{figures[0]['system_calls']:.2f}"])
    table(["", "instructions", "to the least", "allocations", "system calls"], rows)
