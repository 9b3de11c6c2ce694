import Shared
import Testing

@testable import DiscordSimulator

@Suite struct PermissionRulesTests {
    private static let guild = Snowflake(1), user = Snowflake(2), red = Snowflake(3), blue = Snowflake(4)
    private static let view = PermissionRules.Bit.viewChannel, send = PermissionRules.Bit.sendMessages
    private static let embed = PermissionRules.Bit.embedLinks
    private static let threads = PermissionRules.Bit.sendMessagesInThreads

    private struct Case {
        var name: String
        var change: (inout PermissionRules.Situation) -> Void
        var expected: UInt64
    }

    private static func overwrite(_ id: Snowflake, allow: UInt64 = 0, deny: UInt64 = 0)
        -> Channel.Overwrite
    {
        Channel.Overwrite(id: id, type: 0, allow: allow, deny: deny)
    }

    @Test func `permissions follow the page's order`() {
        let cases: [Case] = [
            Case(name: "everyone", change: { _ in }, expected: Self.view | Self.send),
            Case(name: "owner", change: { $0.isOwner = true }, expected: PermissionRules.everything),
            Case(
                name: "administrator",
                change: { $0.roles[Self.red] = PermissionRules.Bit.administrator },
                expected: PermissionRules.everything),
            Case(
                name: "roles add", change: { $0.roles[Self.red] = Self.embed },
                expected: Self.view | Self.send | Self.embed),
            Case(
                name: "everyone denied", change: { $0.overwrites = [Self.overwrite(Self.guild, deny: Self.send)] },
                expected: Self.view),
            Case(
                name: "a role's allowance beats everyone's denial",
                change: {
                    $0.roles[Self.red] = 0
                    $0.overwrites = [
                        Self.overwrite(Self.red, allow: Self.send), Self.overwrite(Self.guild, deny: Self.send),
                    ]
                }, expected: Self.view | Self.send),
            Case(
                name: "one role's allowance beats another's denial",
                change: {
                    $0.roles = [Self.red: 0, Self.blue: 0]
                    $0.overwrites = [
                        Self.overwrite(Self.red, allow: Self.send), Self.overwrite(Self.blue, deny: Self.send),
                    ]
                }, expected: Self.view | Self.send),
            Case(
                name: "the member's own comes last",
                change: {
                    $0.roles[Self.red] = 0
                    $0.overwrites = [
                        Self.overwrite(Self.user, deny: Self.send), Self.overwrite(Self.red, allow: Self.send),
                    ]
                }, expected: Self.view),
            Case(
                name: "roles not held do not count",
                change: { $0.overwrites = [Self.overwrite(Self.red, deny: Self.send)] }, expected: Self.view | Self.send
            ),
            Case(
                name: "nothing without seeing",
                change: { $0.overwrites = [Self.overwrite(Self.guild, deny: Self.view)] }, expected: 0),
            Case(
                name: "no embeds without sending",
                change: {
                    $0.everyone |= Self.embed
                    $0.overwrites = [Self.overwrite(Self.guild, deny: Self.send)]
                }, expected: Self.view),
            Case(
                name: "threads have their own sending",
                change: {
                    $0.everyone = Self.view | Self.threads | Self.embed
                    $0.isThread = true
                }, expected: Self.view | Self.threads | Self.embed),
            Case(name: "timed out", change: { $0.isTimedOut = true }, expected: Self.view),
        ]
        for entry in cases {
            var situation = PermissionRules.Situation(
                guild: Self.guild, user: Self.user, everyone: Self.view | Self.send, overwrites: [])
            entry.change(&situation)
            #expect(PermissionRules.permissions(in: situation) == entry.expected, "\(entry.name)")
        }
    }
}
