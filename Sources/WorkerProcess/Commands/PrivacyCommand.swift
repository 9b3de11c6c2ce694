internal import Shared

/// `/privacy`: gives members, or erases, what is stored about them (docs/privacy.md).
struct PrivacyCommand: Command {
    let declaration = CommandDeclaration(
        name: "privacy", description: .phrase(.privacyDescription),
        subcommands: [
            SubcommandDeclaration(name: "export", description: .phrase(.privacyExportDescription), defers: true),
            SubcommandDeclaration(name: "delete", description: .phrase(.privacyDeleteDescription)),
        ],
        isEphemeral: true)

    func run(_ invocation: Invocation, _ services: Services) async throws -> Reply {
        if invocation.subcommand == "delete" { return ask(invocation) }
        let say = invocation.language
        let records = try await services.store.memberRecords(of: invocation.user)
        var message = OutgoingMessage(
            say(.privacyExported, ["days": "\(records.days.count)", "posts": "\(records.posts.count)"]))
        let text = Self.json(of: records, invocation.user).text
        message.attachments = [
            Attachment(filename: "olim-export.json", contentType: "application/json", data: Array(text.utf8))
        ]
        return .message(message)
    }

    func press(_ press: ComponentPress, _ services: Services) async throws -> Reply {
        let say = press.invocation.language
        guard press.id[0] == "yes" else { return .update(OutgoingMessage(say(.cancelled))) }
        let rows = try await services.store.eraseMember(press.invocation.user)
        return .update(OutgoingMessage(say(.privacyErased, ["rows": "\(rows)"])))
    }

    private func ask(_ invocation: Invocation) -> Reply {
        let say = invocation.language
        var message = OutgoingMessage(say(.privacyAsk))
        message.components = [
            Button.row([
                Button(
                    id: ComponentID("privacy", owner: invocation.user, "yes"), label: say(.privacyYes), style: .danger),
                Button(id: ComponentID("privacy", owner: invocation.user, "no"), label: say(.cancel)),
            ])
        ]
        return .message(message)
    }

    /// Everything, with names that explain themselves.
    static func json(of records: MemberRecords, _ member: Snowflake) -> JSON {
        [
            "user_id": .string("\(member)"),
            "messages_per_day": .array(
                records.days.map { row in
                    [
                        "guild_id": .string("\(row.guild)"),
                        "day": .string(LocalDate(daysSince1970: Int64(row.day))?.description ?? ""),
                        "messages": .integer(row.messages),
                    ]
                }),
            "texts_for_daily_posts": .array(
                records.posts.map { guild, post in
                    [
                        "guild_id": .string("\(guild)"), "number": .integer(post.number), "text": .string(post.text),
                    ]
                }),
        ]
    }
}
