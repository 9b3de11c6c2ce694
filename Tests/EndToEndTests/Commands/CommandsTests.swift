import Shared
import TestKit
import Testing

/// Every command as members use it, against the real programs: what is typed, and what is seen.
@Suite struct CommandsTests {
    /// Somebody's view of one running bot.
    private struct Guild {
        let stack: Stack
        let id: String
        let owner: String
        /// Neither the owner nor anybody who may manage the server.
        let member: String
        let name: String
        let text: String
        let category: String

        init(_ stack: Stack) async throws {
            self.stack = stack
            let guild = try #require(try await stack.control.get("/simulator/world")["guilds"]?.elements?.first)
            id = try #require(guild["id"]?.string)
            owner = try #require(guild["owner"]?.string)
            name = try #require(guild["name"]?.string)
            let members = (guild["members"]?.elements ?? []).compactMap { $0["id"]?.string }
            member = try #require(members.first { $0 != guild["owner"]?.string })
            let channels = guild["channels"]?.elements ?? []
            text = try #require(channels.first { $0["type"]?.int == 0 }?["id"]?.string)
            category = try #require(channels.first { $0["type"]?.int == 4 }?["id"]?.string)
        }

        /// Uses something and waits for the last answer.
        func use(_ order: JSON, by user: String? = nil) async throws -> JSON {
            let posted = try await stack.control.post(
                "/simulator/interactions", .object((order.members ?? []) + [.init("user", .string(user ?? owner))]))
            let id = try #require(posted["interactions"]?.elements?.first?["id"]?.string)
            return try await eventually("\(order.text) is answered", within: .seconds(20)) {
                let interaction = try await stack.control.get("/simulator/interactions?id=\(id)").elements?.first
                guard let interaction, interaction["answered"]?.bool == true else { return nil }
                let accepted = (interaction["answers"]?.elements ?? []).filter {
                    (200..<300).contains($0["status"]?.int ?? 0)
                }
                guard let last = accepted.last?["body"], last["type"]?.int != 5 else { return nil }
                return last["data"] ?? last
            }
        }

        func said(_ order: JSON, by user: String? = nil) async throws -> String { try await use(order, by: user).said }

        /// The message that has this button.
        func message(with component: String) async throws -> String {
            let all = try await stack.control.get("/simulator/messages?author=bot").elements ?? []
            return try #require(all.last { $0["components"]?.text.contains(component) ?? false }?["id"]?.string)
        }

        /// Says something and waits for the bot's reply to it.
        func reply(to content: String, by user: String? = nil) async throws -> String {
            let posted = try await stack.control.post(
                "/simulator/messages", ["content": .string(content), "user": .string(user ?? owner)])
            let id = try #require(posted["ids"]?.elements?.first?.string)
            return try await eventually("\(content) is answered", within: .seconds(20)) {
                try await stack.control.get("/simulator/messages?author=bot").elements?
                    .last { $0["message_reference"]?["message_id"]?.string == id }?.said
            }
        }
    }

    private static func option(_ name: String, _ value: String) -> JSON { .object([.init(name, .string(value))]) }

    @Test func `every command answers, to good, bad and hostile input`() async throws {
        let stack = try await Stack()
        _ = try await stack.gateway()
        let worker = try await stack.worker("w1")
        try await stack.wait("commands", atLeast: 8, or: worker)
        let guild = try await Guild(stack)
        try await plain(guild)
        try await settings(guild)
        try await texts(guild)
        try await statistics(guild)
        try await messages(guild)
        try await hostile(guild)
        #expect(try await stack.violations() == [])
        #expect(try await stack.status()["queue"]?["dead_letters"]?.int == 0)
        #expect(try await worker.stop() == .exited(0), "\(worker.tail)")
    }

