import TestKit
import Testing

@Suite struct TestKitTests {
    @Test func `a child's lines and end are seen`() async throws {
        let directory = try TemporaryDirectory()
        let child = try ChildProcess("/bin/sh", ["-c", "echo a; read b; echo \"$b\" >&2; exit 3"], in: directory.path)
        try await child.waitForLine(containing: "a")
        #expect(child.termination == nil)
        try child.send("hello")
        try await child.waitForLine(containing: "hello", on: .error)
        #expect(try await child.waitForTermination() == .exited(3))
        #expect(child.lines() == ["a"])
    }

    @Test func `a child killed is told from one that exited`() async throws {
        let directory = try TemporaryDirectory()
        let child = try ChildProcess("/bin/sh", ["-c", "echo up; read forever"], in: directory.path)
        try await child.waitForLine(containing: "up")
        #expect(try await child.stop() == .killed(by: 15))
    }

    @Test func `waiting for a line of a child that ended fails with what it printed`() async throws {
        let directory = try TemporaryDirectory()
        let child = try ChildProcess("/bin/sh", ["-c", "echo broken >&2; exit 1"], in: directory.path)
        let error = await #expect(throws: ChildProcessError.self) { try await child.waitForLine(containing: "ready") }
        #expect(error?.description.contains("broken") == true)
    }

    @Test func `a PostgreSQL server runs and restarts`() async throws {
        let server = try await PostgresServer.start()
        let database = try await server.createDatabase()
        try await server.run(sql: "CREATE TABLE t AS SELECT 5 AS a", database: database)
        try await server.restart(immediately: true)
        #expect(try await server.run(sql: "SELECT a FROM t", database: database) == ["5"])
        try await server.stop()
    }

    @Test func `a condition that never holds is named`() async throws {
        let error = await #expect(throws: DeadlineExceeded.self) {
            try await eventually("the moon falls", within: .milliseconds(20)) { false }
        }
        #expect(error?.description.contains("the moon falls") == true)
    }
}
