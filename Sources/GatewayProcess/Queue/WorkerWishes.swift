internal import NIOCore
internal import Shared

/// What the workers want delivered, and how their interactions are to be deferred: the union over all that are here and
/// over those that left a short while ago, also before a restart.
struct WorkerWishes {
    struct Wish: Equatable, Sendable {
        /// Names of dispatches; nil for all.
        var events: Set<String>?
        /// Commands whose deferred answer only the caller may see.
        var ephemeral: Set<String> = []
        /// Commands and prefixes of custom ids never to be deferred.
        var immediate: Set<String> = []
    }

    /// The wish of a worker that has left.
    struct Remembered: Equatable, Sendable {
        let name: String
        let wish: Wish
        /// In microseconds since 1970.
        let leftAt: Int64
    }

    /// Long enough for a deployment that goes wrong and is put right by hand.
    static let memory: TimeAmount = .minutes(15)

    private struct Left {
        var wish: Wish
        var at: NIODeadline
    }

    private var present: [WorkerID: (name: String, wish: Wish)] = [:]
    private var left: [String: Left] = [:]
    /// The lists of whoever left last, for the time when all others are forgotten: an outage of the workers may be long.
    private var last: Left?

    init() {}

    init(restoring wishes: [Remembered], now: NIODeadline, wall: Int64) {
        for wish in wishes {
            let age = TimeAmount.microseconds(min(max(0, wall - wish.leftAt), Self.memory.nanoseconds / 1000))
            let entry = Left(wish: wish.wish, at: now - age)
            if entry.at + Self.memory > now { left[wish.name] = entry }
            if last.map({ $0.at < entry.at }) ?? true { last = entry }
        }
    }

    mutating func join(_ worker: WorkerID, name: String, wish: Wish) {
        present[worker] = (name, wish)
        left[name] = nil
    }

    mutating func leave(_ worker: WorkerID, now: NIODeadline) {
        guard let (name, wish) = present.removeValue(forKey: worker) else { return }
        let entry = Left(wish: wish, at: now)
        last = entry
        left[name] = entry
    }

    /// Forgets who left long ago; whether anybody was forgotten.
    mutating func forget(now: NIODeadline) -> Bool {
        let count = left.count
        left = left.filter { $0.value.at + Self.memory > now }
        return left.count != count
    }

    /// When the next wish is forgotten.
    var nextDeadline: NIODeadline? { left.values.map { $0.at + Self.memory }.min() }

    /// Whether anybody wants it; with no wish known, everything is wanted.
    func wants(_ type: String) -> Bool {
        if present.isEmpty && left.isEmpty { return true }
        return present.values.contains { $0.wish.events?.contains(type) ?? true }
            || left.values.contains { $0.wish.events?.contains(type) ?? true }
    }

    /// Both lists over all workers known; nil if none is.
    var interactionLists: (ephemeral: Set<String>, immediate: Set<String>)? {
        var wishes = present.values.map(\.wish) + left.values.map(\.wish)
        if wishes.isEmpty, let last { wishes = [last.wish] }
        guard !wishes.isEmpty else { return nil }
        return (
            wishes.reduce(into: []) { $0.formUnion($1.ephemeral) },
            wishes.reduce(into: []) { $0.formUnion($1.immediate) }
        )
    }

    /// What to remember over a restart: those here count as having left now.
    func remembered(now: NIODeadline, wall: Int64) -> [Remembered] {
        var wishes = left.filter { entry in !present.values.contains { $0.name == entry.key } }.map { name, left in
            Remembered(name: name, wish: left.wish, leftAt: wall - (now - left.at).nanoseconds / 1000)
        }
        var byName: [String: Wish] = [:]
        for (name, wish) in present.values {
            byName[name] = byName[name].map { $0.union(wish) } ?? wish
        }
        wishes += byName.map { Remembered(name: $0.key, wish: $0.value, leftAt: wall) }
        if wishes.isEmpty, let last {
            wishes = [Remembered(name: "", wish: last.wish, leftAt: wall - (now - last.at).nanoseconds / 1000)]
        }
        return wishes.sorted { $0.name < $1.name }
    }
}

extension WorkerWishes.Wish {
    fileprivate func union(_ other: Self) -> Self {
        var events: Set<String>?
        if let mine = self.events, let theirs = other.events { events = mine.union(theirs) }
        return Self(
            events: events, ephemeral: ephemeral.union(other.ephemeral), immediate: immediate.union(other.immediate))
    }
}

extension WorkerWishes.Remembered {
    var json: JSON {
        func list(_ names: Set<String>) -> JSON { .array(names.sorted().map(JSON.string)) }
        return .compact([
            "name": .string(name), "events": wish.events.map(list), "ephemeral": list(wish.ephemeral),
            "immediate": list(wish.immediate), "left_at": .integer(Int(leftAt)),
        ])
    }

    init?(_ json: JSON) {
        func list(_ key: String) -> Set<String>? {
            json[key]?.elements.map { Set($0.compactMap(\.string)) }
        }
        guard let name = json["name"]?.string, let leftAt = json["left_at"]?.int else { return nil }
        self.init(
            name: name,
            wish: .init(
                events: list("events"), ephemeral: list("ephemeral") ?? [], immediate: list("immediate") ?? []),
            leftAt: Int64(leftAt))
    }
}
