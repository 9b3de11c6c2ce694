internal import DequeModule
internal import NIOCore
internal import Shared

/// Which interactions the gateway answers itself, with a deferral, because no worker did in time: three seconds after
/// an interaction its token is void, after a deferral it is good for fifteen minutes (receiving-and-responding.mdx).
struct DeferralPolicy {
    /// One call to be made.
    struct Call: Equatable, Sendable {
        let event: EventID
        let interaction: Snowflake
        let token: String
        /// 5: a message comes later; 6: the message there may be changed later.
        let type: Int
        /// Only the caller sees the answer.
        let isEphemeral: Bool
    }

    /// What became of a call.
    enum Outcome: Equatable, Sendable {
        case deferred
        /// It may have been carried out: taken for deferred.
        case ambiguous
        case refused(String)
        /// Nothing was sent.
        case unreachable(String)

        var countsAsDeferred: Bool { self == .deferred || self == .ambiguous }
    }

    /// Older ones are left alone: the call would not come in time.
    static let maximumAge: TimeAmount = .milliseconds(2500)
    /// Older than any interaction's token lives: the id or the clock says nothing about its age, and it counts as new.
    static let impossibleAge: TimeAmount = .minutes(15)
    /// Between a failed connection and the next try.
    static let retryPause: TimeAmount = .milliseconds(200)

    private struct Entry {
        let event: EventID
        let head: InteractionHead
        var due: NIODeadline
        /// When it is too old.
        let end: NIODeadline
    }

    let after: TimeAmount?
    private var waiting: [EventID: Entry] = [:]
    /// By time of being due, which is nearly the order of reception.
    private var line: Deque<EventID> = []

    /// - Parameter after: nil to defer nothing.
    init(after: TimeAmount?) {
        self.after = after
    }

    /// Notes an interaction that a worker is to answer.
    /// - Parameter wall: now, in microseconds since 1970.
    mutating func received(_ head: InteractionHead, as event: EventID, now: NIODeadline, wall: Int64) {
        guard let after, head.kind != .autocomplete else { return }
        let created = Int64(head.id.millisecondsSince1970) * 1000
        // A clock that is behind Discord's makes no interaction younger than new.
        let told = TimeAmount.microseconds(max(0, wall - created))
        let age = told < Self.impossibleAge ? told : .zero
        guard age < Self.maximumAge else { return }
        let end = now + (Self.maximumAge - age)
        // What came late is deferred sooner, while it can be.
        let due = min(now + after, end - min(Self.retryPause, Self.maximumAge - age))
        insert(Entry(event: event, head: head, due: due, end: end))
    }

    /// A worker is done with it.
    mutating func finished(_ event: EventID) {
        waiting[event] = nil
        while let first = line.first, waiting[first] == nil { line.removeFirst() }
    }

    /// Nothing was sent: try again if there is time.
    mutating func failed(_ call: Call, head: InteractionHead, end: NIODeadline, now: NIODeadline) {
        guard now + Self.retryPause < end else { return }
        insert(Entry(event: call.event, head: head, due: now + Self.retryPause, end: end))
    }

    var nextDeadline: NIODeadline? { line.first.flatMap { waiting[$0]?.due } }

    /// The calls to be made now, with what `failed` wants to know.
    /// - Parameter lists: of all workers known; nil if none is.
    mutating func due(
        now: NIODeadline, lists: (ephemeral: Set<String>, immediate: Set<String>)?
    ) -> [(call: Call, head: InteractionHead, end: NIODeadline)] {
        var calls: [(call: Call, head: InteractionHead, end: NIODeadline)] = []
        while let first = line.first {
            guard let entry = waiting[first] else {
                line.removeFirst()
                continue
            }
            guard entry.due <= now else { break }
            line.removeFirst()
            waiting[first] = nil
            guard now < entry.end, let call = Self.call(for: entry.head, event: first, lists: lists) else { continue }
            calls.append((call, entry.head, entry.end))
        }
        return calls
    }

    /// How an interaction is deferred; nil if it must not be.
    static func call(
        for head: InteractionHead, event: EventID, lists: (ephemeral: Set<String>, immediate: Set<String>)?
    ) -> Call? {
        if let immediate = lists?.immediate {
            switch head.kind {
            case .command: if immediate.contains(head.name) { return nil }
            case .component, .modalSubmit: if immediate.contains(where: { head.name.hasPrefix($0) }) { return nil }
            case .autocomplete: return nil
            }
        }
        func call(_ type: Int, isEphemeral: Bool = false) -> Call {
            Call(event: event, interaction: head.id, token: head.token, type: type, isEphemeral: isEphemeral)
        }
        switch head.kind {
        case .autocomplete: return nil
        // With no worker ever seen, its commands are unknown, and what only the caller sees does no harm.
        case .command: return call(5, isEphemeral: lists?.ephemeral.names(command: head.name) ?? true)
        case .component: return call(6)
        case .modalSubmit: return call(head.hasMessage ? 6 : 5)
        }
    }

    private mutating func insert(_ entry: Entry) {
        waiting[entry.event] = entry
        var position = line.endIndex
        while position > line.startIndex, let due = waiting[line[position - 1]]?.due, due > entry.due { position -= 1 }
        line.insert(entry.event, at: position)
    }
}

extension Set<String> {
    /// Whether it has this command (`config welcome`) or one that this is a subcommand of (`config`).
    fileprivate func names(command path: String) -> Bool {
        var name = path[...]
        while !contains(String(name)) {
            guard let space = name.lastIndex(of: " ") else { return false }
            name = name[..<space]
        }
        return true
    }
}
