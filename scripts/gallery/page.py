"""A message as it looks in Discord, nearly: one HTML page for each."""

import base64
import html
import re
import time

STYLE = """
* { box-sizing: border-box; margin: 0 }
body { background: #313338; color: #dbdee1; font: 16px/1.375 "DejaVu Sans", "Noto Color Emoji", sans-serif; padding: 16px;
  width: 640px }
.row { display: flex; gap: 16px }
.face { width: 40px; height: 40px; border-radius: 50%; background: #5b8c5a; color: #fff; flex: none; text-align: center;
  line-height: 40px; font-weight: bold; font-size: 18px }
.face.other { background: #5865f2 }
.who { font-weight: 600; color: #f2f3f5 } .bot { background: #5865f2; color: #fff; font-size: 10px; padding: 1px 5px;
  border-radius: 3px; margin-left: 4px; vertical-align: 2px }
.when { color: #949ba4; font-size: 12px; margin-left: 8px }
.call { color: #949ba4; font-size: 13px; margin: 0 0 6px 56px } .call b { color: #c9cdfb; font-weight: 500 }
.typed { margin-bottom: 14px }
.mention { background: #3c4270; color: #c9cdfb; border-radius: 3px; padding: 0 2px }
code { background: #2b2d31; border-radius: 4px; padding: 1px 4px; font: 13px "DejaVu Sans Mono", monospace }
.embed { background: #2b2d31; border-left: 4px solid; border-radius: 4px; padding: 12px 16px; margin-top: 6px; width: 520px }
.embed code { background: #1e1f22 } .embed h3 { font-size: 16px; color: #f2f3f5; margin-bottom: 6px }
.embed .text { font-size: 14px; white-space: pre-wrap }
.fields { display: grid; grid-template-columns: repeat(3, 1fr); gap: 8px; margin-top: 8px; font-size: 14px }
.field.wide { grid-column: 1 / -1 } .field b { display: block; color: #f2f3f5; font-size: 14px }
.embed img { max-width: 100%; border-radius: 4px; margin-top: 12px; display: block }
.footer { font-size: 12px; margin-top: 8px; color: #b5bac1 }
.buttons { margin-top: 8px; display: flex; gap: 8px }
.button { background: #4e5058; color: #fff; border-radius: 4px; padding: 6px 16px; font-size: 14px } .button.s4 { background: #da373c }
.button.s1 { background: #5865f2 } .button.off { opacity: .5 }
.file { background: #2b2d31; border: 1px solid #232428; border-radius: 6px; padding: 10px 14px; margin-top: 6px; width: 360px;
  color: #00a8fc; font-size: 14px }
.only { color: #949ba4; font-size: 12px; margin-top: 6px }
.modal { background: #313338; border: 1px solid #232428; border-radius: 8px; width: 440px; padding: 16px; margin: auto;
  box-shadow: 0 4px 20px #0006 } .modal h2 { font-size: 20px; color: #f2f3f5; margin-bottom: 12px }
.modal label { font-size: 12px; font-weight: 700; color: #b5bac1; display: block; margin-bottom: 6px }
.modal .area { background: #1e1f22; border-radius: 4px; height: 90px } .content { white-space: pre-wrap }
.choices { background: #2b2d31; border-radius: 6px; padding: 8px; width: 420px } .choices div { padding: 6px 8px; font-size: 14px }
.choices div:first-child { background: #404249; border-radius: 4px }
"""


