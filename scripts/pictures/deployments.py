"""Draws where gateway, workers and PostgreSQL stand in each of the deployments that deploy/coolify.md walks through."""

import pathlib
from xml.sax.saxutils import escape

STYLE = """
    text { font: 14px system-ui, sans-serif; fill: #1f2328 } .small { font-size: 12px; fill: #59636e } .name { font-weight: 600 }
    .host { fill: #f6f8fa; stroke: #d1d9e0 } .network { fill: none; stroke: #0969da; stroke-dasharray: 6 4 }
    .program { fill: #fff; stroke: #59636e } .label { fill: #0969da; font-size: 12px } path { fill: none; stroke: #59636e; stroke-width: 1.5 }
    marker path { fill: #59636e; stroke: none }
    @media (prefers-color-scheme: dark) {
      text { fill: #f0f6fc } .small { fill: #9198a1 } .host { fill: #151b23; stroke: #3d444d } .network { stroke: #4493f8 }
      .program { fill: #0d1117; stroke: #9198a1 } .label { fill: #4493f8 } path { stroke: #9198a1 } marker path { fill: #9198a1 }
    }
"""


class Drawing:
    def __init__(self, width, height):
        self.width, self.height, self.parts = width, height, []

    def box(self, kind, x, y, width, height, title, note=""):
        self.parts.append(f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{height}" rx="8"/>')
        if kind == "program":
            middle = x + width / 2
            self.text("name", middle, y + height / 2 + (-2 if note else 5), title, "middle")
            if note:
                self.text("small", middle, y + height / 2 + 16, note, "middle")
        else:
            self.text("label" if kind == "network" else "small", x + 12, y + 19, title)

    def text(self, kind, x, y, text, anchor="start"):
        self.parts.append(f'<text class="{kind}" x="{x}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>')

    def arrow(self, points, label="", at=None):
        line = " L ".join(f"{x} {y}" for x, y in points)
        self.parts.append(f'<path d="M {line}" marker-end="url(#head)"/>')
        if label:
            self.text("small", *(at or points[-1]), label, "middle")

    def svg(self, title):
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" role="img" aria-label="{escape(title)}">'
            f"<title>{escape(title)}</title><style>{STYLE}</style>"
            '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
            '<path d="M0 0 8 4 0 8z"/></marker></defs>\n' + "\n".join(self.parts) + "\n</svg>\n")


def programs(drawing):
    """What is the same everywhere: Discord, the server with gateway, socket and workers on their own network."""
    drawing.box("program", 20, 110, 110, 60, "Discord")
    drawing.box("network", 180, 50, 330, 180, "olim_default: out to Discord")
    drawing.box("program", 200, 90, 120, 60, "gateway", "one")
    drawing.box("program", 370, 90, 120, 60, "workers", "any number")
    drawing.arrow([(200, 130), (130, 130)])
    drawing.arrow([(320, 120), (370, 120)])
    drawing.text("small", 310, 174, "a socket in the volume queue", "middle")
    drawing.arrow([(430, 150), (430, 205), (75, 205), (75, 170)], "REST, TLS", (250, 199))


def same_network():
    drawing = Drawing(800, 270)
    drawing.box("host", 160, 10, 620, 250, "one server")
    programs(drawing)
    drawing.box("network", 355, 72, 405, 96, "")
    drawing.text("label", 640, 64, "coolify: of Coolify's resources", "middle")
    drawing.box("program", 620, 90, 120, 60, "PostgreSQL", "a resource")
    drawing.arrow([(490, 120), (620, 120)])
    return drawing.svg("Same network: workers are also on the network coolify, where PostgreSQL is")


def different_networks():
    drawing = Drawing(800, 270)
    drawing.box("host", 160, 10, 620, 250, "one server")
    programs(drawing)
    drawing.box("network", 355, 72, 405, 96, "")
    drawing.text("label", 640, 64, "DATABASE_NETWORK", "middle")
    drawing.box("program", 620, 90, 120, 60, "PostgreSQL", "a resource")
    drawing.arrow([(490, 120), (620, 120)])
    drawing.box("network", 540, 182, 220, 62, "coolify: nothing of Olim's")
    return drawing.svg("Different networks: workers join the network that DATABASE_NETWORK names; the gateway and the network coolify stay apart")


def another_server():
    drawing = Drawing(960, 270)
    drawing.box("host", 160, 10, 370, 250, "one server")
    programs(drawing)
    drawing.box("host", 720, 10, 220, 250, "another server")
    drawing.box("program", 770, 90, 120, 60, "PostgreSQL", "with a certificate")
    drawing.arrow([(490, 120), (770, 120)], "TLS, sslmode=verify-full", (625, 110))
    return drawing.svg("Another server: workers reach PostgreSQL over TLS and verify who it is")


def main():
    directory = pathlib.Path(__file__).parent.parent.parent / "docs" / "pictures"
    for name, drawing in {
        "same-network": same_network, "different-networks": different_networks, "another-server": another_server,
    }.items():
        path = directory / f"{name}.svg"
        path.write_text(drawing())
        print(f"drawn: {path.relative_to(directory.parent.parent)}")


main()
