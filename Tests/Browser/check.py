"""Looks at the status page as a person would: light and dark, on a desk and on a phone. Prints what it found as one JSON object.

usage: check.py URL [STEP ...]   each STEP is a JavaScript expression that is waited for, in turn; after each a line is printed
"""

import json
import sys

from browser import Browser

FACTS = """({
  title: document.title,
  headline: document.getElementById("headline").textContent,
  problems: [...document.querySelectorAll("#problems li")].map(e => e.textContent),
  tiles: Object.fromEntries([...document.querySelectorAll(".tile")].map(e => [e.children[0].textContent, e.children[1].textContent])),
  shards: [...document.querySelectorAll("#shards tbody tr")].map(e => [...e.cells].map(c => c.textContent)),
  workers: [...document.querySelectorAll("#workers tbody tr")].map(e => [...e.cells].map(c => c.textContent)),
  charts: [...document.querySelectorAll("#charts svg")].map(e => [e.getAttribute("aria-label"),
    [...e.querySelectorAll("polyline")].map(l => l.getAttribute("points").split(" ").filter(Boolean).length)]),
  background: getComputedStyle(document.body).backgroundColor,
  wider: document.documentElement.scrollWidth - innerWidth,
  smallest: Math.min(...[...document.querySelectorAll("body *")].filter(e => e.children.length === 0 && e.textContent.trim() &&
    e.tagName !== "STYLE" && e.tagName !== "SCRIPT" && e.tagName !== "NOSCRIPT").map(e => parseFloat(getComputedStyle(e).fontSize))),
  forged: document.querySelectorAll("main b i, main td img, main td script").length,
})"""


def main():
    url, steps = sys.argv[1], sys.argv[2:]
    with Browser() as browser:
        browser.open(url)
        for number, step in enumerate(steps):
            browser.wait(step)
            print(f"step {number}", flush=True)
        found = {"light": browser.value(FACTS)}
        browser.open(url, dark=True)
        browser.wait("document.querySelectorAll('.tile').length > 0")
        found["dark"] = browser.value(FACTS)
        browser.open(url, width=360, height=720, scale=2, phone=True)
        browser.wait("document.querySelectorAll('.tile').length > 0")
        found["phone"] = browser.value(FACTS)
        # What the page may not do: its policy, not its good will.
        found["outside"] = browser.value(
            "fetch('https://example.invalid/').then(() => 'it went through', e => 'refused')")
        found["inline"] = browser.value(
            "new Promise(done => { const s = document.createElement('script'); s.textContent = 'window.ran = 1';"
            " document.body.append(s); setTimeout(() => done(window.ran === undefined ? 'refused' : 'it ran'), 0) })")
        found["requested"] = sorted(set(browser.requested()))
        found["complaints"] = [c for c in browser.complaints() if "Content Security Policy" not in c and "example.invalid" not in c]
    print(json.dumps(found))


main()
