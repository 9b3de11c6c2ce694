internal import NIOCore
internal import Shared

extension ShardSupervisor: ShardDirectory {
    nonisolated var applicationID: Snowflake? { assumeIsolated { $0.file.applicationID } }
    nonisolated var userID: Snowflake? { assumeIsolated { $0.file.userID } }
    nonisolated var shardIDs: [Int] { assumeIsolated { $0.sessions.keys.sorted() } }
    nonisolated var shardCount: Int { assumeIsolated { $0.shardCountInUse } }

    nonisolated func shardStatuses() -> [ShardStatus] {
        assumeIsolated { supervisor in
            let now = NIODeadline.now()
            return supervisor.sessions.sorted { $0.key < $1.key }
                .map { $0.value.assumeIsolated { $0.status(now: now) } }
                .map { supervisor.explained($0) }
        }
    }

    nonisolated func sessionCounters() -> [(name: String, value: Int)] {
        assumeIsolated { supervisor in
            var sum = SessionCounters()
            for session in supervisor.sessions.values { sum.add(session.assumeIsolated { $0.counters }) }
            var counters = sum.named
            counters.append(("identifies_24h", supervisor.limiter.history.count))
            if let remaining = supervisor.limiter.remaining(now: .now()) {
                counters.append(("identifies_remaining", remaining))
            }
            return counters
        }
    }

    nonisolated func send(
        _ payload: ByteBuffer, to shard: Int, completion: @escaping @Sendable (CommandOutcome) -> Void
    ) {
        assumeIsolated { supervisor in
            guard let session = supervisor.sessions[shard] else {
                return completion(.refused("this gateway does not hold shard \(shard)"))
            }
            session.assumeIsolated { $0.send(payload, completion: completion) }
        }
    }

    nonisolated func setIntake(_ intake: Intake) {
        assumeIsolated { supervisor in
            supervisor.intake = intake
            // Not at once: a session may be the one who just filled the queue.
            supervisor.eventLoop.execute {
                supervisor.assumeIsolated { supervisor in
                    let intake = supervisor.intake
                    for session in supervisor.sessions.values { session.assumeIsolated { $0.setIntake(intake) } }
                }
            }
        }
    }

    nonisolated func reidentify(shard: Int) -> String? {
        assumeIsolated { supervisor in
            guard let session = supervisor.sessions[shard] else { return "this gateway does not hold shard \(shard)" }
            session.assumeIsolated { $0.reidentify() }
            return nil
        }
    }

    /// Says until when a waiting shard may not identify.
    private func explained(_ status: ShardStatus) -> ShardStatus {
        guard status.state == "waiting", let identifyNote, limiter.isWaiting(shard: status.id) else { return status }
        return ShardStatus(
            id: status.id, state: status.state, sequence: status.sequence,
            latencyMilliseconds: status.latencyMilliseconds, idleMilliseconds: status.idleMilliseconds,
            note: identifyNote, sequenceAgeMilliseconds: status.sequenceAgeMilliseconds)
    }
}

extension SessionCounters {
    mutating func add(_ other: SessionCounters) {
        dispatches += other.dispatches
        payloadBytes += other.payloadBytes
        identifies += other.identifies
        resumes += other.resumes
        reconnects += other.reconnects
        sessionsLost += other.sessionsLost
        unreadable += other.unreadable
    }

    /// Under the names of status and metrics.
    var named: [(name: String, value: Int)] {
        [
            ("dispatches", dispatches), ("payload_bytes", payloadBytes), ("identifies", identifies),
            ("resumes", resumes), ("connections", reconnects), ("sessions_lost", sessionsLost),
            ("unreadable_payloads", unreadable),
        ]
    }
}
