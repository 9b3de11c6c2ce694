internal import Shared

/// `/stats`: how active somebody is in this server.
struct StatsCommand: Command {
    private static let member = CommandOption<Snowflake>.user("member", .phrase(.statsMemberOption))
    /// In the chart.
    static let days = 30

    let declaration = CommandDeclaration(
        name: "stats", description: .phrase(.statsDescription), options: [member.declaration], contexts: [.guild],
        defers: true)

    func run(_ invocation: Invocation, _ services: Services) async throws -> Reply {
        let say = invocation.language
        guard let guild = invocation.guild else { return .hint(say(.guildOnly)) }
        let member = invocation[Self.member] ?? invocation.user
        let today = Days.today
        let statistics = try await services.store.statistics(of: member, in: guild, today: today)
        guard statistics.messages > 0 else {
            var message = OutgoingMessage()
            message.embeds = [Embed(description: say(.statsNothing, ["member": "<@\(member)>"])).json]
            return .message(message)
        }
        var embed = Embed(
            title: say(.statsTitle), description: "<@\(member)>",
            fields: [
                .init(
                    name: say(.statsMessages),
                    value: "\(statistics.messages) (\(say(.statsToday, ["count": "\(statistics.messagesToday)"])))"),
                .init(
                    name: say(.statsActiveDays),
                    value: [
                        "\(statistics.activeDays)",
                        statistics.firstDay.flatMap { LocalDate(daysSince1970: Int64($0)) }.map {
                            say(.statsSince, ["date": "\($0)"])
                        },
                    ].compactMap(\.self).joined(separator: ", ")),
                .init(
                    name: say(.statsStreak),
                    value: say(
                        .statsStreakDays,
                        ["days": "\(statistics.streak)", "longest": "\(statistics.longestStreak)"])),
            ],
            footer: say(.statsDaysNote))
        var message = OutgoingMessage()
        let counts = (0..<Self.days).reversed().map { statistics.byDay[today - $0] ?? 0 }
        if let chart = ActivityChart.attachment(counts, lastDay: today) {
            message.attachments = [chart]
            embed.image = chart.filename
        }
        message.embeds = [embed.json]
        return .message(message)
    }
}

/// Days since 1970 in UTC.
enum Days {
    static var today: Int { Int(ProcessClock.wallMicroseconds / 86_400_000_000) }
}
