/// When something is done daily at a local time. Pure: the time is passed in.
///
/// - Where the clock is put forward over the time, it is done as long after midnight as on other days: 2:30 becomes 3:30.
/// - Where the clock is put back, and the time comes twice, it is done the first time.
/// - A date that a place leaves out (Samoa had no 30 December 2011) has no run.
struct Schedule: Sendable {
    /// UTC if it is nil.
    private let zone: TimeZone?
    /// After local midnight.
    private let minute: Int

    /// - Parameter timeZone: IANA name; UTC if it is nil, or not known here any more.
    init(timeZone: String?, minute: Int) {
        zone = timeZone.flatMap { TimeZone(named: $0) }
        self.minute = minute
    }

    /// The first run after an instant, in microseconds since 1970.
    func next(after instant: Int64) -> (date: LocalDate, at: Int64) {
        let seconds = instant.floorDivided(by: 1_000_000)
        var day = (seconds + offset(at: seconds)).floorDivided(by: 86_400) - 1
        while true {
            if let at = occurrence(onDay: day), at * 1_000_000 > instant, let date = LocalDate(daysSince1970: day) {
                return (date, at * 1_000_000)
            }
            day += 1
        }
    }

    /// The local date of an instant.
    func date(of instant: Int64) -> LocalDate? {
        let seconds = instant.floorDivided(by: 1_000_000)
        return LocalDate(daysSince1970: (seconds + offset(at: seconds)).floorDivided(by: 86_400))
    }

    /// The local time of an instant.
    func timeOfDay(at instant: Int64) -> TimeOfDay {
        let seconds = instant.floorDivided(by: 1_000_000)
        let local = seconds + offset(at: seconds)
        return TimeOfDay(minute: Int((local - local.floorDivided(by: 86_400) * 86_400) / 60))
    }

    /// Seconds since 1970; nil if the place leaves that date out.
    private func occurrence(onDay day: Int64) -> Int64? {
        let local = day * 86_400 + Int64(minute) * 60
        // No place changes its clock twice within two days.
        let before = offset(at: local - offset(at: local) - 86_400)
        let after = offset(at: local - offset(at: local) + 86_400)
        let candidates = [local - before, local - after].sorted().filter { $0 + offset(at: $0) == local }
        if let first = candidates.first { return first }
        let shifted = local - before
        guard (shifted + offset(at: shifted)).floorDivided(by: 86_400) != day else { return shifted }
        // Either the clock is put forward over midnight, or the date is left out, and then its noon is, too.
        return minute == Self.noon || Schedule(zone, Self.noon).occurrence(onDay: day) == nil ? nil : shifted
    }

    private static let noon = 12 * 60

    private init(_ zone: TimeZone?, _ minute: Int) {
        self.zone = zone
        self.minute = minute
    }

    private func offset(at seconds: Int64) -> Int64 {
        zone?.offset(at: seconds) ?? 0
    }
}

extension Int64 {
    fileprivate func floorDivided(by divisor: Int64) -> Int64 {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? quotient - 1 : quotient
    }
}

extension LocalDate {
    /// Nil beyond the years that a `LocalDate` has. After Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
    init?(daysSince1970 days: Int64) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        self.init(
            year: Int(year), month: Int(month), day: Int(dayOfYear - (153 * monthFromMarch + 2) / 5 + 1))
    }
}
