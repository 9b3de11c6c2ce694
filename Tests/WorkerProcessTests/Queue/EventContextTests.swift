import Logging
import NIOCore
import Synchronization
import TestKit
import Testing

@testable import Shared
@testable import WorkerProcess

/// An event's id is in all that is logged on its behalf.
@Suite struct EventContextTests {
    private final class Lines: Sendable {
        private let storage = Mutex<[String]>([])
        var all: [String] { storage.withLock { $0 } }

        /// With what every line of a worker says.
        var logger: Logger {
            let output = LogOutput(.json) { records in
                self.storage.withLock { $0 += records.map { String(buffer: $0.bytes) } }
            }
            self.output.withLock { $0 = output }
            return Logger(label: "test") {
                OutputLogHandler(label: $0, level: .debug, output: output, metadataProvider: EventContext.metadata)
            }
        }
        private let output = Mutex<LogOutput?>(nil)

        func flush() { output.withLock { $0 }?.flush() }

        func metadata(of statement: String) throws -> JSON? {
            flush()
            return try all.map { try JSON(ofText: $0) }
                .last { $0["metadata"]?["statement"]?.string == statement }?["metadata"]
        }
    }

    @Test(arguments: Engine.allCases)
    func `a statement can be told the event it was for`(engine: Engine) async throws {
        let lines = Lines()
        let database = try await TestDatabase(engine)
        let store = try await database.openMigrated(logger: lines.logger)
        try await store.ping()
        #expect(try lines.metadata(of: "ping")?["event"] == nil)
        try await EventContext.$current.withValue([EventID(17)]) { try await store.ping() }
        #expect(try lines.metadata(of: "ping")?["event"] == "17")

        let events = (1...20).map { EventID(Int64($0)) }
        try await EventContext.$current.withValue(events) {
            try await store.recordActivity(
                events.map {
                    ActivityEvent(key: "guild:1", event: $0, guild: Snowflake(1), member: Snowflake(2), day: 9)
                })
        }
        let written = try #require(try lines.metadata(of: "add_messages")?["events"]?.elements)
        #expect(written.first == "1" && written.count == 17 && written.last == "and 4 more")
        await store.close()
    }

    @Test func `a handler's event is known to what it starts`() async {
        await EventContext.$current.withValue([EventID(5)]) {
            async let child = EventContext.current
            #expect(await child == [EventID(5)])
            let detached = await Task.detached { EventContext.current }.value
            #expect(detached.isEmpty)
        }
    }
}
