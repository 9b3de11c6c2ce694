internal import NIOCore
internal import Shared

/// Life in the simulated communities: people chat, use commands, join, and what they and the bot say is shown.
///
/// Not `Sendable`: it lives on the simulator's one event loop.
final class Community {
    private let simulator: Simulator
    private let show: (String) -> Void
    private var random: SeededGenerator
    /// Mean time between two deeds.
    private let pause: Double
    private var deeds = 0
    private var polls = 0

    init(_ simulator: Simulator, messagesPerMinute: Double, seed: UInt64, show: @escaping (String) -> Void) {
        self.simulator = simulator
        self.show = show
        random = SeededGenerator(seed: seed)
        pause = 60 / max(0.1, messagesPerMinute)
        simulator.botSaid = { [weak self] message, _ in self?.showAnswer(message) }
    }

    /// Begins as soon as the bot is there.
    func start() {
        next(after: 0.2)
    }

    private func next(after seconds: Double) {
        simulator.loop.scheduleTask(in: .milliseconds(Int64(seconds * 1000))) { [self] in
            guard isBotThere else { return next(after: 0.2) }
            act()
            next(after: pause * Double.random(in: 0.4..<1.6, using: &random))
        }
    }

    /// Whether there is a session, and commands to use; a bot without any is waited for no longer than a while.
    private var isBotThere: Bool {
        guard !simulator.gateway.liveSessions.isEmpty else {
            polls = 0
            return false
        }
        polls += 1
        return simulator.rest.handlers.commandBook.values.contains { !$0.isEmpty } || polls > Self.patience
    }

    /// Looks, 0.2 s apart, until people talk to a bot without commands too.
    private static let patience = 25

    /// What somebody may do.
    private enum Deed {
        case chat, ping, slashPing, help, showConfiguration, setWelcome, join
    }

    /// The first deeds show everything once, in the first guild.
    private static let opening: [Deed] = [
        .chat, .ping, .slashPing, .setWelcome, .join, .help, .chat, .showConfiguration,
    ]

    private func act() {
        let world = simulator.world
        let isOpening = deeds < Self.opening.count
        let chosen = isOpening ? world.guildOrder.first : world.guildOrder.randomElement(using: &random)
        guard let guild = chosen.flatMap({ world.guilds[$0] }),
            let member = guild.membersInOrder.filter({ !$0.user.isBot }).randomElement(using: &random),
            let channel = guild.channels.compactMap({ world.channels[$0] })
                .filter({ $0.type == Channel.Kind.text }).randomElement(using: &random)
        else { return }
        let deed = isOpening ? Self.opening[deeds] : chance()
        deeds += 1
        switch deed {
        case .chat: say(chat(), by: member, in: channel, of: guild)
        case .ping: say("!ping", by: member, in: channel, of: guild)
        case .help: say("!help", by: member, in: channel, of: guild)
        case .slashPing: use("ping", by: member, in: channel, of: guild)
        case .showConfiguration: use("config show", by: owner(of: guild) ?? member, in: channel, of: guild)
        case .setWelcome:
            let place = world.systemChannel(of: guild) ?? channel.id
            use(
                "config welcome", ["channel": .id(place)], by: owner(of: guild) ?? member, in: channel, of: guild)
        case .join: join(guild)
        }
    }

    private func chance() -> Deed {
        switch Int.random(in: 0..<100, using: &random) {
        case ..<62: .chat
        case ..<72: .ping
        case ..<80: .slashPing
        case ..<86: .help
        case ..<91: .showConfiguration
        case ..<93: .setWelcome
        default: .join
        }
    }

    private func owner(of guild: Guild) -> Member? { guild.members[guild.owner] }

    private func say(_ text: String, by member: Member, in channel: Channel, of guild: Guild) {
        show(line(guild, channel, name(member.user), text))
        simulator.world.say(text, by: member.user, in: channel, at: simulator.world.clock())
    }

