import Shared
import TestKit
import Testing

@testable import ControlTool

@Suite struct TopTests {
    private static let status: JSON = [
        "version": "0.1.0", "uptime_s": 61,
        "shards": [
            ["id": 0, "state": "ready", "seq": 1, "latency_ms": 30, "idle_ms": 5], ["id": 1, "state": "resuming"],
        ],
        "queue": ["depth": 4, "oldest_ms": 1500, "in_flight": 1, "bytes": 2048],
        "workers": [["name": "w1", "version": "0.1.0", "capacity": 256, "in_flight": 1, "acked": 9]],
        "counters": ["received": 100, "acked": 90],
    ]

    private func plain(_ lines: [String]) -> [String] {
        lines.map { $0.replacing(/\u{1B}\[[0-9]+m/, with: "") }
    }

    @Test(arguments: [
        ([0, 4, 8], 3, "▁▅█"), ([1, 1], 4, "  ██"), ([0, 0], 2, "▁▁"), ([3, 2, 1], 2, "█▅"), ([], 2, "  "),
        ([1], 0, ""),
    ])
    func `a sparkline is as wide as asked, the newest at the right`(samples: [Double], width: Int, text: String) {
        #expect(Sparkline.text(samples, width: width) == text)
    }

    @Test func `what is not known is blank`() {
        #expect(Sparkline.text([nil, 1, nil, 2], width: 4) == " ▅ █")
    }

    @Test func `rates come from two statuses in a row, and not over the gateway's restart`() {
        var history = TopHistory()
        func add(_ received: Int, _ acknowledged: Int, at time: Double) {
            history.add(["counters": ["received": .integer(received), "acked": .integer(acknowledged)]], at: time)
        }
        add(100, 90, at: 0)
        add(120, 100, at: 2)
        add(5, 1, at: 3)
        add(8, 4, at: 4)
        history.addGap()
        add(9, 9, at: 6)
        #expect(history.samples.map(\.received) == [nil, 10, nil, 3, nil, nil])
        #expect(history.samples.map(\.acknowledged) == [nil, 5, nil, 3, nil, nil])
    }

    @Test(arguments: [(120, 40), (80, 24), (40, 12), (20, 5), (1, 1)])
    func `every line fits, and there are as many as rows`(columns: Int, rows: Int) {
        var history = TopHistory()
        history.add(Self.status, at: 0)
        let lines = plain(
            TopScreen.lines(
                status: Self.status, failure: "gone", history: history,
                size: TopScreen.Size(columns: columns, rows: rows)))
        #expect(lines.count == max(2, rows))
        #expect(lines.allSatisfy { $0.count <= columns })
    }

    @Test func `what is wrong comes first, then the charts, then the tables`() throws {
        var history = TopHistory()
        history.add(Self.status, at: 0)
        let lines = plain(
            TopScreen.lines(
                status: Self.status, failure: nil, history: history, size: TopScreen.Size(columns: 60, rows: 30)))
        #expect(lines[0] == "olim-gateway 0.1.0, up 1 min 1 s: 1 thing to look at")
        #expect(lines[1] == "  ✗ shard 1 is resuming")
        let oldest = try #require(lines.first { $0.hasPrefix("oldest") })
        #expect(oldest.hasPrefix("oldest    1 s") && oldest.hasSuffix("█"))
        #expect(lines.contains { $0.contains("w1") && $0.contains("1 of 256") })
        #expect(lines.last == "q quits")
    }
}

/// In a real pseudo-terminal, which `script` (util-linux) makes.
@Suite(.timeLimit(.minutes(2))) struct TopTerminalTests {
    @Test(arguments: ["q", "\u{3}"])
    func `it draws, ends with a key, and leaves the terminal as it was`(key: String) async throws {
        let directory = try TemporaryDirectory()
        let gateway = try ScriptedGateway(
            at: directory.path("control.sock"),
            ["status": .result(#""status":{"version":"0.1.0","shards":[],"workers":[]}"#)])
        let process = try ChildProcess(
            "/usr/bin/script",
            ["-qfec", "exec \(BuildDirectory.executable("olimctl")) top --socket \(gateway.path)", "/dev/null"],
            environment: ["TERM": "xterm"], in: directory.path)
        _ = try await process.waitForLine(containing: "olim-gateway 0.1.0")
        try process.send(key)
        let exit = try await process.waitForTermination()
        #expect(exit == .exited(0))
        let output = process.lines().joined(separator: "\n")
        #expect(output.contains("\u{1B}[?1049h") && output.contains("\u{1B}[?1049l"))
        #expect(output.contains("no worker is connected"))
    }
}
