import Glibc
import Logging
import NIOCore
import TestKit
import Testing

@testable import Shared

/// systemd's journal as its protocol describes it (systemd.io/JOURNAL_NATIVE_PROTOCOL), at a real socket.
@Suite struct JournalSocketTests {
    /// A socket where journald would have its.
    private final class Journald {
        let directory: TemporaryDirectory
        let path: String
        private let descriptor: CInt

        init() throws {
            directory = try TemporaryDirectory()
            path = directory.path("journal.sock")
            descriptor = socket(AF_UNIX, CInt(SOCK_DGRAM.rawValue), 0)
            var address = try #require(UnixSocket.address(of: path))
            let bound = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
            try #require(bound == 0)
        }

        deinit { close(descriptor) }

        /// The next entry's fields, in order. It waits for no longer than ten seconds.
        func entry() throws -> [(name: String, value: String)] {
            var poller = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            try #require(poll(&poller, 1, 10_000) == 1, "no entry came")
            var bytes = [UInt8](repeating: 0, count: 1 << 20)
            let count = recv(descriptor, &bytes, bytes.count, 0)
            var buffer = ByteBuffer(bytes: bytes[..<max(0, count)])
            var fields: [(String, String)] = []
            while buffer.readableBytes > 0 {
                let end = try #require(buffer.readableBytesView.firstIndex { [0x3D, 0x0A].contains($0) })
                let name = buffer.readString(length: end - buffer.readerIndex)
                let value: String?
                if buffer.readInteger(as: UInt8.self) == 0x3D {
                    let lineEnd = try #require(buffer.readableBytesView.firstIndex(of: 0x0A))
                    value = buffer.readString(length: lineEnd - buffer.readerIndex)
                } else {
                    let length = buffer.readInteger(endianness: .little, as: UInt64.self)
                    value = buffer.readString(length: Int(try #require(length)))
                }
                fields.append((try #require(name), try #require(value)))
                #expect(buffer.readInteger(as: UInt8.self) == 0x0A)
            }
            return fields
        }
    }

    @Test func `an entry arrives with its fields`() throws {
        let journald = try Journald()
        let journal = try #require(JournalSocket(path: journald.path))
        let output = LogOutput(.journal, write: journal.send)
        let logger = Logger(label: "olim-gateway") { OutputLogHandler(label: $0, level: .trace, output: output) }

        logger.error("two\nlines", metadata: ["event": "17", "größe=": "=", "list": ["a", "b"]])
        output.flush()
        let fields = try journald.entry()
        #expect(
            fields.map(\.name) == [
                "MESSAGE", "PRIORITY", "SYSLOG_IDENTIFIER", "OLIM_LEVEL", "OLIM_EVENT", "OLIM_GR__SSE_", "OLIM_LIST",
            ])
        #expect(
            fields.map(\.value) == ["two\nlines", "3", "olim-gateway", "error", "17", "=", #"["a", "b"]"#])
    }

    @Test func `one entry, one datagram, however long`() throws {
        let journald = try Journald()
        let journal = try #require(JournalSocket(path: journald.path))
        let output = LogOutput(.journal, write: journal.send)
        let logger = Logger(label: "x") { OutputLogHandler(label: $0, level: .trace, output: output) }
        let long = String(repeating: "x", count: 1 << 18)
        logger.info("\(String(repeating: "ä", count: 100_000))", metadata: ["long": "\(long)"])
        logger.info("next")
        output.flush()
        let entry = try journald.entry()
        #expect(entry.first?.value.utf8.count == 16 << 10 && entry.last?.value.utf8.count == 16 << 10)
        #expect(try journald.entry().first?.value == "next")
    }

    @Test func `where there is no journal, or no more, nothing breaks`() throws {
        let journald = try Journald()
        #expect(JournalSocket(path: journald.directory.path("other.sock")) == nil)
        let journal = try #require(JournalSocket(path: journald.path))
        unlink(journald.path)
        journal.send([
            LogFormatting.journal.record(
                LogEntry(level: .info, label: "x", message: "y", metadata: [:], error: nil, time: 0))
        ])
    }
}
