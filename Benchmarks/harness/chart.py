"""A suite's figures as an SVG: one bar for each contestant, its median, with a line from the least to the most."""

import statistics
from xml.sax.saxutils import escape

# What each suite's chart shows, and how it is taken from one round's figures.
SHOWN = {
    "socket": ("events per CPU-second, from the socket to a handler", lambda one: one["events"] / one["cpu_s"]),
    "gateway": ("events per CPU-second, the gateway alone", lambda one: one["events"] / one["cpu_s"]),
    "queue": ("events per second, delivered and acknowledged", lambda one: one["events"] / one["wall_s"]),
    "latency": ("milliseconds from a frame to its handler, p99", lambda one: one["p99_us"] / 1e3),
    "memory": ("MiB, proportional set of all processes", lambda one: (one["gateway"][1] + one["worker"][1]) / 1024),
    "worker": ("commands per second, end to end", lambda one: one["events"] / one["wall_s"]),
    "activity": ("messages counted per second", lambda one: one["events"] / one["seconds"]),
    "growth": ("instructions of the gateway per event", lambda one: one["instructions"]),
    "start": ("milliseconds", lambda one: one["seconds"] * 1e3),
}
LABEL, BAR, VALUE, ROW = 170, 420, 190, 26


def number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:,.2f}" if value < 10 else f"{value:,.1f}"


def draw(suite, rounds, path):
    title, figure = SHOWN[suite]
    values = {name: [figure(one) for one in figures] for name, figures in rounds.items()}
    most = max(max(each) for each in values.values()) or 1
    height = 50 + ROW * len(values) + 10
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LABEL + BAR + VALUE}" height="{height}" '
        'font-family="sans-serif" font-size="13">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="10" y="26" font-size="15" font-weight="bold">{escape(suite)}: {escape(title)}</text>']
    for index, (name, each) in enumerate(values.items()):
        middle, low, high = (LABEL + BAR * one / most for one in (statistics.median(each), min(each), max(each)))
        top = 44 + ROW * index
        colour = "#9aa5b1" if name.split("-")[0].split(" ")[0] in PEERS or name.endswith(PEER_ENDINGS) else "#3b6ea8"
        lines += [
            f'<text x="{LABEL - 8}" y="{top + 14}" text-anchor="end">{escape(name)}</text>',
            f'<rect x="{LABEL}" y="{top}" width="{middle - LABEL:.1f}" height="18" fill="{colour}"/>',
            f'<path d="M{low:.1f} {top + 9}H{high:.1f}M{low:.1f} {top + 5}v8M{high:.1f} {top + 5}v8" stroke="black"/>',
            f'<text x="{high + 8:.1f}" y="{top + 14}">{number(statistics.median(each))} '
            f'({number(min(each))}–{number(max(each))})</text>']
    with open(path, "w") as file:
        file.write("\n".join([*lines, "</svg>", ""]))


# Whose bars are grey: what Olim is compared with.
PEERS = {"discord.py", "hikari", "redis", "nats", "floor"}
PEER_ENDINGS = ("-each", "-discord.py", "-hikari")
