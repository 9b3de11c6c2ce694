internal import Shared

/// `/leaderboard`: who writes most, page by page, with the server's activity as a picture.
struct LeaderboardCommand: Command {
    enum Period: String, Sendable, CaseIterable {
        case week, month, all

        var name: Phrase {
            switch self {
            case .week: .periodWeek
            case .month: .periodMonth
            case .all: .periodAll
            }
        }

        /// Nil for all.
        func days(until today: Int) -> ClosedRange<Int>? {
            switch self {
            case .week: today - 6...today
            case .month: today - 29...today
            case .all: nil
            }
        }

        /// In the chart.
        var charted: Int { self == .week ? 7 : 30 }
    }

    private static let period = CommandOption<String>.string(
        "period", .phrase(.leaderboardPeriodOption),
        choices: Period.allCases.map { OptionChoice($0.rawValue, .phrase($0.name)) })
    private static let pageSize = 10

    let declaration = CommandDeclaration(
        name: "leaderboard", description: .phrase(.leaderboardDescription), options: [period.declaration],
        contexts: [.guild], defers: true)

    func run(_ invocation: Invocation, _ services: Services) async throws -> Reply {
        guard let guild = invocation.guild else { return .hint(invocation.language(.guildOnly)) }
        let period = invocation[Self.period].flatMap(Period.init) ?? .week
        return .message(try await page(0, of: period, invocation, guild, services))
    }

    func press(_ press: ComponentPress, _ services: Services) async throws -> Reply {
        guard let period = Period(rawValue: press.id[0]), let page = Int(press.id[1]),
            let guild = press.invocation.guild
        else { return .hint(press.invocation.language(.outdatedMessage)) }
        return .update(try await self.page(max(0, page), of: period, press.invocation, guild, services))
    }

    private func page(
        _ page: Int, of period: Period, _ invocation: Invocation, _ guild: Snowflake, _ services: Services
    ) async throws -> OutgoingMessage {
        let say = invocation.language
        let today = Days.today
        let board = try await services.store.leaderboard(
            of: guild, days: period.days(until: today), offset: page * Self.pageSize, limit: Self.pageSize)
        let pages = max(1, (board.members + Self.pageSize - 1) / Self.pageSize)
        let lines = board.rows.enumerated().map { place, row in
            say(
                .leaderboardLine,
                [
                    "place": "\(page * Self.pageSize + place + 1)", "member": "<@\(row.member)>",
                    "messages": "\(row.messages)", "days": "\(row.activeDays)",
                ])
        }
        var embed = Embed(
            title: say(.leaderboardTitle, ["period": say(period.name)]),
            description: lines.isEmpty ? say(.leaderboardNothing) : lines.joined(separator: "\n"),
            footer: pages > 1 ? say(.pageOf, ["page": "\(page + 1)", "pages": "\(pages)"]) : nil)
        var message = OutgoingMessage()
        if !lines.isEmpty, let chart = try await chart(of: period, guild, today, services) {
            message.attachments = [chart]
            embed.image = chart.filename
        }
        message.embeds = [embed.json]
        if pages > 1 {
            message.components = [
                Paging(page: page, pages: pages).row(say) {
                    ComponentID("leaderboard", owner: invocation.user, period.rawValue, "\($0)")
                }
            ]
        }
        return message
    }

    private func chart(
        of period: Period, _ guild: Snowflake, _ today: Int, _ services: Services
    ) async throws -> Attachment? {
        let first = today - period.charted + 1
        let days = try await services.store.dailyActivity(of: guild, days: first...today)
        let byDay = Dictionary(days.map { ($0.day, $0.messages) }) { first, _ in first }
        return ActivityChart.attachment((first...today).map { byDay[$0] ?? 0 }, lastDay: today)
    }
}
