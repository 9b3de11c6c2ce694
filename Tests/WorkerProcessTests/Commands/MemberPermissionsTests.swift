import Shared
import Testing

@testable import WorkerProcess

@Suite struct MemberPermissionsTests {
    private static let guildID = Snowflake(1)
    private static let view: Permissions = [.viewChannel]
    private static let manage: Permissions = [.manageGuild]

    private static func guild(everyone: Permissions = view, _ roles: [UInt64: Permissions] = [:])
        -> MemberPermissions.Guild
    {
        var all = Dictionary(uniqueKeysWithValues: roles.map { (Snowflake($0.key), $0.value) })
        all[guildID] = everyone
        return .init(id: guildID, owner: Snowflake(99), roles: all)
    }

    private static func overwrite(
        _ id: UInt64, allow: Permissions = [], deny: Permissions = [], member: Bool = false
    ) -> MemberPermissions.Overwrite {
        .init(id: Snowflake(id), target: member ? .member : .role, allow: allow, deny: deny)
    }

    private static func reckon(
        _ roles: [UInt64], member: UInt64 = 7, timedOut: Bool = false,
        _ overwrites: [MemberPermissions.Overwrite], _ guild: MemberPermissions.Guild
    ) -> Permissions? {
        MemberPermissions.of(
            .init(id: Snowflake(member), roles: roles.map { Snowflake($0) }, isTimedOut: timedOut),
            in: .init(id: Snowflake(5), guild: guildID, type: 0, parent: nil, isThread: false, overwrites: overwrites),
            guild)
    }

    @Test func `roles add up, and everyone has that of everyone`() {
        #expect(Self.reckon([], [], Self.guild()) == Self.view)
        #expect(Self.reckon([2], [], Self.guild([2: Self.manage])) == [.viewChannel, .manageGuild])
    }

    @Test func `owners and administrators may everything, whatever a channel says`() {
        let closed = [Self.overwrite(1, deny: .viewChannel), Self.overwrite(7, deny: .viewChannel, member: true)]
        #expect(Self.reckon([], member: 99, closed, Self.guild(everyone: [])) == .all)
        #expect(Self.reckon([2], closed, Self.guild([2: .administrator])) == .all)
        #expect(Self.reckon([2], timedOut: true, closed, Self.guild([2: .administrator])) == .all)
    }

    @Test func `overwrites count in their order: everyone, roles together, member`() {
        let guild = Self.guild([2: Self.manage, 3: []])
        #expect(Self.reckon([2], [Self.overwrite(1, deny: .manageGuild)], guild) == Self.view)
        // What one role allows no other takes, in whatever order they stand.
        let roles = [Self.overwrite(3, deny: .manageGuild), Self.overwrite(2, allow: .manageGuild)]
        #expect(Self.reckon([2, 3], roles, guild)?.contains(.manageGuild) == true)
        #expect(Self.reckon([2, 3], roles.reversed(), guild)?.contains(.manageGuild) == true)
        // Of a role that the member does not have, nothing counts.
        #expect(Self.reckon([], [Self.overwrite(2, allow: .manageGuild)], guild) == Self.view)
        let own = roles + [Self.overwrite(7, deny: .manageGuild, member: true)]
        #expect(Self.reckon([2, 3], own, guild)?.contains(.manageGuild) == false)
        #expect(Self.reckon([2, 3], own + [Self.overwrite(8, allow: .all, member: true)], guild) == Self.view)
    }

    @Test func `who may not see a channel may nothing there`() {
        #expect(Self.reckon([2], [Self.overwrite(1, deny: .viewChannel)], Self.guild([2: Self.manage])) == [])
        #expect(Self.reckon([2], [], Self.guild(everyone: [], [2: Self.manage])) == [])
    }

    @Test func `who is timed out may only read`() {
        let guild = Self.guild(everyone: [.viewChannel, .sendMessages, .readMessageHistory], [2: Self.manage])
        #expect(Self.reckon([2], timedOut: true, [], guild) == [.viewChannel, .readMessageHistory])
    }

