import Shared
import Testing

@Suite struct SettingsTableTests {
    private static let page = #filePath.replacing(
        "Tests/SharedTests/Configuration/SettingsTableTests.swift", with: "docs/operations.md")

    @Test func `the documentation lists the settings as the code does`() throws {
        let text = String(decoding: try SettingsSource.process().readFile(Self.page), as: UTF8.self)
        #expect(
            text.contains("\n\n" + SettingsTable.markdown + "\n"),
            "paste SettingsTable.markdown into docs/operations.md")
    }

    @Test func `the table names each setting once`() {
        let names = SettingsTable.rows.map(\.name)
        #expect(Set(names).count == names.count)
        #expect(names.count == 27)
    }
}

@Suite struct LoopbackTests {
    @Test(arguments: [
        ("https", "discord.com", true), ("wss", "gateway.discord.gg", true), ("ws", "gateway.discord.gg", false),
        ("ws", "127.1.2.3", true), ("WS", "LOCALHOST", true), ("http", "::1", true), ("ftp", "127.0.0.1", false),
        ("http", "127.0.0", false), ("http", "127.0.0.1.1", false), ("http", "127.-0.0.1", false), ("http", "", false),
    ])
    func `the token leaves this machine only encrypted`(scheme: String, host: String, isAllowed: Bool) {
        #expect(Loopback.allows(scheme: scheme, host: host) == isAllowed)
    }
}
