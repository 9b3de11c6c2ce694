import Shared
import Testing

@Suite struct DiagnosisTests {
    private func status(
        shards: [JSON] = [["id": 0, "state": "ready", "seq": 1, "latency_ms": 30, "idle_ms": 500]], queue: JSON = [:],
        workers: [JSON] = [["name": "w1", "version": "0.1.0"]]
    ) -> JSON {
        ["version": "0.1.0", "shards": .array(shards), "queue": queue, "workers": .array(workers)]
    }

    @Test func `nothing is wrong with a gateway at work, however empty`() {
        #expect(Diagnosis(of: status()) == Diagnosis(of: status(queue: ["depth": 0, "dead_letters": 0, "lost": 0])))
        #expect(Diagnosis(of: status()).failures.isEmpty && Diagnosis(of: status()).warnings.isEmpty)
    }

    @Test(
        arguments: [
            (["id": 3, "state": "resuming"], "shard 3 is resuming"),
            (["id": 3, "state": "waiting", "note": "until 12:00"], "shard 3 is waiting: until 12:00"),
            (["id": 3, "state": "ready", "idle_ms": 130_000], "shard 3 has heard nothing from Discord for 2 min 10 s"),
        ] as [(JSON, String)])
    func `a shard that gets nothing is a failure`(shard: JSON, failure: String) {
        let diagnosis = Diagnosis(of: status(shards: [shard]))
        #expect(diagnosis.failures == [failure] && diagnosis.warnings.isEmpty)
    }

    @Test(
        arguments: [
            (
                ["id": 3, "state": "ready", "note": "no MESSAGE_CREATE for 5 min"],
                "shard 3: no MESSAGE_CREATE for 5 min"
            ),
            (["id": 3, "state": "ready", "latency_ms": 2500], "shard 3: Discord takes 2 s to answer a heartbeat"),
        ] as [(JSON, String)])
    func `a shard that limps is a warning`(shard: JSON, warning: String) {
        let diagnosis = Diagnosis(of: status(shards: [shard]))
        #expect(diagnosis.warnings == [warning] && diagnosis.failures.isEmpty)
    }

    @Test(
        arguments: [
            (["depth": 7, "oldest_ms": 31_000], ["the queue is behind: 7 events, the oldest for 31 s"], []),
            (["depth": 7, "oldest_ms": 30_000], [], []),
            (
                ["bytes": 800, "limit_bytes": 1000], [],
                ["the backlog has 800 B of at most 1000 B (QUEUE_MAX_BYTES)"]
            ),
            (["bytes": 700, "limit_bytes": 1000], [], []),
            (["dead_letters": 1], [], ["1 dead letter: olimctl dead-letters list"]),
            (["shed": 2], [], ["2 events were shed since the start, for want of room"]),
            (["lost": 1], [], ["1 gap since the start, which Discord did not replay; see the log"]),
        ] as [(JSON, [String], [String])])
    func `a queue in trouble is told`(queue: JSON, failures: [String], warnings: [String]) {
        let diagnosis = Diagnosis(of: status(queue: queue))
        #expect(diagnosis.failures == failures && diagnosis.warnings == warnings)
    }

    @Test func `workers are looked at one by one and together`() {
        let sqlite: JSON = ["id": "a", "engine": "sqlite", "ok": true]
        let down: JSON = ["id": "b", "engine": "postgresql", "ok": false, "reason": "connection refused"]
        let diagnosis = Diagnosis(
            of: status(workers: [
                ["name": "w1", "version": "0.1.0", "report": ["database": sqlite]],
                ["name": "w2", "version": "0.0.9", "report": ["database": down]],
            ]))
        #expect(diagnosis.failures == ["worker w2 cannot reach its postgresql database: connection refused"])
        #expect(
            diagnosis.warnings == [
                "worker w2 is of version 0.0.9, the gateway of 0.1.0",
                "the workers do not share one database; see DATABASE_URL of each",
            ])
        #expect(Diagnosis(of: status(workers: [])).failures == ["no worker is connected; 0 events wait"])
    }

    @Test func `a status of another version is read as far as it goes`() {
        #expect(Diagnosis(of: [:]).failures == ["no shard is running", "no worker is connected; 0 events wait"])
    }
}