    private func plain(_ guild: Guild) async throws {
        #expect(try await guild.said(["command": "ping"]).hasPrefix("Pong!\nGateway"))
        #expect(try await guild.said(["command": "about"]).hasPrefix("Olim\n"))
        #expect(try await guild.said(["command": "help"]).contains("`/config welcome [channel] [text]`"))
        let one: JSON = ["command": "help", "options": ["command": "/daily add"]]
        #expect(try await guild.said(one).contains("/daily add [text]"))
        let none: JSON = ["command": "help", "options": ["command": "`@everyone`"]]
        #expect(try await guild.said(none) == "There is no command `'@everyone'`.")
        let typing: JSON = ["autocomplete": "help", "options": ["command": "dai"], "focused": "command"]
        #expect(try await guild.use(typing)["choices"]?.elements?.last?["value"]?.string == "daily skip")
    }

    private func settings(_ guild: Guild) async throws {
        let zone: JSON = ["command": "config timezone", "options": ["zone": "asia/kathmandu"]]
        #expect(try await guild.said(zone).hasPrefix("The server's time zone is now Asia/Kathmandu"))
        let nowhere: JSON = ["command": "config timezone", "options": ["zone": "**Mars**"]]
        #expect(try await guild.said(nowhere).hasPrefix("I know no time zone `**Mars**`."))
        let typing: JSON = ["autocomplete": "config timezone", "options": ["zone": "berl"], "focused": "zone"]
        #expect(try await guild.use(typing)["choices"]?.elements?.first?["value"]?.string == "Europe/Berlin")

        let welcome: JSON = [
            "command": "config welcome",
            "options": ["channel": .string(guild.text), "text": "Hi {member} of {server}!"],
        ]
        #expect(try await guild.said(welcome).contains("Hi <@\(guild.owner)> of \(guild.name)!"))
        let unknown: JSON = [
            "command": "config welcome", "options": ["channel": .string(guild.text), "text": "Hi {everyone}"],
        ]
        #expect(try await guild.said(unknown).hasPrefix("`{everyone}` cannot be filled in"))

        let daily: JSON = ["command": "config daily", "options": ["channel": .string(guild.text), "time": "7:45"]]
        #expect(try await guild.said(daily).contains("at 7:45 (Asia/Kathmandu)"))
        let late: JSON = ["command": "config daily", "options": ["channel": .string(guild.text), "time": "25:00"]]
        #expect(try await guild.said(late) == "A time of day looks like 9:00 or 21:30.")
        #expect(
            try await guild.said(["command": "config language", "options": ["language": "es"]]).hasSuffix("español."))
        let show = try await guild.use(["command": "config show"])
        #expect(show.said.contains("Daily post\n<#\(guild.text)> at 7:45"))
        #expect(show["flags"]?.int == 64)

        let wrong: JSON = ["command": "config welcome", "options": ["channel": .string(guild.category)]]
        #expect(try await guild.said(wrong) == "`channel` must be a channel.")
        // The app does not offer it to members without the permission.
        await #expect(throws: (any Error).self) { try await guild.use(["command": "config show"], by: guild.member) }