    @Test func `a role that nobody knows makes it unknown`() {
        #expect(Self.reckon([4], [], Self.guild()) == nil)
    }

    // MARK: Messages

    private let api = FakeDiscord()
    private let store = FakeStore()

    private func say(_ text: String, roles: [String] = ["2"]) async throws -> String {
        let services = Services.fake(api, store)
        let message = Samples.message(text, id: Snowflake(.random(in: 1...1 << 60))).merging([
            "member": ["roles": .array(roles.map(JSON.string))]
        ])
        try await EventHandlers.standard(services).handle(message, as: Samples.frame("MESSAGE_CREATE"))
        return api.messages.last?.message.said ?? ""
    }

    private func world(_ permissions: Permissions) {
        api.set(
            guild: Samples.guild,
            [
                "id": .string("\(Samples.guild)"), "owner_id": "99",
                "roles": [
                    ["id": .string("\(Samples.guild)"), "permissions": "1024"],
                    ["id": "2", "permissions": .string("\(permissions.rawValue)")],
                ],
            ])
        api.set(
            channel: Samples.channel,
            ["id": .string("\(Samples.channel)"), "type": 0, "permission_overwrites": []])
    }

    @Test func `a command in a message needs the same permission`() async throws {
        world(.manageGuild)
        #expect(try await say("!config prefix ?!").contains("begin with `?!`"))
        #expect(try await store.configuration(of: Samples.guild).prefix == "?!")
    }

    @Test func `without it nothing is changed`() async throws {
        world([])
        #expect(try await say("!config prefix ?!") == "You need the permission Manage Server for this.")
        #expect(try await store.configuration(of: Samples.guild).prefix == nil)
    }

    @Test func `what cannot be told is refused`() async throws {
        #expect(try await say("!config prefix ?!").hasPrefix("I cannot tell at the moment"))
        world(.manageGuild)
        #expect(try await say("!config prefix ?!", roles: ["3"]).hasPrefix("I cannot tell at the moment"))
        #expect(try await store.configuration(of: Samples.guild).prefix == nil)
    }

    @Test func `roles are asked for once a minute, and again when they have changed`() async throws {
        world(.manageGuild)
        let cache = PermissionCache()
        let member = MemberPermissions.Member(id: Snowflake(7), roles: [Snowflake(2)])
        for _ in 0..<3 {
            _ = try await cache.permissions(of: member, in: Samples.channel, of: Samples.guild, api)
        }
        #expect(api.calls.count == 2)
        world([])
        cache.dropGuild(Samples.guild)
        let permissions = try await cache.permissions(of: member, in: Samples.channel, of: Samples.guild, api)
        #expect(permissions == [.viewChannel])
    }

    @Test func `a channel of another server is none`() async throws {
        world(.manageGuild)
        api.set(channel: Snowflake(77), ["id": "77", "type": 0, "guild_id": "5", "permission_overwrites": []])
        #expect(try await say("!config welcome <#77>") == "`channel` must be a channel.")
        #expect(try await say("!config welcome <#78>") == "`channel` must be a channel.")
        api.set(
            channel: Snowflake(79),
            ["id": "79", "type": 0, "guild_id": .string("\(Samples.guild)"), "permission_overwrites": []])
        #expect(try await say("!config welcome <#79>").hasPrefix("New members are now welcomed in <#79>"))
    }

    @Test func `what is for the caller alone is not said before everybody`() async throws {
        #expect(try await say("!privacy export") == "Please use `/privacy export`: its answer is for you alone.")
    }
}

extension JSON {
    fileprivate func merging(_ other: JSON) -> JSON {
        let names = Set((other.members ?? []).map(\.key))
        return .object((members ?? []).filter { !names.contains($0.key) } + (other.members ?? []))
    }
}
