import Logging
import NIOCore
import Testing

@testable import Shared

@Suite struct LogFormattingTests {
    private func entry(
        _ level: Logger.Level = .info, _ message: String = "Session resumed", metadata: Logger.Metadata = [:],
        error: String? = nil
    ) -> LogEntry {
        LogEntry(
            level: level, label: "olim-gateway", message: message, metadata: metadata, error: error,
            time: 1_764_000_000_123_456)
    }

    private func line(_ formatting: LogFormatting, _ entry: LogEntry) -> String {
        String(buffer: formatting.record(entry).bytes)
    }

    @Test func `text is one readable line with its time in UTC`() {
        #expect(
            line(.text, entry(metadata: ["shard": "0", "host": "a b", "note": ""], error: "it broke"))
                == "2025-11-24T16:00:00.123Z INFO     olim-gateway: Session resumed host=\"a b\" note=\"\" shard=0 error=\"it broke\"\n"
        )
    }

    @Test func `json is one object a line`() throws {
        let text = line(
            .json,
            entry(
                .warning, "a \"b\"\n\u{1B}", metadata: ["shard": "0", "list": ["1", ["x": "y"]]], error: "e\u{2028}"))
        #expect(
            text
                == #"{"time":"2025-11-24T16:00:00.123Z","level":"warning","logger":"olim-gateway","message":"a \"b\"\n\u001b","#
                + "\"error\":\"e\u{2028}\"," + #""metadata":{"list":["1",{"x":"y"}],"shard":"0"}}"# + "\n")
        #expect(throws: Never.self) { try JSONParser().parse(text) }
    }

    @Test func `systemd's prefix is the priority`() {
        let prefixes = Logger.Level.allCases.map { line(.prefixed, entry($0, "x")) }
        #expect(prefixes == [7, 7, 6, 5, 4, 3, 2].map { "<\($0)>olim-gateway: x\n" })
    }

    @Test func `a terminal gets colours if it wants them, and the time of day`() throws {
        let plain = line(.terminal(isColoured: false), entry())
        #expect(plain.wholeMatch(of: /\d\d:\d\d:00\.123 INFO     olim-gateway: Session resumed\n/) != nil)
        let coloured = line(.terminal(isColoured: true), entry(.error))
        #expect(coloured.contains("\u{1B}[1;31mERROR   \u{1B}[0m"))
        #expect(coloured.replacing(/\u{1B}\[[0-9;]*m/, with: "") == plain.replacing("INFO ", with: "ERROR"))
    }

    @Test(arguments: [LogFormatting.text, .prefixed, .json, .terminal(isColoured: false)])
    func `nothing that is logged can forge a line or reach a terminal's controls`(formatting: LogFormatting) {
        let nasty = "x\nINFO olim: forged\r\u{1B}[2J\u{0}\u{85}\u{2028}"
        let text = line(formatting, entry(.info, nasty, metadata: ["a\nb": .string(nasty)], error: nasty))
        #expect(text.hasSuffix("\n") && text.utf8.filter { $0 == 0x0A }.count == 1)
        #expect(!text.utf8.dropLast().contains { $0 < 0x20 })
    }

    @Test(arguments: [
        (0, "1970-01-01T00:00:00.000Z"), (-1, "1969-12-31T23:59:59.999Z"),
        (951_782_400_000_000, "2000-02-29T00:00:00.000Z"),
        (253_402_300_799_999_999, "9999-12-31T23:59:59.999Z"),
    ])
    func `times are written as RFC 3339`(microseconds: Int64, text: String) {
        var buffer = ByteBuffer()
        buffer.writeTimestamp(microseconds)
        #expect(String(buffer: buffer) == text)
    }
}