class Page:
    def __init__(self, users, channels):
        self.users, self.channels = users, channels

    def text(self, text):
        """The part of Discord's Markdown that the bot uses."""
        kept = []

        def keep(markup):
            kept.append(markup)
            return f"\0{len(kept) - 1}\0"

        text = re.sub(r"`([^`]+)`", lambda m: keep(f"<code>{html.escape(m[1])}</code>"), text)
        text = re.sub(r"<@!?(\d+)>", lambda m: keep(
            f'<span class="mention">@{html.escape(self.users.get(m[1], "somebody"))}</span>'), text)
        text = re.sub(r"<#(\d+)>", lambda m: keep(
            f'<span class="mention">#{html.escape(self.channels.get(m[1], "channel"))}</span>'), text)
        text = re.sub(r"<t:(\d+):R>", lambda m: keep(html.escape(self.relative(int(m[1])))), text)
        text = re.sub(r"<t:(\d+)(?::\w)?>", lambda m: keep(
            time.strftime("%d %B %Y %H:%M", time.gmtime(int(m[1])))), text)
        text = re.sub(r"\\([^\w\s])", lambda m: keep(html.escape(m[1])), text)
        text = html.escape(text)
        text = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", text)
        text = re.sub(r"\*(.+?)\*", r"<i>\1</i>", text)
        while "\0" in text:
            text = re.sub("\0(\\d+)\0", lambda m: kept[int(m[1])], text)
        return text

    @staticmethod
    def relative(moment):
        seconds = moment - time.time()
        for size, name in ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
            count = round(abs(seconds) / size)
            if count >= 1:
                words = f"{count} {name}{'s' if count > 1 else ''}"
                return f"in {words}" if seconds > 0 else f"{words} ago"
        return "now"

    def message(self, call, message, files, typed=None, author="mira"):
        parts = []
        if typed:
            parts.append(f'<div class="row typed"><div class="face other">{author[0].upper()}</div><div><span class="who">'
                         f'{author}</span><span class="when">today at 12:00</span><div>{html.escape(typed)}</div></div></div>')
        if call:
            parts.append(f'<div class="call"><b>{author}</b> used <b>{html.escape(call)}</b></div>')
        body = []
        if message.get("content"):
            body.append(f'<div class="content">{self.text(message["content"])}</div>')
        body += [self.embed(embed, files) for embed in message.get("embeds") or []]
        shown = {(embed.get("image") or {}).get("url", "").removeprefix("attachment://")
                 for embed in message.get("embeds") or []}
        body += [f'<div class="file">📄 {html.escape(name)} <small>({len(content):,} bytes)</small></div>'
                 for name, content in files.items() if name not in shown]
        for row in message.get("components") or []:
            buttons = "".join(
                f'<span class="button s{item["style"]}{" off" if item.get("disabled") else ""}">'
                f'{html.escape(item["label"])}</span>' for item in row["components"])
            body.append(f'<div class="buttons">{buttons}</div>')
        if message.get("flags", 0) & 64:
            body.append('<div class="only">👁 Only you can see this · Dismiss message</div>')
        parts.append('<div class="row"><div class="face">O</div><div><span class="who">Olim</span><span class="bot">APP</span>'
                     f'<span class="when">today at 12:00</span>{"".join(body)}</div></div>')
        return self.document("".join(parts))

    def embed(self, embed, files):
        parts = []
        if embed.get("title"):
            parts.append(f'<h3>{self.text(embed["title"])}</h3>')
        if embed.get("description"):
            parts.append(f'<div class="text">{self.text(embed["description"])}</div>')
        if embed.get("fields"):
            fields = "".join(
                f'<div class="field{"" if field.get("inline") else " wide"}"><b>{self.text(field["name"])}</b>'
                f'{self.text(field["value"])}</div>' for field in embed["fields"])
            parts.append(f'<div class="fields">{fields}</div>')
        name = (embed.get("image") or {}).get("url", "").removeprefix("attachment://")
        if name in files:
            data = base64.b64encode(files[name]).decode()
            parts.append(f'<img src="data:image/png;base64,{data}">')
        if embed.get("footer"):
            parts.append(f'<div class="footer">{html.escape(embed["footer"]["text"])}</div>')
        return f'<div class="embed" style="border-color:#{embed.get("color", 0):06x}">{"".join(parts)}</div>'

    def modal(self, modal):
        fields = "".join(
            f'<label>{html.escape(item["label"].upper())}</label><div class="area"></div>'
            for row in modal["components"] for item in row["components"])
        return self.document(
            f'<div class="modal"><h2>{html.escape(modal["title"])}</h2>{fields}<div class="buttons" style="justify-content:end">'
            '<span class="button">Cancel</span><span class="button s1">Submit</span></div></div>')

    def choices(self, typed, choices):
        lines = "".join(f'<div>{html.escape(choice["name"])}</div>' for choice in choices[:8])
        return self.document(f'<div class="call" style="margin-left:0">{html.escape(typed)}</div><div class="choices">{lines}</div>')

    @staticmethod
    def document(body):
        return f'<!doctype html><meta charset="utf-8"><style>{STYLE}</style><body>{body}</body>'
