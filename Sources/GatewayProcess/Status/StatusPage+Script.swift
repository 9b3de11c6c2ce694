/// What keeps the page up to date. It asks `/status.json` each second, and nobody else anything.
extension StatusPage {
    static let script = ###"""
        "use strict";
        const KEPT = 300; // samples of about one second
        const samples = [];
        let failedSince = null;

        const byId = id => document.getElementById(id);

        // Everything shown goes through textContent: a worker's name is its own choice.
        function make(tag, text, cls) {
          const element = document.createElement(tag);
          if (text !== undefined) element.textContent = text;
          if (cls) element.className = cls;
          return element;
        }
        function svg(tag, attributes) {
          const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
          for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
          return element;
        }

        const count = n => n == null ? "–" : Math.round(n).toLocaleString("en");
        const rate = n => n == null ? "–" : n < 10 ? n.toFixed(1) : count(n);
        function span(ms) {
          if (ms == null) return "–";
          if (ms < 1000) return Math.round(ms) + " ms";
          const s = Math.floor(ms / 1000);
          const rest = (value, unit) => value ? " " + value + " " + unit : "";
          if (s < 60) return s + " s";
          if (s < 3600) return Math.floor(s / 60) + " min" + rest(s % 60, "s");
          if (s < 86400) return Math.floor(s / 3600) + " h" + rest(Math.floor(s % 3600 / 60), "min");
          return Math.floor(s / 86400) + " d" + rest(Math.floor(s % 86400 / 3600), "h");
        }
        function size(bytes) {
          let value = bytes || 0, unit = 0;
          while (value >= 1024 && unit < 4) { value /= 1024; unit += 1; }
          return (unit ? value.toFixed(1) : value) + " " + ["B", "KiB", "MiB", "GiB", "TiB"][unit];
        }

        // Over the last few samples, so that one poll more or less does not make it jump. A gateway that began anew begins at 0.
        function perSecond(name, at = samples.length - 1) {
          const last = samples[at], first = samples[Math.max(0, at - 4)];
          if (!last || last.t === first.t) return null;
          const change = last[name] - first[name];
          return change < 0 ? null : change / (last.t - first.t) * 1000;
        }

        function table(target, heads, rows, none) {
          const place = byId(target);
          if (!rows.length) return place.replaceChildren(make("span", none, "none"));
          const result = make("table"), head = result.createTHead().insertRow(), body = result.createTBody();
          for (const [title, cls] of heads) head.append(make("th", title, cls));
          for (const cells of rows) {
            const row = body.insertRow();
            cells.forEach((cell, index) => {
              const place = make("td", cell instanceof Node ? "" : cell.text ?? cell, cell.cls ?? heads[index][1]);
              if (cell instanceof Node) place.append(cell);
              row.append(place);
            });
          }
          place.replaceChildren(result);
        }

        function chart(title, series, shown) {
          const card = make("div", undefined, "card");
          card.append(make("h2", title));
          const box = svg("svg", { viewBox: "0 0 300 100", preserveAspectRatio: "none", role: "img", "aria-label": title });
          for (const y of [0.5, 33, 66, 99.5]) box.append(svg("line", { class: "grid", x1: 0, x2: 300, y1: y, y2: y }));
          const all = series.flatMap(line => line.values).filter(value => value != null);
          const top = Math.max(1, ...all) * 1.1;
          series.forEach((line, index) => {
            const points = line.values.map((value, i) => value == null ? null :
              (300 - (line.values.length - 1 - i) * 300 / (KEPT - 1)).toFixed(1) + "," + (100 - value / top * 100).toFixed(1));
            box.append(svg("polyline", { class: "s" + index % 3, points: points.filter(Boolean).join(" ") }));
          });
          card.append(box);
          const legend = make("div", undefined, "legend");
          series.forEach((line, index) => {
            const last = line.values.filter(value => value != null).at(-1);
            legend.append(make("span", "● " + line.name + " " + shown(last), "k" + index % 3));
          });
          legend.append(make("span", "5 minutes, up to " + shown(all.length ? Math.max(...all) : null)));
          card.append(legend);
          return card;
        }

        function extreme(choose, values) {
          const known = values.filter(value => value != null);
          return known.length ? choose(...known) : null;
        }

        function showVerdict(status) {
          const { failures, warnings } = status.problems;
          byId("verdict").className = failures.length ? "bad" : warnings.length ? "warn" : "";
          const found = failures.length + warnings.length;
          byId("headline").textContent = found === 0 ? "All is well" : found === 1 ? "1 thing to look at" : found + " things to look at";
          byId("problems").replaceChildren(
            ...failures.map(text => make("li", text, "failure")), ...warnings.map(text => make("li", text, "warning")));
          document.title = (failures.length ? "✗ " : warnings.length ? "! " : "✓ ") + "Olim";
        }

