internal import Shared

/// The day before: who wrote most, how long their streaks are, and a picture of the last two weeks. Days are counted in UTC.
struct DigestTask: DailyTask {
    let name = DailyTaskName.digest

    private static let places = 5
    /// In the chart.
    private static let days = 14

    func content(
        of run: DailyRun, _ configuration: GuildConfiguration, _ services: Services
    ) async throws -> DailyContent {
        let guild = run.key.guild
        let yesterday = Int(run.dueAt / 86_400_000_000) - 1
        let first = yesterday - Self.days + 1
        let days = try await services.store.dailyActivity(of: guild, days: first...yesterday)
        guard let day = days.last, day.day == yesterday else { return .nothing("nobody wrote anything") }
        let board = try await services.store.leaderboard(
            of: guild, days: yesterday...yesterday, offset: 0, limit: Self.places)
        let say = configuration.effectiveLanguage
        var lines: [String] = []
        for (place, row) in board.rows.enumerated() {
            let statistics = try await services.store.statistics(of: row.member, in: guild, today: yesterday)
            lines.append(
                say(
                    .digestLine,
                    [
                        "place": "\(place + 1)", "member": "<@\(row.member)>", "messages": "\(row.messages)",
                        "streak": "\(statistics.streak)",
                    ]))
        }
        var embed = Embed(
            title: say(.digestTitle, ["messages": "\(day.messages)", "members": "\(day.members)"]),
            description: lines.joined(separator: "\n"), footer: run.key.footer)
        var message = OutgoingMessage()
        let byDay = Dictionary(days.map { ($0.day, $0.messages) }) { first, _ in first }
        if let chart = ActivityChart.attachment(
            (first...yesterday).map { byDay[$0] ?? 0 }, lastDay: yesterday)
        {
            message.attachments = [chart]
            embed.image = chart.filename
        }
        message.embeds = [embed.json]
        return .message(message)
    }
}
