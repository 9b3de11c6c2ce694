/// Times as Discord writes them: ISO 8601 in UTC with six decimals (reference.mdx, ISO8601 Date/Time).
enum Timestamp {
    /// Writes microseconds since 1970.
    static func text(microseconds: Int) -> String {
        let seconds = microseconds.floorDivided(by: 1_000_000)
        let fraction = microseconds - seconds * 1_000_000
        let day = seconds.floorDivided(by: 86_400)
        let time = seconds - day * 86_400
        let date = civil(day: day)
        let clock = "\(padded(time / 3600)):\(padded(time / 60 % 60)):\(padded(time % 60))"
        return "\(padded(date.year, 4))-\(padded(date.month))-\(padded(date.day))T\(clock).\(padded(fraction, 6))+00:00"
    }

    /// Whether a text is a date, or a date and time, of ISO 8601.
    static func isISO8601(_ text: String) -> Bool {
        let date = /(\d{4})-(\d{2})-(\d{2})([T ](\d{2}):(\d{2})(:(\d{2})(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?/
        guard let match = text.wholeMatch(of: date) else { return false }
        func value(_ part: Substring?) -> Int { part.flatMap { Int($0) } ?? 0 }
        return (1...12).contains(value(match.2)) && (1...31).contains(value(match.3)) && value(match.5) < 24
            && value(match.6) < 60 && value(match.8) <= 60
    }

    private static func padded(_ value: Int, _ width: Int = 2) -> String {
        let text = String(value)
        return String(repeating: "0", count: max(0, width - text.count)) + text
    }

    /// The date of a day since 1970, by Howard Hinnant's `civil_from_days`.
    private static func civil(day: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = day + 719_468
        let era = shifted.floorDivided(by: 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let month = (5 * dayOfYear + 2) / 153
        let dayOfMonth = dayOfYear - (153 * month + 2) / 5 + 1
        let isNextYear = month >= 10
        return (yearOfEra + era * 400 + (isNextYear ? 1 : 0), isNextYear ? month - 9 : month + 3, dayOfMonth)
    }
}

extension Int {
    fileprivate func floorDivided(by divisor: Int) -> Int {
        let quotient = self / divisor
        return self % divisor < 0 ? quotient - 1 : quotient
    }
}