        function showTiles(status) {
          const queue = status.queue, tiles = [
            ["received / s", rate(perSecond("received"))], ["finished / s", rate(perSecond("acked"))],
            ["unfinished", count(queue.depth)], ["the oldest waits", span(queue.oldest_ms)],
            ["backlog", size(queue.bytes)], ["dead letters", count(queue.dead_letters), queue.dead_letters > 0],
            ["identifies left", count(status.counters.identifies_remaining)],
          ];
          byId("tiles").replaceChildren(...tiles.map(([title, value, isBad]) => {
            const tile = make("div", undefined, isBad ? "tile bad" : "tile");
            tile.append(make("span", title), make("b", value));
            return tile;
          }));
        }

        function showCharts(status) {
          const shards = status.shards.length;
          const latency = shards <= 3
            ? status.shards.map((shard, index) => ({ name: "shard " + shard.id, values: samples.map(s => s.latency[index]) }))
            : [{ name: "slowest", values: samples.map(s => extreme(Math.max, s.latency)) },
               { name: "quickest", values: samples.map(s => extreme(Math.min, s.latency)) }];
          byId("charts").replaceChildren(
            chart("Events per second", [
              { name: "received", values: samples.map((_, i) => perSecond("received", i)) },
              { name: "finished", values: samples.map((_, i) => perSecond("acked", i)) }], rate),
            chart("Unfinished: waiting or in flight", [{ name: "events", values: samples.map(s => s.depth) }], count),
            chart("Discord's answer to a heartbeat", latency, span));
        }

        function showShards(status) {
          const kind = state => state === "ready" ? "good" : state === "closed" ? "bad" : "warn";
          if (status.shards.length > 16) {
            const cells = make("div", undefined, "cells");
            for (const shard of status.shards) {
              const cell = make("i", undefined, kind(shard.state));
              cell.title = "shard " + shard.id + ": " + shard.state;
              cells.append(cell);
            }
            const ready = status.shards.filter(shard => shard.state === "ready").length;
            return byId("shards").replaceChildren(make("p", ready + " of " + status.shards.length + " are ready"), cells);
          }
          table("shards", [["id"], ["state"], ["sequence", "n"], ["heartbeat", "n"], ["last heard", "n"], ["last event", "n"]],
            status.shards.map(shard => ["" + shard.id, { text: shard.state, cls: kind(shard.state) }, count(shard.seq),
              span(shard.latency_ms), shard.idle_ms == null ? "–" : span(shard.idle_ms) + " ago",
              shard.seq_age_ms == null ? "–" : span(shard.seq_age_ms) + " ago"]), "no shard is running");
        }

        function showWorkers(status) {
          table("workers", [["name"], ["version"], ["in flight"], ["finished", "n"], ["database"], [""]],
            status.workers.map(worker => {
              const load = make("span"), meter = make("meter");
              meter.max = worker.capacity;
              meter.value = worker.in_flight;
              load.append(meter, worker.in_flight + " of " + worker.capacity);
              const database = worker.database;
              return [worker.name, worker.version, load, count(worker.acked),
                database ? { text: database.engine + (database.ok ? "" : " (down)"), cls: database.ok ? "good" : "bad" } : "–",
                worker.draining ? "draining" : ""];
            }), "no worker is connected");
        }

        function showClasses(status) {
          const classes = Object.entries(status.queue.classes).filter(([, contents]) => contents.depth > 0);
          table("classes", [["class"], ["events", "n"], ["oldest", "n"]],
            classes.map(([name, contents]) => [name, count(contents.depth), span(contents.oldest_ms)]), "nothing waits");
        }

        function show(status) {
          samples.push({ t: performance.now(), received: status.counters.received, acked: status.counters.acked,
            depth: status.queue.depth, latency: status.shards.map(shard => shard.latency_ms ?? null) });
          if (samples.length > KEPT) samples.shift();
          byId("about").textContent = "gateway " + status.version + ", up " + span(status.uptime_s * 1000);
          byId("live").textContent = "live, " + new Date().toLocaleTimeString("en-GB");
          showVerdict(status); showTiles(status); showCharts(status); showShards(status); showWorkers(status); showClasses(status);
        }

        async function poll() {
          try {
            const answer = await fetch("/status.json", { cache: "no-store", signal: AbortSignal.timeout(5000) });
            if (!answer.ok) throw new Error("status " + answer.status);
            const status = await answer.json();
            failedSince = null;
            document.body.classList.remove("stale");
            show(status);
          } catch (error) {
            failedSince ??= performance.now();
            document.body.classList.add("stale");
            byId("verdict").className = "bad";
            byId("headline").textContent = "The gateway has not answered for " + span(performance.now() - failedSince + 1000);
            byId("problems").replaceChildren();
            byId("live").textContent = "not live";
            document.title = "✗ Olim";
          }
          setTimeout(poll, 1000);
        }
        poll();
        """###
}
