import Dispatch
import Logging
import NIOCore
import Synchronization
import Testing

@testable import Shared

@Suite struct LogOutputTests {
    private final class Lines: Sendable {
        private let storage = Mutex<[String]>([])
        var all: [String] { storage.withLock { $0 } }

        func write(_ records: [LogRecord]) {
            storage.withLock { $0 += records.map { String(buffer: $0.bytes) } }
        }
    }

    private func logger(_ output: LogOutput, level: Logger.Level = .info) -> Logger {
        Logger(label: "test") { OutputLogHandler(label: $0, level: level, output: output) }
    }

    @Test func `lines of many threads come out whole, each thread's in order`() {
        let lines = Lines()
        let output = LogOutput(.prefixed, write: lines.write)
        let logger = logger(output)
        DispatchQueue.concurrentPerform(iterations: 8) { thread in
            for number in 0..<500 { logger.info("\(thread) \(number)") }
        }
        output.flush()
        #expect(lines.all.count == 4000)
        for thread in 0..<8 {
            #expect(
                lines.all.filter { $0.hasPrefix("<6>test: \(thread) ") }
                    == (0..<500).map { "<6>test: \(thread) \($0)\n" })
        }
    }

    @Test func `a stuck reader costs bounded memory, no time, and the loss is told`() async {
        let lines = Lines()
        let gate = DispatchSemaphore(value: 0)
        let isOpen = Mutex(false)
        let output = LogOutput(.prefixed) { records in
            if !isOpen.withLock({ $0 }) { gate.wait() }
            lines.write(records)
        }
        let logger = logger(output)
        let text = String(repeating: "x", count: 1000)
        for _ in 0..<3000 { logger.info("\(text)") }
        isOpen.withLock { $0 = true }
        gate.signal()
        output.flush()
        output.flush()
        let kept = lines.all.filter { $0.contains(text) }
        #expect(kept.count >= 1000)
        #expect(kept.reduce(0) { $0 + $1.utf8.count } <= LogOutput.maximumBacklogBytes)
        #expect(
            lines.all.last
                == "<4>olim.log: Log lines were dropped: the reader was too slow count=\(3000 - kept.count)\n")
        logger.info("later")
        output.flush()
        #expect(lines.all.last == "<6>test: later\n")
    }

    @Test func `level and metadata are a logger's own`() {
        let lines = Lines()
        let output = LogOutput(.prefixed, write: lines.write)
        var one = logger(output, level: .warning)
        var two = one
        two.logLevel = .debug
        one[metadataKey: "shard"] = "1"
        one.info("not shown")
        one.error("shown", metadata: ["shard": "9", "x": "y"])
        two.debug("shown too")
        output.flush()
        #expect(lines.all == ["<3>test: shown shard=9 x=y\n", "<7>test: shown too\n"])
    }
}
