internal import Shared

/// The page at `/` where `METRICS_LISTEN` is on: one file that asks nobody but the gateway for anything.
enum StatusPage {
    /// The page with its headers.
    static let page = HealthPage(
        type: "text/html; charset=utf-8", text: html,
        headers: [
            ("Content-Security-Policy", policy), ("Referrer-Policy", "no-referrer"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
        ])

    /// Nothing but the style and the script that are in the page, by their hashes, and questions to where it came from (CSP Level 3).
    static let policy = """
        default-src 'none'; style-src 'sha256-\(Digest.sha256Base64(style))'; \
        script-src 'sha256-\(Digest.sha256Base64(script))'; connect-src 'self'; img-src data:; \
        base-uri 'none'; form-action 'none'; frame-ancestors 'none'
        """

    private static let html = ###"""
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <title>Olim</title>
        <link rel="icon" href="data:,">
        <style>\###(style)</style>
        </head>
        <body>
        <main>
        <header><h1>Olim</h1><span class="about" id="about">asking the gateway</span><span class="live" id="live">live</span></header>
        <div id="verdict" role="status"><strong id="headline">…</strong><ul id="problems"></ul></div>
        <section class="tiles" id="tiles"></section>
        <section class="charts" id="charts"></section>
        <section class="card"><h2>Shards</h2><div class="wide" id="shards"></div></section>
        <section class="card"><h2>Workers</h2><div class="wide" id="workers"></div></section>
        <section class="card"><h2>Waiting, by key</h2><div class="wide" id="classes"></div></section>
        <footer>Asked every second; nothing leaves this page. <a href="/metrics">/metrics</a> <a href="/status.json">/status.json</a></footer>
        </main>
        <noscript>This page needs JavaScript; olimctl status shows the same.</noscript>
        <script>\###(script)</script>
        </body>
        </html>

        """###
}
