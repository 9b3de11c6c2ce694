internal import Shared

/// Writes messages as members of a busy community do: mostly short text, some replies, mentions, pictures and links.
struct MessageAuthor {
    let world: World
    var random: SeededGenerator

    /// `d` of a MESSAGE_CREATE in the order of recorded frames; nil if the guild has nobody or nowhere to write.
    /// - Parameter now: microseconds since 1970.
    mutating func write(in guild: Snowflake, id: Snowflake, at now: Int) -> JSON? {
        guard let place = world.guilds[guild], let member = somebody(in: place), let channel = textChannel(of: place)
        else { return nil }
        let mentions = chance(0.18) ? [somebody(in: place)?.user].compactMap { $0 } : []
        var message = Message.json(
            id: id, channel: channel, author: member.user, content: text(), mentions: mentions, at: now)
        if chance(0.22), let other = somebody(in: place) {
            message = message.merging(reply(to: other.user, in: channel, of: guild, before: id, at: now))
        }
        if chance(0.12) { message = message.merging(["attachments": .array([attachment(in: channel)])]) }
        if chance(0.10) { message = message.merging(["embeds": .array([embed()])]) }
        message = message.merging([
            "member": member.json, "channel_type": 0, "guild_id": .id(guild),
        ])
        return Message.inRecordedOrder(message)
    }

    private mutating func chance(_ share: Double) -> Bool { Double.random(in: 0..<1, using: &random) < share }

    private mutating func somebody(in guild: Guild) -> Member? {
        let people = guild.memberOrder.filter { $0 != world.application.user.id }
        return people.randomElement(using: &random).flatMap { guild.members[$0] }
    }

    private mutating func textChannel(of guild: Guild) -> Snowflake? {
        guild.channels.filter { world.channels[$0]?.type == Channel.Kind.text }.randomElement(using: &random)
    }

    /// A few words mostly, a paragraph now and then.
    private mutating func text() -> String {
        let words = chance(0.12) ? Int.random(in: 60...220, using: &random) : Int.random(in: 3...40, using: &random)
        var text = (0..<words).map { _ in Self.words.randomElement(using: &random) ?? "" }.joined(separator: " ")
        if chance(0.3) { text += " 👋" }
        if chance(0.1) { text = "\"\(text)\"\n\\o/" }
        return text
    }

    private mutating func reply(
        to author: User, in channel: Snowflake, of guild: Snowflake, before id: Snowflake, at now: Int
    ) -> JSON {
        let earlier = Snowflake(id.rawValue - (UInt64.random(in: 1...600_000, using: &random) << 22))
        // The ids of this guild stand here before the event's own `guild_id`, as they do at Discord.
        let reference: JSON = [
            "type": 0, "message_id": .id(earlier), "guild_id": .id(guild), "channel_id": .id(channel),
        ]
        let referenced = Message.json(
            id: earlier, channel: channel, author: author, content: text(), mentions: [], at: now - 60_000_000)
        return ["type": 19, "message_reference": reference, "referenced_message": Message.inRecordedOrder(referenced)]
    }

    private mutating func attachment(in channel: Snowflake) -> JSON {
        let id = UInt64.random(in: 1 << 59..<1 << 60, using: &random)
        let signature = "ex=\(random.hexadecimal(8))&hm=\(random.hexadecimal(64))&"
        let address = "/attachments/\(channel)/\(id)/picture.png?\(signature)"
        return [
            "width": 1280, "url": .string("https://cdn.discordapp.com" + address), "size": 348_221,
            "proxy_url": .string("https://media.discordapp.net" + address), "placeholder_version": 1,
            "placeholder": .string(random.hexadecimal(28)), "id": .string(String(id)), "height": 720,
            "filename": "picture.png", "content_type": "image/png", "content_scan_version": 1,
        ]
    }

    private mutating func embed() -> JSON {
        let address = "https://example.org/articles/\(random.hexadecimal(12))"
        return [
            "type": "article", "url": .string(address), "title": .string(text(words: 8)),
            "description": .string(text(words: 30)), "color": 3_447_003,
            "provider": ["url": "https://example.org", "name": "Example"],
            "thumbnail": [
                "width": 1200, "url": .string(address + "/cover.jpg"), "height": 630, "flags": 0,
                "proxy_url": .string("https://images-ext-1.discordapp.net/external/\(random.hexadecimal(43))/c.jpg"),
            ],
        ]
    }

    private mutating func text(words count: Int) -> String {
        (0..<count).map { _ in Self.words.randomElement(using: &random) ?? "" }.joined(separator: " ")
    }

    private static let words = [
        "the", "and", "a", "harbour", "tonight", "maybe", "later", "I", "think", "we", "could", "try", "again",
        "because", "nobody", "answered", "yesterday", "über", "Straße", "café", "good", "game", "build", "release",
        "works", "here", "does", "not", "on", "mine", "lol", "thanks", "please", "look", "at", "this", "picture",
        "anyone", "up", "for", "a", "round", "tomorrow", "evening", "sure", "why", "ok", "gänseblümchen", "naïve",
    ]
}
