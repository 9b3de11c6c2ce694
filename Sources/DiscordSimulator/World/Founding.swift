internal import Shared

/// Makes the communities that exist when the simulator starts; the same ones for the same seed.
struct Founding {
    /// How many communities, and of what size.
    struct Plan: Equatable, Sendable {
        var guilds = 2
        /// Members of each, the bot among them.
        var members = 12
        /// Text channels of each.
        var channels = 3
    }

    /// 2021-09-18T17:02:44.310Z: before this nothing exists.
    private static let beginning: UInt64 = 1_631_984_564_310
    private static let day: UInt64 = 86_400_000

    private var random: SeededGenerator
    private var mintedUsers: UInt64 = 0

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
    }

    /// The bot and its application.
    static func application(token: String, allowedIntents: Int) -> Application {
        let id = SnowflakeMint.past(milliseconds: 1_683_019_800_114, position: 579)
        let user = User(id: id, username: "lantern-bot", globalName: nil, discriminator: "4821", isBot: true)
        return Application(id: id, token: token, allowedIntents: allowedIntents, user: user)
    }

    /// Fills a world.
    mutating func populate(_ world: World, plan: Plan) {
        for number in 0..<plan.guilds {
            let (guild, channels) = makeGuild(number, plan: plan, bot: world.application)
            world.insert(guild, channels: channels)
        }
    }

    /// A community with its channels.
    mutating func makeGuild(_ number: Int, plan: Plan, bot: Application) -> (Guild, [Channel]) {
        // The milliseconds decide on the shard, so they must not follow a pattern.
        let made = Self.beginning + UInt64(number) * Self.day / 8 + UInt64.random(in: 0..<Self.day / 8, using: &random)
        let id = SnowflakeMint.past(milliseconds: made)
        let joined = Int(1_683_019_800_114 + UInt64(number) * 60_000) * 1000
        let role = Role(
            id: SnowflakeMint.past(milliseconds: UInt64(joined / 1000), position: 1), name: bot.user.username,
            permissions: Self.botPermissions, position: 1, bot: bot.id)
        let everyone = Role(id: id, name: "@everyone", permissions: Self.everyonePermissions, position: 0)
        let people = (0..<max(1, plan.members - 1)).map { _ in makeMember(since: made) }
        var guild = Guild(
            id: id, name: Self.names[number % Self.names.count] + (number < Self.names.count ? "" : " \(number)"),
            owner: people[0].user.id, locale: number % 3 == 0 ? "de" : "en-US", roles: [everyone, role],
            joinedAt: joined)
        for member in people + [Member(user: bot.user, roles: [role.id], joinedAt: joined)] {
            guild.members[member.user.id] = member
            guild.memberOrder.append(member.user.id)
        }
        return (guild, makeChannels(plan.channels, of: id, at: made))
    }

    private func makeChannels(_ count: Int, of guild: Snowflake, at made: UInt64) -> [Channel] {
        let category = Channel(
            id: SnowflakeMint.past(milliseconds: made + 1), guild: guild, type: Channel.Kind.category, name: "Text")
        let names = ["general", "bot-commands", "off-topic", "help", "events", "pictures", "music", "introductions"]
        let texts = (0..<max(1, count)).map { number in
            Channel(
                id: SnowflakeMint.past(milliseconds: made + 1, position: UInt64(number + 1)), guild: guild,
                type: Channel.Kind.text,
                name: names[number % names.count] + (number < names.count ? "" : "-\(number)"), position: number,
                parent: category.id)
        }
        return [category] + texts
    }

    /// Somebody who joined some time after the community was made.
    mutating func makeMember(since made: UInt64) -> Member {
        let user = makeUser()
        let later = UInt64.random(in: 0..<400 * Self.day, using: &random)
        return Member(user: user, joinedAt: Int(made + later) * 1000)
    }

    /// Somebody new on Discord.
    mutating func makeUser() -> User {
        let number = Int(mintedUsers)
        mintedUsers += 1
        let born = Self.beginning - 1500 * Self.day + UInt64.random(in: 0..<1000 * Self.day, using: &random)
        let first = Self.people[number % Self.people.count]
        let round = number / Self.people.count
        let name = first.lowercased() + (round == 0 ? "" : "_\(round)")
        return User(
            id: SnowflakeMint.past(milliseconds: born, position: mintedUsers & 0xfff), username: name,
            globalName: first, avatar: random.hexadecimal(32))
    }

    /// Sees, reads, writes, embeds, attaches, reacts, uses external emojis and manages messages.
    private static let botPermissions: UInt64 =
        274_877_991_936 | 1 << 10 | 1 << 11 | 1 << 13 | 1 << 14 | 1 << 15
        | 1 << 16 | 1 << 6
    /// What Discord gives `@everyone` in a new community.
    private static let everyonePermissions: UInt64 = 2_248_473_465_835_073

    private static let names = [
        "Harbour Lights", "Board Game Tuesday", "Rust & Relics", "Nachtzug", "Tiny Garden Club", "Kernel Panic Café",
        "Mountain Rescue Chat", "The Slow Readers",
    ]

    private static let people = [
        "Mira", "Otter", "Jonas", "Priya", "Finn", "Amara", "Lukas", "Yuki", "Tomás", "Ines", "Kofi", "Elif", "Noor",
        "Sven", "Chiara", "Bao", "Hana", "Milan", "Freya", "Diego", "Zofia", "Emre", "Leila", "Oskar", "Nadia", "Ravi",
        "Greta", "Pavel", "Sanna", "Theo",
    ]
}
