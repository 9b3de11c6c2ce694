import NIOCore
import Shared
import Synchronization
import Testing

@testable import WorkerProcess

@Suite struct WriteBehindTests {
    @Test func `a first entry waits for others, until the timer`() {
        var writes = WriteBehind<Int>(capacity: 100)
        #expect(writes.add(1) == .setTimer)
        #expect(writes.add(2) == .nothing)
        #expect(writes.timerFired() == .write)
        #expect(writes.takeBatch { _ in true } == [1, 2])
        #expect(!writes.isIdle)
        #expect(writes.writeEnded() == .nothing)
        #expect(writes.isIdle)
    }

    @Test func `half of what the queue lends is written at once`() {
        var writes = WriteBehind<Int>(capacity: 6)
        #expect(writes.add(1) == .setTimer)
        #expect(writes.add(2) == .nothing)
        #expect(writes.add(3) == .write)
    }

    @Test func `one write at a time, and none above the limit`() {
        var writes = WriteBehind<Int>(capacity: 1000, batchLimit: 3)
        for entry in 1...5 { _ = writes.add(entry) }
        #expect(writes.takeBatch { _ in true } == [1, 2, 3])
        #expect(writes.add(6) == .nothing)
        #expect(writes.timerFired() == .nothing)
        #expect(writes.writeEnded() == .write)
        #expect(writes.takeBatch { _ in true } == [4, 5, 6])
    }

    @Test func `what is not wanted any more is left out, and a batch of nothing is no write`() {
        var writes = WriteBehind<Int>(capacity: 4)
        _ = writes.add(1)
        _ = writes.add(2)
        #expect(writes.takeBatch { _ in false }.isEmpty)
        #expect(writes.isIdle)
    }
}

@Suite struct ActivityCommitTests {
    private static func entries(_ keys: String) -> [ActivityCommit.Entry] {
        keys.enumerated().map { position, key in
            ActivityCommit.Entry(
                copy: position + 1,
                activity: ActivityEvent(
                    key: "guild:\(key)", event: EventID(Int64(position + 1)), guild: Snowflake(1), member: Snowflake(2),
                    day: 1))
        }
    }

    @Test func `many events are one transaction`() async {
        let store = FakeStore()
        let verdict = await ActivityCommit(store: store).commit(Self.entries("abc"))
        #expect(verdict.committed == [1, 2, 3])
        #expect(store.batches.map(\.count) == [3])
    }

    @Test func `a bad event is found, those of its key behind it come back with it, the rest is committed`() async {
        let store = FakeStore()
        // The third is bad; the fifth is of its key.
        store.activityError = { batch in
            batch.contains { $0.event == EventID(3) }
                ? StoreError(kind: .rejected, code: "22003", description: "bad") : nil
        }
        let verdict = await ActivityCommit(store: store).commit(Self.entries("abcdce"))
        #expect(verdict.committed == [1, 2, 4, 6])
        #expect(verdict.rejected.map(\.copy) == [3])
        #expect(verdict.dropped.map(\.copy) == [5])
        #expect(verdict.outage == nil)
    }

    @Test func `an outage leaves nothing committed and nobody at fault`() async {
        let store = FakeStore()
        store.activityError = { _ in StoreError(kind: .unavailable, code: nil, description: "down") }
        let verdict = await ActivityCommit(store: store).commit(Self.entries("ab"))
        #expect(verdict.committed.isEmpty)
        #expect(verdict.outage?.copies == [1, 2])
        #expect(store.batches.isEmpty)
    }

    @Test func `a conflict is tried again, but not for ever`() async {
        let store = FakeStore()
        let attempts = Mutex(0)
        store.activityError = { _ in
            attempts.withLock { $0 += 1 }
            return StoreError(kind: .conflict, code: "40001", description: "conflict")
        }
        let verdict = await ActivityCommit(store: store) {}.commit(Self.entries("a"))
        #expect(attempts.withLock { $0 } == ActivityCommit.maximumConflicts)
        #expect(verdict.outage?.copies == [1])
    }

    @Test func `a conflict that goes away is no matter`() async {
        let store = FakeStore()
        let attempts = Mutex(0)
        store.activityError = { _ in
            attempts.withLock {
                $0 += 1; return $0
            } < 3
                ? StoreError(kind: .conflict, code: "40001", description: "conflict") : nil
        }
        let verdict = await ActivityCommit(store: store) {}.commit(Self.entries("a"))
        #expect(verdict.committed == [1])
    }
}

@Suite struct OutboxTests {
    @Test func `acknowledgements share a frame, and leave before what follows them`() {
        var outbox = Outbox()
        outbox.acknowledge(EventID(1))
        outbox.acknowledge(EventID(2))
        #expect(!outbox.isUrgent)
        outbox.append(.nack([EventID(3)], reason: "no"))
        outbox.acknowledge(EventID(4))
        #expect(outbox.isUrgent)
        let (bytes, acknowledged) = outbox.take()
        #expect(
            String(buffer: bytes) == """
                {"op":"ack","ids":[1,2]}
                {"op":"nack","ids":[3],"reason":"no"}
                {"op":"ack","ids":[4]}

                """)
        #expect(acknowledged.map(\.rawValue) == [1, 2, 4])
        #expect(outbox.isEmpty)
    }

    @Test func `what was not sent is known`() {
        var outbox = Outbox()
        outbox.acknowledge(EventID(1))
        outbox.append(.pong)
        outbox.acknowledge(EventID(2))
        outbox.extend(EventID(3))
        #expect(outbox.clear().map(\.rawValue) == [1, 2])
        #expect(outbox.isEmpty)
    }

    @Test func `many acknowledgements do not wait`() {
        var outbox = Outbox()
        for id in 1...Outbox.maximumIDs { outbox.acknowledge(EventID(Int64(id))) }
        #expect(outbox.isUrgent)
    }
}
