internal import NIOCore
internal import Shared

/// What the hub counts beside the queue's own counters.
struct HubCounters {
    /// Connections refused or closed with an error, by its code.
    var refusals: [String: Int] = [:]
    /// Workers that answered no ping.
    var silentWorkers = 0
    var commands = 0
    var memberRequestsLimited = 0
    var deferralsTried = 0
    var deferred = 0
    var deferralsFailed = 0
    /// Gaps between sessions, events that an earlier gateway had and Discord did not send again, and such as could not be read from
    /// the journal.
    var lost = 0
    /// Writes of marks and notes that failed.
    var journalFailures = 0
    /// Syncs of the journal that have ended, and how long they took in all.
    var journalSyncs = 0
    var journalSyncTime = TimeAmount.zero
}

/// What the queue shows of itself.
extension QueueHub {
    func sendStatus(to connection: PeerConnection) {
        // Who asks faster than it reads gets one answer once it has read the others.
        guard connection.pendingBytes < PeerConnection.maximumAnswerBytes else {
            connection.owesStatus = true
            owesStatus = true
            return
        }
        send(.status(status()), to: connection)
    }

    func payStatusDebts() {
        guard owesStatus else { return }
        owesStatus = false
        for connection in connections.values where connection.owesStatus && !connection.isClosing {
            connection.owesStatus = false
            sendStatus(to: connection)
        }
    }

    /// For those on the loop that are not the hub's.
    nonisolated func currentStatus() -> JSON { assumeIsolated { $0.status() } }

    /// The members of a status frame.
    func status() -> JSON {
        [
            "version": .string(Version.current),
            "uptime_s": .integer(Int((NIODeadline.now() - startedAt).nanoseconds / 1_000_000_000)),
            "alarms": .array(alarms.map(JSON.string)),
            "journal": .string(identity.description),
            "durability": .string(store.durability.rawValue),
            "shards": .array(directory.shardStatuses().map(\.json)),
            "queue": queueStatus,
            "rates": rates.json(of: queue.counters, now: now),
            "workers": .array(workerStatuses),
            "unwanted": .counts(queue.counters.unwanted),
            "shed": .counts(queue.counters.shed),
            "gaps": .array(gaps.map(\.json)),
            "refused": .counts(counters.refusals),
            "counters": .object(namedCounters.map { JSON.Member($0.name, .integer($0.value)) }),
        ]
    }

    private var queueStatus: JSON {
        let classes = queue.classes()
        let wall = WallClock.now()
        let oldest = classes.compactMap(\.oldestReceivedAt).min().map { max(0, wall - $0) / 1000 }
        return [
            "depth": .integer(queue.depth),
            "bytes": .integer(queue.bytes),
            "limit_bytes": .integer(settings.queue.maximumBytes),
            "oldest_ms": .integer(Int(oldest ?? 0)),
            "in_flight": .integer(queue.inFlight),
            "keys": .integer(queue.keyCount),
            "in_memory": .integer(queue.countInMemory),
            "journal_bytes": .integer(store.journal?.diskBytes ?? 0),
            "journal_segments": .integer(store.journal?.segments.count ?? 0),
            "journal_writable": .bool(store.refusal == nil),
            "dead_letters": .integer(deadLetters.count),
            "shed": .integer(queue.counters.shed.values.reduce(0, +)),
            "lost": .integer(counters.lost),
            "intake": .string("\(gauge.intake)"),
            "classes": .object(shown(classes, wall: wall)),
        ]
    }

    /// What waits and is in flight, by the class of its key; what is in the journal only, nobody has looked at.
    private func shown(_ classes: [KeyedQueue.ClassContents], wall: Int64) -> [JSON.Member] {
        var unread = queue.depth
        var members = zip(QueueKey.Class.allCases, classes).map { keyClass, contents in
            unread -= contents.depth
            let oldest = contents.oldestReceivedAt.map { Int(max(0, wall - $0) / 1000) }
            return JSON.Member(
                "\(keyClass)",
                .compact(["depth": .integer(contents.depth), "oldest_ms": oldest.map(JSON.integer)]))
        }
        members.append(.init("unread", ["depth": .integer(max(0, unread))]))
        return members
    }

    private var workerStatuses: [JSON] {
        connections.values.sorted { $0.number < $1.number }.compactMap { connection in
            guard let worker = connection.worker, !connection.hasEnded, let hello = connection.hello else { return nil }
            return .compact([
                "name": .string(hello.worker),
                "pid": .integer(Int(connection.peer.pid)),
                "uid": .integer(Int(connection.peer.uid)),
                "version": .string(hello.version),
                "capacity": .integer(hello.capacity),
                "in_flight": .integer(queue.heldCount(of: worker)),
                "acked": .integer(queue.acknowledgedCount(of: worker)),
                "rate": .rate(connection.rate.perSecond(queue.acknowledgedCount(of: worker), now: now)),
                "draining": .bool(connection.isDraining),
                "report": connection.report,
            ])
        }
    }

    /// Counters under the names of status and metrics.
    private var namedCounters: [(name: String, value: Int)] {
        let queue = queue.counters
        return [
            ("received", queue.received), ("duplicates", queue.duplicates), ("delivered", queue.delivered),
            ("redelivered", queue.redelivered), ("acked", queue.acknowledged),
            ("late_acks", queue.lateAcknowledgements), ("unknown_acks", queue.unknownAcknowledgements),
            ("nacks", queue.nacks), ("releases", queue.releases), ("ack_timeouts", queue.ackTimeouts),
            ("worker_deaths", queue.deaths), ("blamed_deaths", queue.blamedDeaths),
            ("dead_lettered", queue.deadLetters), ("unwanted", queue.unwanted.values.reduce(0, +)),
            ("shed", queue.shed.values.reduce(0, +)), ("lost", counters.lost),
            ("refused_connections", counters.refusals.values.reduce(0, +)),
            ("silent_workers", counters.silentWorkers), ("commands", counters.commands),
            ("member_requests_limited", counters.memberRequestsLimited), ("deferrals_tried", counters.deferralsTried),
            ("deferred", counters.deferred), ("deferrals_failed", counters.deferralsFailed),
            ("journal_failures", counters.journalFailures), ("journal_syncs", counters.journalSyncs),
            ("journal_sync_us", Int(counters.journalSyncTime.nanoseconds / 1000)),
        ] + directory.sessionCounters()
    }
}

extension JSON {
    /// Numbers by name, sorted so that two looks can be compared.
    fileprivate static func counts(_ counts: [String: Int]) -> JSON {
        .object(counts.sorted { $0.key < $1.key }.map { Member($0.key, .integer($0.value)) })
    }
}

extension SessionGap {
    fileprivate var json: JSON {
        [
            "shard": .integer(shard), "from": from.map { .integer(Int($0)) } ?? .null, "to": .integer(Int(to)),
            "reason": .string(reason),
        ]
    }
}

extension ShardStatus {
    fileprivate var json: JSON {
        var members: [JSON.Member] = [
            .init("id", .integer(id)), .init("state", .string(state)),
            .init("seq", sequence.map(JSON.integer) ?? .null),
            .init("latency_ms", latencyMilliseconds.map(JSON.integer) ?? .null),
            .init("idle_ms", idleMilliseconds.map(JSON.integer) ?? .null),
            .init("seq_age_ms", sequenceAgeMilliseconds.map(JSON.integer) ?? .null),
        ]
        if let note { members.append(.init("note", .string(note))) }
        return .object(members)
    }
}
