"""A program in a terminal of its own, and a picture of its screen: so much of a terminal as such programs use (ECMA-48)."""

import fcntl
import html
import json
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
import unicodedata

COLOURS = ["#1b222d", "#ff7b72", "#56d364", "#e3b341", "#79a8ff", "#d2a8ff", "#56d4dd", "#d0d7e2",
           "#6e7b8f", "#ffa198", "#7ee787", "#f2cc60", "#a5c8ff", "#e2c5ff", "#9be9f0", "#ffffff"]
SEQUENCE = re.compile(r"\x1b(?:\[([?>=]?)([0-9;]*)([@-~])|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()][A-Z0-9]|[=>78cM])")


class Terminal:
    def __init__(self, command, environment, directory, columns, rows):
        self.columns, self.rows = columns, rows
        self.clear()
        self.style, self.rest = {}, ""
        self.has_drawn = False
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, cwd=directory, start_new_session=True,
            env={**environment, "TERM": "xterm-256color", "LANG": "C.UTF-8", "COLUMNS": str(columns), "LINES": str(rows)})
        os.close(slave)

    def clear(self):
        self.cells = [[(" ", {})] * self.columns for _ in range(self.rows)]
        self.row = self.column = 0

    def run(self, seconds):
        """Reads what the program draws, for so long or until it ends."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            ready, _, _ = select.select([self.master], [], [], left)
            if not ready:
                break
            try:
                chunk = os.read(self.master, 65536)
            except OSError:
                # It has ended: whoever knows no such command says so and draws nothing.
                time.sleep(max(0, end - time.monotonic()))
                break
            self.take(self.rest + chunk.decode("utf-8", "replace"))
        self.has_drawn = self.process.poll() is None and any(c != " " for row in self.cells for c, _ in row)

    def end(self):
        self.process.kill()
        self.process.wait()
        os.close(self.master)

    def take(self, text):
        position = 0
        while position < len(text):
            if text[position] == "\x1b":
                found = SEQUENCE.match(text, position)
                if not found:
                    if len(text) - position < 32:
                        break
                    position += 1
                    continue
                if found.group(3) and not found.group(1):
                    self.control(found.group(3), [int(n or 0) for n in found.group(2).split(";")])
                elif found.group(1) == "?" and found.group(2) == "1049":
                    self.clear()
                position = found.end()
            else:
                self.write(text[position])
                position += 1
        self.rest = text[position:]

    def write(self, character):
        if character == "\n":
            self.row = min(self.row + 1, self.rows - 1)
        elif character == "\r":
            self.column = 0
        elif character >= " " and not unicodedata.combining(character) and self.column < self.columns:
            self.cells[self.row][self.column] = (character, dict(self.style))
            self.column += 1

    def control(self, final, numbers):
        first = numbers[0] if numbers else 0
        if final in "Hf":
            self.row = min(max(first, 1), self.rows) - 1
            self.column = min(max(numbers[1] if len(numbers) > 1 else 1, 1), self.columns) - 1
        elif final in "ABCD":
            step = max(first, 1)
            self.row = min(max(self.row + {"A": -step, "B": step}.get(final, 0), 0), self.rows - 1)
            self.column = min(max(self.column + {"C": step, "D": -step}.get(final, 0), 0), self.columns - 1)
        elif final == "G":
            self.column = min(max(first, 1), self.columns) - 1
        elif final == "J":
            below = range(self.row + 1, self.rows) if first == 0 else range(self.rows) if first in (2, 3) else []
            for row in below:
                self.cells[row] = [(" ", {})] * self.columns
            if first == 0:
                self.erase(self.column, self.columns)
        elif final == "K":
            self.erase(*{0: (self.column, self.columns), 1: (0, self.column + 1)}.get(first, (0, self.columns)))
        elif final == "m":
            self.paint(numbers)

    def erase(self, start, end):
        self.cells[self.row] = list(self.cells[self.row])
        self.cells[self.row][start:end] = [(" ", {})] * (end - start)

    def paint(self, numbers):
        rest = list(numbers)
        while rest:
            number = rest.pop(0)
            if number == 0:
                self.style = {}
            elif number in (1, 2, 3, 4, 7):
                self.style[{1: "bold", 2: "dim", 3: "italic", 4: "line", 7: "inverse"}[number]] = True
            elif number in (22, 23, 24, 27):
                for name in {22: ("bold", "dim"), 23: ("italic",), 24: ("line",), 27: ("inverse",)}[number]:
                    self.style.pop(name, None)
            elif number in (38, 48) and rest[:1] == [5]:
                self.style["ink" if number == 38 else "paper"] = self.palette(rest[1])
                rest = rest[2:]
            elif number in (38, 48) and rest[:1] == [2]:
                self.style["ink" if number == 38 else "paper"] = "#%02x%02x%02x" % tuple(rest[1:4])
                rest = rest[4:]
            elif number in (39, 49):
                self.style.pop("ink" if number == 39 else "paper", None)
            elif number // 10 in (3, 4, 9, 10) and number % 10 < 8:
                bright = 8 if number >= 90 else 0
                self.style["ink" if number // 10 in (3, 9) else "paper"] = COLOURS[number % 10 + bright]

    @staticmethod
    def palette(number):
        if number < 16:
            return COLOURS[number]
        if number >= 232:
            return "#" + f"{8 + (number - 232) * 10:02x}" * 3
        levels = [0, 95, 135, 175, 215, 255]
        return "#%02x%02x%02x" % tuple(levels[(number - 16) // step % 6] for step in (36, 6, 1))

    def draw(self, browser, file):
        """The screen as it is now, less the empty lines at its end."""
        lines = ["".join(self.span(*cell) for cell in row) for row in self.cells]
        while lines and not re.sub(r"<[^>]*>", "", lines[-1]).strip():
            lines.pop()
        page = ("<body style='margin:0;background:#0d1117'><pre id='screen' style='display:inline-block;margin:0;padding:18px 22px;"
                "font:15px/1.3 \"DejaVu Sans Mono\",monospace;color:#d0d7e2'>" + "\n".join(lines) + "</pre>")
        browser.open("about:blank", width=int(self.columns * 9.04) + 46, height=len(lines) * 20 + 40, scale=1)
        browser.value("document.open(), document.write(" + json.dumps(page) + "), document.close()")
        browser.wait("document.getElementById('screen') !== null")
        browser.picture(file)

    def span(self, character, style):
        if not style:
            return html.escape(character)
        ink, paper = style.get("ink", "#d0d7e2"), style.get("paper", "#0d1117")
        if style.get("inverse"):
            ink, paper = paper, ink
        css = f"color:{ink};background:{paper}"
        css += ";font-weight:bold" * ("bold" in style) + ";opacity:.6" * ("dim" in style)
        css += ";text-decoration:underline" * ("line" in style)
        return f"<span style='{css}'>{html.escape(character)}</span>"

