internal import Shared

/// `/daily`: the texts that a server's daily posts take turns with.
struct DailyCommand: Command {
    private static let text = CommandOption<String>.string(
        "text", .phrase(.dailyAddTextOption), length: 1...DailyPostLimits.maximumLength)
    private static let number = CommandOption<Int>.integer(
        "number", .phrase(.dailyRemoveOption), range: 1...1_000_000_000, isRequired: true)
    private static let pageSize = 10
    private static let field = "text"

    let declaration = CommandDeclaration(
        name: "daily", description: .phrase(.dailyDescription),
        subcommands: [
            SubcommandDeclaration(
                name: "add", description: .phrase(.dailyAddDescription), options: [text.declaration],
                opensModal: true, textForm: .slashOnly),
            SubcommandDeclaration(name: "list", description: .phrase(.dailyListDescription)),
            SubcommandDeclaration(
                name: "remove", description: .phrase(.dailyRemoveDescription), options: [number.declaration]),
            SubcommandDeclaration(
                name: "preview", description: .phrase(.dailyPreviewDescription), textForm: .slashOnly),
            SubcommandDeclaration(name: "skip", description: .phrase(.dailySkipDescription)),
        ],
        permission: .manageGuild, contexts: [.guild], isEphemeral: true, textForm: .same)

    func run(_ invocation: Invocation, _ services: Services) async throws -> Reply {
        guard let guild = invocation.guild else { return .hint(invocation.language(.guildOnly)) }
        switch invocation.subcommand {
        case "add":
            guard let text = invocation[Self.text] else { return .modal(modal(invocation)) }
            return try await add(text, invocation, guild, services)
        case "remove": return try await remove(invocation, guild, services)
        case "preview": return try await preview(invocation, guild, services)
        case "skip": return try await skip(invocation, guild, services)
        default: return .message(try await list(page: 0, invocation, guild, services))
        }
    }

    func press(_ press: ComponentPress, _ services: Services) async throws -> Reply {
        guard press.id[0] == "list", let page = Int(press.id[1]), let guild = press.invocation.guild else {
            return .hint(press.invocation.language(.outdatedMessage))
        }
        return .update(try await list(page: page, press.invocation, guild, services))
    }

    func submit(_ submission: ModalSubmission, _ services: Services) async throws -> Reply {
        guard submission.id[0] == "add", let guild = submission.invocation.guild else {
            return .hint(submission.invocation.language(.outdatedMessage))
        }
        return try await add(submission.fields[Self.field] ?? "", submission.invocation, guild, services)
    }

    private func modal(_ invocation: Invocation) -> Modal {
        let say = invocation.language
        return Modal(
            id: ComponentID("daily", owner: invocation.user, "add"), title: say(.dailyModalTitle),
            fields: [.init(name: Self.field, label: say(.dailyModalField), length: 1...DailyPostLimits.maximumLength)])
    }

    private func add(
        _ text: String, _ invocation: Invocation, _ guild: Snowflake, _ services: Services
    ) async throws -> Reply {
        let say = invocation.language
        guard !text.allSatisfy(\.isWhitespace), text.utf16.count <= DailyPostLimits.maximumLength else {
            return .hint(say(.dailyTooLong, ["most": "\(DailyPostLimits.maximumLength)"]))
        }
        let outcome = try await services.store.addDailyPost(
            text, by: invocation.user, to: guild, event: invocation.event)
        switch outcome {
        case .added(let post): return .hint(say(.dailyAdded, ["number": "\(post.number)"]))
        case .full(let limit): return .hint(say(.dailyFull, ["most": "\(limit)", "command": "`/daily remove`"]))
        }
    }

    private func list(
        page: Int, _ invocation: Invocation, _ guild: Snowflake, _ services: Services
    ) async throws -> OutgoingMessage {
        let say = invocation.language
        let posts = try await services.store.dailyPosts(of: guild)
        guard !posts.isEmpty else { return OutgoingMessage(say(.dailyEmpty, ["command": "`/daily add`"])) }
        let pages = (posts.count + Self.pageSize - 1) / Self.pageSize
        let page = min(max(0, page), pages - 1)
        let shown = posts.dropFirst(page * Self.pageSize).prefix(Self.pageSize)
        let lines = shown.map {
            say(.dailyListLine, ["number": "\($0.number)", "text": DiscordText.line($0.text, 300)])
        }
        var message = OutgoingMessage()
        message.embeds = [
            Embed(
                title: say(.dailyListTitle, ["count": "\(posts.count)"]), description: lines.joined(separator: "\n"),
                footer: pages > 1 ? say(.pageOf, ["page": "\(page + 1)", "pages": "\(pages)"]) : nil
            ).json
        ]
        if pages > 1 {
            message.components = [
                Paging(page: page, pages: pages).row(say) {
                    ComponentID("daily", owner: invocation.user, "list", "\($0)")
                }
            ]
        }
        return message
    }

    private func remove(_ invocation: Invocation, _ guild: Snowflake, _ services: Services) async throws -> Reply {
        let say = invocation.language
        let number = invocation[Self.number] ?? 0
        let removed = try await services.store.removeDailyPost(number, from: guild, event: invocation.event)
        guard let removed else {
            return .hint(say(.dailyNoSuchNumber, ["number": "\(number)", "command": "`/daily list`"]))
        }
        return .text(
            say(.dailyRemoved, ["number": "\(removed.number)", "text": DiscordText.line(removed.text, 300)]))
    }

    private func preview(_ invocation: Invocation, _ guild: Snowflake, _ services: Services) async throws -> Reply {
        let say = invocation.language
        guard let next = try await next(guild, services) else {
            return .hint(say(.dailyOff, ["command": "`/config daily`"]))
        }
        guard let post = try await services.store.dailyPosts(of: guild).first else {
            return .hint(say(.dailyEmpty, ["command": "`/daily add`"]))
        }
        var message = DailyPostTask.message(post)
        message.content = say(.dailyPreviewNote, ["next": DiscordText.relativeTime(next.at / 1_000_000)])
        return .message(message)
    }

    private func skip(_ invocation: Invocation, _ guild: Snowflake, _ services: Services) async throws -> Reply {
        let say = invocation.language
        guard let next = try await next(guild, services) else {
            return .hint(say(.dailyOff, ["command": "`/config daily`"]))
        }
        let isSkipped = try await services.store.skipDaily(on: next.date, of: guild, event: invocation.event)
        return .text(say(isSkipped ? .dailySkipped : .dailyNotSkipped, ["date": "\(next.date)"]))
    }

    private func next(_ guild: Snowflake, _ services: Services) async throws -> (date: LocalDate, at: Int64)? {
        try await services.store.configuration(of: guild).nextDaily(after: ProcessClock.wallMicroseconds)
    }
}

/// Buttons to page with.
struct Paging: Sendable {
    let page: Int
    let pages: Int

    func row(_ say: Language, _ id: (_ page: Int) -> ComponentID) -> JSON {
        Button.row([
            Button(id: id(page - 1), label: say(.leaderboardPrevious), isDisabled: page == 0),
            Button(id: id(page + 1), label: say(.leaderboardNext), isDisabled: page >= pages - 1),
        ])
    }
}
