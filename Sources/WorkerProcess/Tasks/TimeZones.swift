internal import Foundation

/// The time zones that the machine knows.
enum TimeZones {
    /// IANA names of places, without the outdated ones that stand for nobody's home.
    static let all: [String] = TimeZone.knownTimeZoneIdentifiers.filter { $0.contains("/") }.sorted() + ["UTC"]

    /// Those that somebody who typed this may mean: first those whose city begins so, at most 25.
    static func search(_ typed: String) -> [String] {
        let wanted = folded(typed)
        guard !wanted.isEmpty else { return Array(common.prefix(25)) }
        let found = all.filter { folded($0).contains(wanted) }
        let first = found.filter { folded(city($0)).hasPrefix(wanted) }
        let rest = found.filter { !folded(city($0)).hasPrefix(wanted) }
        return Array((first + rest).prefix(25))
    }

    /// The name as the database of time zones spells it; nil if there is none.
    static func named(_ name: String) -> String? {
        let wanted = folded(name)
        return all.first { folded($0) == wanted }
    }

    /// For somebody who has typed nothing yet.
    private static let common = [
        "Europe/Madrid", "Europe/London", "Europe/Berlin", "Europe/Paris", "America/New_York", "America/Chicago",
        "America/Denver", "America/Los_Angeles", "America/Mexico_City", "America/Bogota", "America/Lima",
        "America/Santiago", "America/Argentina/Buenos_Aires", "America/Sao_Paulo", "Asia/Tokyo", "Asia/Kolkata",
        "Asia/Singapore", "Australia/Sydney", "UTC",
    ]

    private static func city(_ name: String) -> String { name.split(separator: "/").last.map(String.init) ?? name }

    private static func folded(_ text: String) -> String {
        text.lowercased().replacing("_", with: " ").trimmingCharacters(in: .whitespaces)
    }
}

/// A time of day.
struct TimeOfDay: Sendable, Equatable, CustomStringConvertible {
    /// After midnight.
    let minute: Int

    init(minute: Int) { self.minute = minute }

    /// Reads `9:00`, `21:30`, `9`.
    init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let hour = Int(parts[0]), (0...23).contains(hour) else { return nil }
        guard parts.count == 2 else {
            minute = hour * 60
            return
        }
        guard parts[1].utf8.count == 2, let rest = Int(parts[1]), (0...59).contains(rest) else { return nil }
        minute = hour * 60 + rest
    }

    var description: String { "\(minute / 60):\(minute % 60 < 10 ? "0" : "")\(minute % 60)" }
}