    private func use(
        _ command: String, _ options: JSON = .object([]), by member: Member, in channel: Channel, of guild: Guild
    ) {
        let builder = InteractionBuilder(
            world: simulator.world, commands: simulator.rest.handlers.commandBook, channel: channel, guild: guild,
            user: member.user)
        let order: JSON = ["command": .string(command), "options": options]
        // Nobody can use what the bot has not registered.
        guard let interaction = try? builder.build(order, at: simulator.world.clock()) else {
            return say(chat(), by: member, in: channel, of: guild)
        }
        let words = (options.members ?? []).map { option -> String in
            let place = option.value.id.flatMap { simulator.world.channels[$0] }
            return " \(option.key):\(place.map { "#\($0.name)" } ?? option.value.text)"
        }
        show(line(guild, channel, name(member.user), "/\(command)\(words.joined())"))
        simulator.world.ask(interaction)
    }

    private func join(_ guild: Guild) {
        let user = simulator.founding.makeUser()
        show("\(guild.name): \(name(user)) joins")
        simulator.world.join(user, guild: guild.id, at: simulator.world.clock())
    }

    private func showAnswer(_ message: JSON) {
        // A deferral shows nothing but "thinking".
        guard (message["flags"]?.int ?? 0) & 1 << 7 == 0 else { return }
        guard let channel = message["channel_id"]?.id.flatMap({ simulator.world.channels[$0] }) else { return }
        let guild = channel.guild.flatMap { simulator.world.guilds[$0] }
        let isPrivate = Message.isEphemeral(message)
        let user = message["interaction_metadata"]?["user"]?["global_name"]?.string
        let to = user.map { isPrivate ? " (only to \($0))" : " (to \($0))" } ?? ""
        show(line(guild, channel, "🤖 \(simulator.world.application.user.username)\(to)", Self.summary(of: message)))
    }

    /// A message's text, or what there is instead.
    private static func summary(of message: JSON) -> String {
        var parts = [message["content"]?.string ?? ""]
        for embed in message["embeds"]?.elements ?? [] {
            parts += [embed["title"]?.string, embed["description"]?.string].compactMap(\.self)
            parts += (embed["fields"]?.elements ?? []).map {
                "\($0["name"]?.string ?? ""): \($0["value"]?.string ?? "")"
            }
        }
        return parts.filter { !$0.isEmpty }.joined(separator: " · ")
    }

    private func line(_ guild: Guild?, _ channel: Channel, _ who: String, _ text: String) -> String {
        let place = guild.map { "\($0.name) #\(channel.name)" } ?? "direct message"
        return
            "\(place)  \(who): \(text.split(separator: "\n", omittingEmptySubsequences: true).joined(separator: " ⏎ "))"
    }

    /// Mentions as people see them (reference.mdx, Message Formatting).
    private func readable(_ text: String) -> String {
        text.replacing(/<(@!?|#)(\d+)>/) { match in
            guard let id = Snowflake(match.2) else { return String(match.0) }
            if match.1 == "#" { return simulator.world.channels[id].map { "#\($0.name)" } ?? String(match.0) }
            return simulator.world.users[id].map { "@\(name($0))" } ?? String(match.0)
        }
    }

    private func name(_ user: User) -> String { user.globalName ?? user.username }

    private func chat() -> String {
        Self.lines.randomElement(using: &random) ?? "hello"
    }

    private static let lines = [
        "moin zusammen 👋", "anyone up for a round tonight?", "the lighthouse photos came out great",
        "does somebody know why the tomatoes turn yellow?", "I moved game night to Thursday, hope that works",
        "just finished chapter seven, no spoilers please", "who broke the build this time",
        "night train to Vienna leaves at 20:14, platform 3", "that patch fixed it, thank you!",
        "my cat sits on the keyboard, so this is her message", "lunch break, back in an hour",
        "weather looks fine for the hike on Sunday", "can someone bring snacks?", "good night everybody",
        "has anybody tried the new café by the harbour?", "yes! finally got it to run",
    ]
}

extension RunningSimulator {
    /// Lets people live in the communities and shows what they do.
    func startCommunity(messagesPerMinute: Double, seed: UInt64) async throws {
        try await loop.submit {
            let community = Community(
                simulator.value, messagesPerMinute: messagesPerMinute, seed: seed, show: { Output.line($0) })
            community.start()
        }.get()
    }
}
