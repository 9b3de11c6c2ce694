internal import CTimeZone
internal import Shared

/// A time zone of the machine's database.
struct TimeZone: Sendable {
    /// IANA name.
    let name: String

    /// - Returns: Nil if the database has none of this name.
    init?(named name: String) {
        // The name becomes a path in the database's directory.
        let isName = name.allSatisfy { ($0.isASCII && ($0.isLetter || $0.isNumber)) || "_+-/".contains($0) }
        guard isName, !name.isEmpty, !name.hasPrefix("/"), olim_time_zone_exists(name) else { return nil }
        self.name = name
    }

    /// Seconds east of UTC at an instant in seconds since 1970.
    func offset(at instant: Int64) -> Int64 { Int64(olim_time_zone_offset(name, instant)) }
}

/// The time zones that the machine knows.
enum TimeZones {
    /// IANA names of places, and UTC.
    static let all: [String] = places().sorted() + ["UTC"]

    /// Those that somebody who typed this may mean: first those whose city begins so, at most 25.
    static func search(_ typed: String) -> [String] {
        let wanted = folded(typed)
        guard !wanted.isEmpty else { return Array(common.prefix(25)) }
        let found = all.filter { folded($0).contains(wanted) }
        let first = found.filter { folded(city($0)).hasPrefix(wanted) }
        let rest = found.filter { !folded(city($0)).hasPrefix(wanted) }
        return Array((first + rest).prefix(25))
    }

    /// The name as the database of time zones spells it; nil if there is none. Outdated names are right only as they are spelt there.
    static func named(_ name: String) -> String? {
        let wanted = folded(name)
        return all.first { folded($0) == wanted } ?? TimeZone(named: name)?.name
    }

    /// The third column of the database's list of places (tzfile's zone.tab); without one, those that come first to mind.
    private static func places() -> [String] {
        guard let list = try? WholeFile.read("/usr/share/zoneinfo/zone.tab", maximumBytes: 1 << 20) else {
            return common.filter { $0.contains("/") && TimeZone(named: $0) != nil }
        }
        return String(decoding: list, as: UTF8.self).split(separator: "\n").filter { !$0.hasPrefix("#") }.compactMap {
            line in
            let columns = line.split(separator: "\t")
            return columns.count > 2 ? String(columns[2]) : nil
        }
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
        text.lowercased().replacing("_", with: " ").split(whereSeparator: \.isWhitespace).joined(separator: " ")
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
