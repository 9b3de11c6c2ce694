import Shared
import Testing

@testable import GatewayProcess

struct StateFilesTests {
    private static var file: SessionFile {
        var file = SessionFile(bot: "b", identity: "i")
        file.applicationID = Snowflake(88)
        file.userID = Snowflake(77)
        file.shardCount = 4
        file.sessions = [
            StoredSession(shard: 0, id: "a\"b", resumeURL: "wss://x", sequence: 42),
            StoredSession(shard: 3, id: "c", resumeURL: nil, sequence: 0),
            StoredSession(
                shard: 4, id: "d", resumeURL: nil, sequence: 1, ready: #"{"v":10,"user":{"username":"\u00e9"}}"#),
        ]
        file.identifies = [PastIdentify(at: 1_764_000_000_000_000, shard: 3)]
        return file
    }

    @Test func `The session file is read back as it was written`() throws {
        #expect(try SessionFile(parsing: Self.file.text) == Self.file)
        #expect(!Self.file.text.dropLast().contains("\n"))
    }

    @Test(arguments: [
        "", "{", "[]", "{}", #"{"format":2}"#, #"{"format":1,"bot":"b","identity":"i","sessions":[]}"#,
        #"{"format":1,"bot":"b","identity":"i","sessions":[{"shard":0}],"identifies":[]}"#,
        #"{"format":1,"bot":"b","identity":"i","sessions":[{"shard":-1,"id":"x","sequence":1}],"identifies":[]}"#,
        #"{"format":1,"bot":"b","identity":"i","sessions":[],"identifies":[{"at":"now","shard":0}]}"#,
    ])
    func `A file that is not a session file is an error, not a crash`(text: String) {
        #expect(throws: SessionFile.Unreadable.self) { try SessionFile(parsing: text) }
    }

    @Test func `Another bot loses everything, other intents lose the sessions but not the count of identifies`() {
        var file = Self.file
        file.keepOnly(bot: "b", identity: "i")
        #expect(file == Self.file)
        file.keepOnly(bot: "b", identity: "other")
        #expect(file.sessions.isEmpty)
        #expect(file.shardCount == nil)
        #expect(file.identifies == Self.file.identifies)
        file.keepOnly(bot: "other", identity: "other")
        #expect(file.identifies.isEmpty)
    }

    @Test func `A file is replaced whole and leaves nothing beside it`() throws {
        let directory = TemporaryDirectory()
        let path = directory.path + "/" + SessionFile.name
        #expect(try StateFile.read(path) == nil)
        try StateFile.replace(path, with: "one")
        try StateFile.replace(path, with: "two")
        #expect(try StateFile.read(path) == "two")
        #expect(try StateFile.read(path + ".new") == nil)
    }

    @Test func `A second gateway is refused and told who holds the directory, until the first is gone`() throws {
        let directory = TemporaryDirectory()
        var first: StateLock? = try StateLock(directory: directory.path)
        let failure = #expect(throws: StateLockFailure.self) { _ = try StateLock(directory: directory.path) }
        guard case .held(let path, let holder) = failure else {
            Issue.record("the holder should be named")
            return
        }
        #expect(path == directory.path + "/gateway.lock")
        #expect(Int32(holder) != nil)
        withExtendedLifetime(first) {}
        first = nil
        _ = try StateLock(directory: directory.path)
    }

    @Test func `A rejection holds for fifteen minutes, for the same values only`() {
        let minute: Int64 = 60_000_000
        let rejection = Rejection(credentials: "c", at: 100 * minute, message: "m")
        #expect(Rejection(parsing: rejection.text) == rejection)
        #expect(rejection.holds(for: "c", now: 101 * minute) == 115 * minute)
        #expect(rejection.holds(for: "other", now: 101 * minute) == nil)
        #expect(rejection.holds(for: "c", now: 115 * minute) == nil)
        // Written by a clock that was ahead.
        #expect(rejection.holds(for: "c", now: 1 * minute) == 16 * minute)
        #expect(Rejection(parsing: "nonsense") == nil)
    }

    @Test func `The hashes tell tokens, intents and servers apart and contain none of them`() throws {
        let source = SettingsSource(environment: ["DISCORD_TOKEN": "secret-token"])
        let url = try GatewaySettings.load(from: source).common.apiURL
        let one = Credentials(token: Secret("secret-token"), intents: [.guilds], apiURL: url)
        let other = Credentials(token: Secret("secret-token"), intents: [.guildMembers], apiURL: url)
        let third = Credentials(token: Secret("another"), intents: [.guilds], apiURL: url)
        #expect(one.bot == other.bot)
        #expect(one.identity != other.identity)
        #expect(one.rejectable != other.rejectable)
        #expect(one.bot != third.bot)
        #expect(![one.bot, one.identity, one.rejectable].contains { $0.contains("secret") })
    }
}