        _ = try await guild.use(["command": "config reset"])
        let yes = "config:\(guild.owner):reset:yes"
        let message = try await guild.message(with: yes)
        let other = try await guild.use(["component": .string(yes), "message": .string(message)], by: guild.member)
        #expect(other.said.contains("These buttons are for whoever called the command"))
        let done = try await guild.said(["component": .string(yes), "message": .string(message)])
        #expect(done == "All settings are back to what they were at first.")
        #expect(try await guild.said(["command": "config show"]).contains("Welcome\noff"))
    }

    private func texts(_ guild: Guild) async throws {
        #expect(try await guild.said(["command": "daily list"]).hasPrefix("There are no texts yet."))
        _ = try await guild.use(["command": "daily add"])
        let written: JSON = [
            "modal": .string("daily:\(guild.owner):add"), "fields": ["text": "Good *morning* <@&5> @everyone"],
        ]
        #expect(try await guild.said(written) == "Added as number 1.")
        let more: JSON = ["command": "daily add", "options": ["text": "Second"]]
        #expect(try await guild.said(more) == "Added as number 2.")
        let list = try await guild.said(["command": "daily list"])
        #expect(list.contains(#"**1.** Good \*morning\* \<\@&5\> \@everyone"#))
        #expect(try await guild.said(["command": "daily preview"]).hasPrefix("There is no daily post here yet."))
        let daily: JSON = ["command": "config daily", "options": ["channel": .string(guild.text)]]
        _ = try await guild.use(daily)
        #expect(try await guild.said(["command": "daily preview"]).contains("Good *morning*"))
        #expect(try await guild.said(["command": "daily skip"]).hasSuffix("is left out."))
        #expect(try await guild.said(["command": "daily skip"]).hasSuffix("was posted or left out already."))
        #expect(
            try await guild.said(["command": "daily remove", "options": ["number": 1]]).hasPrefix("Number 1 is removed")
        )
        #expect(
            try await guild.said(["command": "daily remove", "options": ["number": 9]]).hasPrefix(
                "There is no number 9."))
    }

    private func statistics(_ guild: Guild) async throws {
        try await guild.stack.control.post(
            "/simulator/messages", ["content": "{n}", "count": 5, "user": .string(guild.member)])
        try await eventually("they are counted") {
            try await guild.said(["command": "stats", "options": ["member": .string(guild.member)]])
                .contains("Messages\n5 (today 5)")
        }
        let board = try await guild.use(["command": "leaderboard", "options": ["period": "all"]])
        #expect(board.said.contains("<@\(guild.member)> – messages: 5, active days: 1"))
        #expect(board["embeds"]?.elements?.first?["image"]?["url"]?.string?.hasSuffix("activity.png") == true)
        let export = try await guild.use(["command": "privacy export"], by: guild.member)
        #expect(export.said.contains("Days with counts: 1"))
        _ = try await guild.use(["command": "privacy delete"], by: guild.member)
        let yes = "privacy:\(guild.member):yes"
        let message = try await guild.message(with: yes)
        let erased = try await guild.said(
            ["component": .string(yes), "message": .string(message)], by: guild.member)
        #expect(erased.hasPrefix("Erased. Days with counts: 1."))
        let nothing: JSON = ["command": "stats", "options": ["member": .string(guild.member)]]
        #expect(try await guild.said(nothing).contains("has not written anything here"))
    }

    private func messages(_ guild: Guild) async throws {
        #expect(try await guild.reply(to: "!ping").hasPrefix("Pong!"))
        #expect(try await guild.reply(to: "!config prefix ?!").contains("begin with `?!`"))
        #expect(try await guild.reply(to: "?!help").contains("What I can do"))
        #expect(try await guild.reply(to: "?!config prefix !", by: guild.member).hasPrefix("You need the permission"))
        #expect(try await guild.reply(to: "?!privacy export").hasPrefix("Please use `/privacy export`"))
        #expect(try await guild.reply(to: "?!config nonsense").hasPrefix("After `config` comes one of"))
        #expect(try await guild.reply(to: "?!config prefix !").contains("begin with `!`"))
    }

    private func hostile(_ guild: Guild) async throws {
        let texts = [
            "@everyone @here <@&1> <@\(guild.member)>", "**_~~`||>#[x](https://x)", "\u{202E}abc\u{2066}",
            "\u{200B}\u{FEFF}",
            String(repeating: "👨‍👩‍👧‍👦", count: 130),
        ]
        for text in texts {
            let answer = try await guild.use(["command": "daily add", "options": ["text": .string(text)]])
            #expect(answer.said.hasPrefix("Added as number"))
            #expect(try await guild.reply(to: "!help \(text)").utf16.count <= 2000)
        }
        let list = try await guild.use(["command": "daily list"])
        // Nobody is pinged by what others wrote.
        #expect(list["allowed_mentions"]?["parse"]?.elements == [])
        #expect(list.said.utf16.count <= 6000)
        let long = try await guild.reply(to: "!help " + String(repeating: "x", count: 1990))
        #expect(long.utf16.count <= 2000)
        // A channel that is deleted meanwhile.
        let gone: JSON = ["command": "config welcome", "options": ["channel": "1"]]
        await #expect(throws: (any Error).self) { try await guild.use(gone) }
    }
}
