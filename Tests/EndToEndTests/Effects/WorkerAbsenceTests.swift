import Glibc
import Shared
import TestKit
import Testing

/// Slash commands while no worker is there, or only one that does not answer in time: the gateway defers, a worker finishes.
@Suite struct WorkerAbsenceTests {
    private static let count = 12

    /// Half of them for the caller alone.
    private static func call(_ stack: Stack) async throws {
        let owner = try #require(try await stack.firstGuild()["owner"])
        for _ in 0..<count / 2 {
            try await stack.control.post("/simulator/interactions", ["command": "ping"])
            try await stack.control.post("/simulator/interactions", ["command": "config show", "user": owner])
        }
    }

    /// Each was deferred by the gateway as it should be, and then finished by an edit, once.
    private static func expectFinished(_ stack: Stack, edits: ClosedRange<Int>) async throws {
        let interactions = try await stack.control.get("/simulator/interactions").elements ?? []
        #expect(interactions.count == count)
        for interaction in interactions {
            let accepted = interaction["answers"]?.elements?.filter(\.isAccepted) ?? []
            let first = accepted.filter { $0["about"]?.string == "callback" }
            #expect(first.map { $0["body"]?["type"]?.int } == [5], "\(interaction.text)")
            let flags = first.first?["body"]?["data"]?["flags"]?.int
            #expect(flags == (interaction["name"]?.string == "config show" ? 64 : nil), "\(interaction.text)")
            let finished = accepted.filter { $0["method"]?.string == "PATCH" }
            #expect(edits.contains(finished.count), "\(interaction.text)")
            let text = finished.last?["body"]?.said
            let beginning = interaction["name"]?.string == "ping" ? "Pong!" : "Settings of"
            #expect(text?.hasPrefix(beginning) == true, "\(interaction.text)")
        }
        #expect(try await stack.counter("deferred") == count)
        #expect(try await stack.status()["queue"]?["dead_letters"]?.int == 0)
    }

    @Test func `with no worker at all each is deferred, and the one that comes answers every one`() async throws {
        let stack = try await Stack()
        let database = try await DatabaseHandle(.sqlite, in: stack.directory)
        _ = try await stack.gateway()
        let first = try await stack.worker("w1", ["DATABASE_URL": database.url])
        try await stack.wait("commands", atLeast: 3, or: first)
        #expect(try await first.stop() == .exited(0))
        try await Self.call(stack)
        try await stack.wait("callbacks", atLeast: Self.count)
        // Longer than a first answer may take, so that only the deferral can have saved them.
        try await eventually("the three seconds are over", within: .seconds(60)) {
            let last = try await stack.control.get("/simulator/interactions").elements?.last?["created_at"]?.int
            return ProcessClock.wallMicroseconds - Int64(last ?? .max) > 3_500_000
        }
        let second = try await stack.worker("w2", ["DATABASE_URL": database.url])
        try await stack.wait("answers", atLeast: Self.count, or: second)
        try await stack.waitUntilDone(or: second)
        try await Self.expectFinished(stack, edits: 1...1)
    }

    @Test func `a worker that was stopped when they came finishes them when it goes on`() async throws {
        let stack = try await Stack()
        let database = try await DatabaseHandle(.sqlite, in: stack.directory)
        _ = try await stack.gateway()
        let worker = try await stack.worker("w1", ["DATABASE_URL": database.url])
        try await stack.wait("commands", atLeast: 3, or: worker)
        try await stack.waitUntilDone(or: worker)
        worker.signal(SIGSTOP)
        try await Self.call(stack)
        try await stack.wait("callbacks", atLeast: Self.count)
        worker.signal(SIGCONT)
        try await stack.wait("answers", atLeast: Self.count, or: worker)
        try await stack.waitUntilDone(or: worker)
        // What it held when it was stopped came without the flag: it learns from 40060 that there is something to edit.
        try await Self.expectFinished(stack, edits: 1...1)
        #expect(worker.termination == nil)
        #expect(try await stack.counter("worker_deaths") == 0)
    }

    @Test func `a deferral that nobody remembers is finished all the same`() async throws {
        // The gateway dies after it has deferred and before it could keep that; without a journal it knows no more of it.
        let stack = try await Stack()
        let database = try await DatabaseHandle(.sqlite, in: stack.directory)
        let gateway = try await stack.gateway(["QUEUE_DURABILITY": "memory"])
        let first = try await stack.worker("w1", ["DATABASE_URL": database.url])
        try await stack.wait("commands", atLeast: 3, or: first)
        try await stack.waitUntilDone(or: first)
        first.signal(SIGKILL)
        _ = try await first.waitForTermination()
        try await stack.control.post("/simulator/interactions", ["command": "ping"])
        try await stack.wait("callbacks", atLeast: 1)
        gateway.signal(SIGKILL)
        _ = try await gateway.waitForTermination()
        // So old that nobody would try to answer it first.
        try await eventually("a quarter of a minute is over", within: .seconds(60)) {
            let created = try await stack.control.get("/simulator/interactions").elements?.last?["created_at"]?.int
            return ProcessClock.wallMicroseconds - Int64(created ?? .max) > 15_500_000
        }
        _ = try await stack.gateway(["QUEUE_DURABILITY": "memory", "INTERACTION_DEFER_AFTER": "0"])
        let second = try await stack.worker("w2", ["DATABASE_URL": database.url])
        try await stack.wait("answers", atLeast: 1, or: second)
        let answers = try await stack.control.get("/simulator/interactions").elements?.first?["answers"]?.elements
        #expect(answers?.last?["body"]?.said.hasPrefix("Pong!") == true, "\(answers ?? [])")
    }
}
