internal import Shared

/// One change of a guild's settings.
enum SettingChange: Sendable, Equatable {
    /// Where new members are welcomed, nil for nowhere, and with which text, nil for the standard one.
    case welcome(channel: Snowflake?, text: String?)
    /// Where the daily post goes, nil for nowhere, and at which minute after local midnight.
    case daily(channel: Snowflake?, minute: Int)
    /// Nil for the worker's default.
    case prefix(String?)
    /// An IANA name; nil for UTC.
    case timeZone(String?)
    /// Nil for the guild's own, as Discord tells it.
    case language(Language?)
    /// All of it back to what it was at first.
    case reset

    /// The settings that it changes, each with the name under which its last event is known. Events of different settings do not
    /// undo each other, in whatever order they come.
    var parts: [(name: String, change: SettingChange)] {
        switch self {
        case .welcome: [("welcome", self)]
        case .daily: [("daily", self)]
        case .prefix: [("prefix", self)]
        case .timeZone: [("time_zone", self)]
        case .language: [("language", self)]
        case .reset:
            [
                SettingChange.welcome(channel: nil, text: nil),
                .daily(channel: nil, minute: GuildConfiguration.standardDailyMinute), .prefix(nil), .timeZone(nil),
                .language(nil),
            ].flatMap(\.parts)
        }
    }
}

extension GuildConfiguration {
    /// 9:00, when members are awake in most places where a bot's admins are.
    static let standardDailyMinute = 9 * 60

    /// Minutes after local midnight.
    var effectiveDailyMinute: Int { dailyMinute ?? Self.standardDailyMinute }

    mutating func apply(_ change: SettingChange) {
        switch change {
        case .welcome(let channel, let text):
            welcomeChannel = channel
            welcomeText = text
        case .daily(let channel, let minute):
            dailyChannel = channel
            dailyMinute = minute
        case .prefix(let prefix): self.prefix = prefix
        case .timeZone(let zone): timeZone = zone
        case .language(let language): self.language = language
        case .reset: for part in change.parts { apply(part.change) }
        }
    }

    /// The next run after a time, in microseconds since 1970; nil if there is no daily post.
    func nextDaily(after instant: Int64) -> (date: LocalDate, at: Int64)? {
        guard dailyChannel != nil, !hasLeft else { return nil }
        return Schedule(timeZone: timeZone, minute: effectiveDailyMinute).next(after: instant)
    }
}
