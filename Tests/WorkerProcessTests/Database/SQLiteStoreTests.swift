import Glibc
import Shared
import TestKit
import Testing

@testable import WorkerProcess

@Suite struct SQLiteStoreTests {
    @Test func `the file and its directory are made for their owner alone`() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path("new/deep/bot.sqlite")
        let store = try await SQLiteStore(path: path, logger: .silent)
        try await store.migrate()
        for name in ["new", "new/deep"] { #expect(Self.mode(directory.path(name)) == 0o700) }
        for suffix in ["", "-wal", "-shm"] { #expect(Self.mode(path + suffix) == 0o600) }
        await store.close()
    }

    @Test func `a commit is on disk when it is acknowledged`() async throws {
        let directory = try TemporaryDirectory()
        let store = try await SQLiteStore(path: directory.path("bot.sqlite"), logger: .silent)
        #expect(try await store.pragma("synchronous") == "2")
        #expect(try await store.pragma("journal_mode") == "wal")
        await store.close()
    }

    @Test func `a directory that cannot be made is named`() async throws {
        let directory = try TemporaryDirectory()
        try directory.write("a file", to: "taken")
        let error = await #expect(throws: StoreError.self) {
            try await SQLiteStore(path: directory.path("taken/bot.sqlite"), logger: .silent)
        }
        #expect(error?.kind == .misconfigured)
        #expect(error?.description.contains(directory.path("taken")) == true)
    }

    @Test func `a file that is no database is misconfigured and left as it was`() async throws {
        let directory = try TemporaryDirectory()
        let path = try directory.write(String(repeating: "not a database ", count: 100), to: "bot.sqlite")
        let error = await #expect(throws: StoreError.self) {
            try await SQLiteStore(path: path, logger: .silent).migrate()
        }
        #expect(error?.kind == .misconfigured)
    }

    @Test func `a file system that takes no files is misconfigured`() async throws {
        // Not even root may make one here.
        let error = await #expect(throws: StoreError.self) {
            try await SQLiteStore(path: "/proc/olim.sqlite", logger: .silent)
        }
        #expect(error?.kind == .misconfigured)
        #expect(error?.description.contains("/proc/olim.sqlite") == true)
    }

    @Test func `a file that may only be read is misconfigured`() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path("bot.sqlite")
        let store = try await SQLiteStore(path: path, logger: .silent)
        try await store.migrate()
        await store.close()
        // The tests may run as root, whom no mode stops; a write version beyond 2 makes a file read-only for everyone
        // (sqlite.org/fileformat2.html, 1.3.3).
        let descriptor = open(path, O_WRONLY)
        #expect(pwrite(descriptor, [3 as UInt8], 1, 18) == 1)
        close(descriptor)
        let error = await #expect(throws: StoreError.self) {
            try await SQLiteStore(path: path, logger: .silent).change(
                .welcome(channel: nil, text: nil), of: Snowflake(1), event: EventID(1))
        }
        #expect(error?.kind == .misconfigured)
        #expect(error?.description.contains(path) == true)
    }

    @Test func `a disk that is full is unavailable, and room makes it work again`() async throws {
        let directory = try TemporaryDirectory()
        let store = try await SQLiteStore(path: directory.path("bot.sqlite"), logger: .silent)
        try await store.migrate()
        // A limit on the pages ends in the same SQLITE_FULL as the disk's.
        try await store.setPragma("max_page_count = \(try #require(try await store.pragma("page_count")))")
        let long = String(repeating: "x", count: 100_000)
        let error = await #expect(throws: StoreError.self) {
            try await store.recordGuild(.of(Snowflake(1), name: long, event: 1))
        }
        #expect(error?.kind == .unavailable)
        #expect(error?.code == "13")
        try await store.setPragma("max_page_count = 1000000")
        try await store.recordGuild(.of(Snowflake(1), name: long, event: 1))
        #expect(try await store.configuration(of: Snowflake(1)).name == long)
        await store.close()
    }

    @Test func `a killed process in the middle of a transaction leaves nothing of it`() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path("bot.sqlite")
        let store = try await SQLiteStore(path: path, logger: .silent)
        try await store.migrate()
        try await store.change(.welcome(channel: Snowflake(1), text: nil), of: Snowflake(5), event: EventID(1))
        // Another process, through another program: Python's standard library has SQLite.
        let script = """
            import sqlite3, sys
            c = sqlite3.connect(sys.argv[1], isolation_level=None)
            c.execute("BEGIN IMMEDIATE")
            c.execute("UPDATE guild_config SET welcome_channel_id = 2")
            print("inside", flush=True)
            sys.stdin.read()
            """
        let other = try ChildProcess("/usr/bin/python3", ["-c", script, path], in: directory.path)
        try await other.waitForLine(containing: "inside")
        async let written: Void = store.change(
            .welcome(channel: Snowflake(3), text: nil), of: Snowflake(6), event: EventID(1))
        #expect(try await store.configuration(of: Snowflake(5)).welcomeChannel == Snowflake(1))
        other.signal(SIGKILL)
        try await other.waitForTermination()
        try await written
        #expect(try await store.configuration(of: Snowflake(5)).welcomeChannel == Snowflake(1))
        #expect(try await store.configuration(of: Snowflake(6)).welcomeChannel == Snowflake(3))
        await store.close()
    }

    @Test func `what another process commits while a call waits for the file is seen by the call`() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path("bot.sqlite")
        let store = try await SQLiteStore(path: path, logger: .silent)
        try await store.migrate()
        let script = """
            import sqlite3, sys
            c = sqlite3.connect(sys.argv[1], isolation_level=None)
            c.execute("BEGIN IMMEDIATE")
            c.execute("INSERT INTO activity_cursor VALUES ('a', 5)")
            print("inside", flush=True)
            sys.stdin.readline()
            c.execute("COMMIT")
            """
        let other = try ChildProcess("/usr/bin/python3", ["-c", script, path], in: directory.path)
        try await other.waitForLine(containing: "inside")
        let counted = Counter()
        let call = Task {
            try await store.recordActivity(
                [5, 6].map {
                    ActivityEvent(
                        key: "a", event: EventID($0), guild: Snowflake(1), member: Snowflake(1), day: 1)
                })
            _ = counted.next()
        }
        // A call that has read before it asks for the lock would have read by then.
        try await Task.sleep(for: .milliseconds(150))
        #expect(counted.value == 0)
        try other.send("commit")
        try await call.value
        #expect(try await store.messageCount(of: Snowflake(1), in: Snowflake(1)) == 1)
        await store.close()
    }

    private static func mode(_ path: String) -> UInt32? {
        var information = stat()
        return stat(path, &information) == 0 ? information.st_mode & 0o777 : nil
    }
}

extension SQLiteStore {
    /// Reads a PRAGMA of the connection that writes.
    fileprivate func pragma(_ name: String) async throws -> String? {
        try await withWriter { try $0.prepare("PRAGMA \(name)").rows().first?.first?.text }
    }

    /// Sets one.
    fileprivate func setPragma(_ assignment: String) async throws {
        try await withWriter { try $0.execute("PRAGMA \(assignment)") }
    }
}
