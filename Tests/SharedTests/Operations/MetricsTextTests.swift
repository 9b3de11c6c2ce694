import Shared
import TestKit
import Testing

struct MetricsTextTests {
    @Test func `a page is written as Prometheus reads it`() throws {
        var text = MetricsText()
        text.counter("olim_events_total", "Events.", 3)
        text.gauge("olim_age_seconds", "Ages.", [.init(["shard": "0"], 0.25), .init(["shard": "1"], 2.0)])
        text.gauge("olim_unknown", "Not known.", nil as Int?)
        #expect(
            text.text == """
                # HELP olim_events_total Events.
                # TYPE olim_events_total counter
                olim_events_total 3
                # HELP olim_age_seconds Ages.
                # TYPE olim_age_seconds gauge
                olim_age_seconds{shard="0"} 0.25
                olim_age_seconds{shard="1"} 2
                # HELP olim_unknown Not known.
                # TYPE olim_unknown gauge

                """)
        #expect(try MetricsPage(text.text).values("olim_age_seconds", ["shard": "1"]) == [2])
    }

    @Test func `whatever a label contains comes back`() throws {
        let odd = "a\\n\"b\"\nc \u{1F600} }{,="
        var text = MetricsText()
        text.gauge("olim_x", "A back\\slash and\na line.", [.init(["name": odd, "other": ""], 1)])
        #expect(text.text.split(separator: "\n").count == 3)
        let page = try MetricsPage(text.text)
        #expect(page.families.first?.samples.first?.labels == ["name": odd, "other": ""])
    }

    @Test func `a histogram's buckets add up`() throws {
        var times = Histogram(bounds: [0.1, 1])
        for time in [0.05, 0.1, 0.5, 7] { times.add(time) }
        var text = MetricsText()
        text.histogram("olim_time_seconds", "Times.", times)
        let page = try MetricsPage(text.text)
        #expect(page.values("olim_time_seconds_bucket", ["le": "0.1"]) == [2])
        #expect(page.values("olim_time_seconds_bucket", ["le": "1"]) == [3])
        #expect(page.values("olim_time_seconds_bucket", ["le": "+Inf"]) == [4])
        #expect(page.values("olim_time_seconds_count") == [4] && page.values("olim_time_seconds_sum") == [7.65])
    }

    @Test(arguments: [
        "olim_x 1\n", "# HELP olim_x X.\nolim_x 1\n", "# HELP olim_x X.\n# TYPE olim_x gauge\nolim_y 1\n",
        "# HELP olim_x X.\n# TYPE olim_x gauge\nolim_x 1", "# HELP olim_x X.\n# TYPE olim_x gauge\nolim_x NaN\n",
        "# HELP olim_x X.\n# TYPE olim_x counter\nolim_x 1\n",
        "# HELP olim_x_ms X.\n# TYPE olim_x_ms gauge\nolim_x_ms 1\n",
        "# HELP olim_x X.\n# TYPE olim_x gauge\nolim_x{a=\"1\"} 1\nolim_x{a=\"1\"} 2\n",
        "# HELP olim_x X.\n# TYPE olim_x gauge\nolim_x{a=\"1} 1\n",
        "# HELP olim_x X.\n# TYPE olim_x gauge\nolim_x{a=\"\\t\"} 1\n",
    ])
    func `the reader objects`(text: String) {
        #expect(throws: MetricsPage.Fault.self) { try MetricsPage(text) }
    }

    @Test func `a process knows what it uses`() throws {
        let usage = ProcessUsage.now()
        #expect(usage.residentBytes > 1 << 20 && usage.virtualBytes > usage.residentBytes)
        #expect(usage.openFiles > 2 && usage.openFiles < usage.maximumFiles)
        let age = Double(ProcessClock.wallMicroseconds) / 1e6 - usage.startSeconds
        #expect(age > 0 && age < 3600, "\(age) s old")
        var spent = usage.processorSeconds
        // Whatever else it does meanwhile, it spends time here.
        try spin(until: { ProcessUsage.now().processorSeconds > usage.processorSeconds }, &spent)
        #expect(spent > usage.processorSeconds)
    }

    private func spin(until isDone: () -> Bool, _ spent: inout Double) throws {
        let deadline = ContinuousClock.now + .seconds(10)
        while !isDone() { try #require(ContinuousClock.now < deadline) }
        spent = ProcessUsage.now().processorSeconds
    }

    @Test func `what is found is kept for a while, and found once for many who ask`() async {
        let calls = Counter()
        let recent = Recent(for: .seconds(60)) { await calls.next() }
        await withTaskGroup(of: Int.self) { group in
            for _ in 0..<20 { group.addTask { await recent.value() } }
            for await value in group { #expect(value == 1) }
        }
        let short = Recent(for: .zero) { await calls.next() }
        #expect(await short.value() == 2)
        #expect(await short.value() == 3)
    }

    private actor Counter {
        private var count = 0

        func next() -> Int {
            count += 1
            return count
        }
    }
}
