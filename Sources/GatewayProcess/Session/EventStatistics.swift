internal import NIOCore

/// When each kind of event came last, to notice one that falls silent on a session that looks healthy: sessions have gone
/// half deaf that way (discord-api-docs #8162).
struct EventStatistics: Sendable {
    /// Events of a kind before its usual pace is known.
    static let leastEvents = 50
    /// Silence shorter than this is nobody's business.
    static let leastSilence: TimeAmount = .minutes(30)
    /// Silence so many times as long as the usual pause stands out, also at night.
    static let unusualPauses = 200

    struct Silence: Equatable, Sendable {
        let type: String
        let since: NIODeadline
    }

    private struct Pace {
        var type = ""
        var count = 0
        var first: NIODeadline = .distantPast
        var last: NIODeadline = .distantPast
    }

    private var paces: [Pace] = Array(repeating: Pace(), count: EventNames.slotCount)

    /// Counts an event, by its slot in `EventNames`.
    mutating func note(_ type: String, slot: Int, now: NIODeadline) {
        if paces[slot].count == 0 || paces[slot].type != type {
            paces[slot] = Pace(type: type, count: 1, first: now, last: now)
        } else {
            paces[slot].count &+= 1
            paces[slot].last = now
        }
    }

    /// Kinds of events that came often and come no more.
    func silences(now: NIODeadline) -> [Silence] {
        paces.compactMap { pace in
            guard pace.count >= Self.leastEvents else { return nil }
            let pause = (pace.last - pace.first).nanoseconds / Int64(pace.count - 1)
            let silence = now - pace.last
            guard silence >= Self.leastSilence, silence.nanoseconds / Int64(Self.unusualPauses) >= pause else {
                return nil
            }
            return Silence(type: pace.type, since: pace.last)
        }
    }

    /// Starts over, as a session does.
    mutating func reset() {
        self = EventStatistics()
    }
}
