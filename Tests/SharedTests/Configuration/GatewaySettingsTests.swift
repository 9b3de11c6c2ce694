import Logging
import Shared
import Testing

@Suite struct GatewaySettingsTests {
    @Test func `everything but the token has its documented default`() throws {
        let settings = try SettingsFixture().gateway()
        #expect(settings.token.exposed == "token")
        #expect(settings.apiURL.description == "https://discord.com/api/v10")
        #expect(settings.certificateAuthorityFile == nil)
        #expect(settings.intents == [.guilds, .guildMembers, .guildMessages, .messageContent])
        #expect(settings.shards == .automatic)
        #expect(settings.compression == .zstdStream)
        #expect(settings.presence == nil)
        #expect(settings.queueSocket == "./run/queue.sock")
        #expect(settings.queueSocketMode == 0o660)
        #expect(settings.queueAllowedUIDs == [1000, 0])
        #expect(settings.queueDurability == .journal)
        #expect(settings.queueMaximumBytes == 1 << 30)
        #expect(settings.queueAckTimeout == .seconds(30))
        #expect(settings.queueMaximumAttempts == 5)
        #expect(settings.interactionDeferAfter == .milliseconds(1500))
        #expect(settings.stateDirectory == "./state")
        #expect(settings.drainTimeout == .seconds(2))
        #expect(settings.controlSocket == "./run/control.sock")
        #expect(settings.deadLetterKeep == .seconds(14 * 24 * 3600))
        #expect(settings.logLevel == .info)
        #expect(settings.logFormat == .json)
        #expect(settings.metricsListen == nil)
        #expect(settings.ownUserID == 1000)
        #expect(settings.warnings.isEmpty)
    }

    private struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let text: String
        let check: @Sendable (GatewaySettings) -> Bool

        init(_ name: String, _ text: String, _ check: @escaping @Sendable (GatewaySettings) -> Bool) {
            self.name = name
            self.text = text
            self.check = check
        }

        var testDescription: String { "\(name)=\(text)" }
    }

    @Test(arguments: [
        Case("DISCORD_API_URL", "http://127.0.0.1:8080/api/v10/") {
            !$0.apiURL.isSecure && $0.apiURL.host == "127.0.0.1" && $0.apiURL.port == 8080
                && $0.apiURL.path == "/api/v10" && $0.apiURL.description == "http://127.0.0.1:8080/api/v10"
        },
        Case("DISCORD_API_URL", "HTTPS://proxy.example") {
            $0.apiURL.isSecure && $0.apiURL.port == 443 && $0.apiURL.path == ""
                && $0.apiURL.description == "https://proxy.example"
        },
        Case("DISCORD_API_URL", "http://[::1]:1/x") { $0.apiURL.description == "http://[::1]:1/x" },
        Case("DISCORD_API_URL", "http://localhost") { $0.apiURL.port == 80 && $0.apiURL.host == "localhost" },
        Case("DISCORD_INTENTS", "GUILDS, DIRECT_MESSAGES") { $0.intents == [.guilds, .directMessages] },
        Case("DISCORD_SHARDS", "auto") { $0.shards == .automatic },
        Case("DISCORD_SHARDS", "4") { $0.shards == .all(count: 4) },
        Case("DISCORD_SHARDS", "0-15/64") { $0.shards == .range(0...15, count: 64) },
        Case("DISCORD_SHARDS", "63-63/64") { $0.shards == .range(63...63, count: 64) },
        Case("DISCORD_COMPRESS", "zlib-stream") { $0.compression == .zlibStream },
        Case("DISCORD_COMPRESS", "none") { $0.compression == .none },
        Case("DISCORD_PRESENCE", "at your service") { $0.presence == "at your service" },
        Case("QUEUE_SOCKET", "/run/olim/q") {
            $0.queueSocket == "/run/olim/q" && $0.controlSocket == "/run/olim/control.sock"
        },
        Case("QUEUE_SOCKET", "q") { $0.queueSocket == "q" && $0.controlSocket == "control.sock" },
        Case("RUNTIME_DIRECTORY", "/run/olim") { $0.queueSocket == "/run/olim/queue.sock" },
        Case("RUNTIME_DIRECTORY", "/run/olim:/run/more") { $0.queueSocket == "/run/olim/queue.sock" },
        Case("QUEUE_SOCKET_MODE", "600") { $0.queueSocketMode == 0o600 },
        Case("QUEUE_SOCKET_MODE", "0o777") { $0.queueSocketMode == 0o777 },
        Case("QUEUE_ALLOWED_UIDS", "1001,olim, 0") { $0.queueAllowedUIDs == [1001, 990, 0] },
        Case("QUEUE_DURABILITY", "memory") { $0.queueDurability == .memory },
        Case("QUEUE_DURABILITY", "fsync") { $0.queueDurability == .fsync },
        Case("QUEUE_MAX_BYTES", "64MB") { $0.queueMaximumBytes == 64_000_000 },
        Case("QUEUE_MAX_BYTES", "3GiB") { $0.queueMaximumBytes == 3 << 30 },
        Case("QUEUE_MAX_BYTES", "65536") { $0.queueMaximumBytes == 65_536 },
        Case("QUEUE_ACK_TIMEOUT", "500ms") { $0.queueAckTimeout == .milliseconds(500) },
        Case("QUEUE_ACK_TIMEOUT", "5m") { $0.queueAckTimeout == .seconds(300) },
        Case("QUEUE_MAX_ATTEMPTS", "1") { $0.queueMaximumAttempts == 1 },
        Case("INTERACTION_DEFER_AFTER", "0") { $0.interactionDeferAfter == nil },
        Case("INTERACTION_DEFER_AFTER", "0ms") { $0.interactionDeferAfter == nil },
        Case("INTERACTION_DEFER_AFTER", "2s") { $0.interactionDeferAfter == .seconds(2) },
        Case("STATE_DIRECTORY", "/var/lib/olim:/var/lib/more") { $0.stateDirectory == "/var/lib/olim" },
        Case("STATE_DIRECTORY", "/var/lib/olim//") { $0.stateDirectory == "/var/lib/olim" },
        Case("STATE_DIRECTORY", "/") { $0.stateDirectory == "/" },
        Case("DRAIN_TIMEOUT", "0") { $0.drainTimeout == .zero },
        Case("DRAIN_TIMEOUT", "1h") { $0.drainTimeout == .seconds(3600) },
        Case("CONTROL_SOCKET", "/run/c") { $0.controlSocket == "/run/c" },
        Case("DEAD_LETTER_KEEP", "30d") { $0.deadLetterKeep == .seconds(30 * 24 * 3600) },
        Case("LOG_LEVEL", "trace") { $0.logLevel == .trace },
        Case("LOG_FORMAT", "journald") { $0.logFormat == .journald },
        Case("METRICS_LISTEN", "unix:/run/m") { $0.metricsListen == .unix(path: "/run/m") },
        Case("METRICS_LISTEN", "0.0.0.0:9464") {
            $0.metricsListen == .tcp(host: "0.0.0.0", port: 9464) && $0.metricsListen?.isLocal == false
        },
        Case("METRICS_LISTEN", "[::1]:9464") {
            $0.metricsListen == .tcp(host: "::1", port: 9464) && $0.metricsListen?.isLocal == true
        },
        Case("METRICS_LISTEN", "localhost:1") { $0.metricsListen?.description == "localhost:1" },
    ])
    private func `a good value is taken`(setting: Case) throws {
        #expect(setting.check(try SettingsFixture([setting.name: setting.text]).gateway()))
    }

    @Test(
        arguments: [
            (
                "DISCORD_API_URL",
                [
                    "", "discord.com", "ftp://discord.com", "https://", "https://u:p@discord.com", "https://d?x=1",
                    "https://d#f", "https://d:0", "https://d:65536", "https://d:x", "https://d e", "https://[::1",
                ], "a URL such as"
            ),
            (
                "DISCORD_API_URL",
                [
                    "http://discord.com/api/v10", "http://127.0.0.1.example/", "http://128.0.0.1", "http://10.0.0.1",
                    "http://127.0.0.256", "http://0x7f.0.0.1", "http://localhost.example", "http://[::2]",
                ], "http:// is accepted for"
            ),
            ("DISCORD_INTENTS", ["GUILD", "3", "GUILDS;GUILD_MEMBERS", ","], "names of intents"),
            (
                "DISCORD_SHARDS",
                [
                    "0", "-1", "x", "1/2", "0-2/2", "1-0/2", "0-1", "0-1/2/3", "0-/2", "-1/2", "+1", " 1", "100001",
                    "99999999999999999999",
                ], "auto, a count"
            ),
            ("DISCORD_COMPRESS", ["zlib", "ZSTD-STREAM"], "one of zstd-stream, zlib-stream, none"),
            ("DISCORD_PRESENCE", [String(repeating: "x", count: 129)], "at most 128 characters"),
            ("QUEUE_SOCKET_MODE", ["0668", "x", "1777", "-1", "0x1b0", "0o"], "an octal file mode"),
            ("QUEUE_ALLOWED_UIDS", ["nobody-here", "1,,2", "-1", "4294967296", ","], "numbers or names of users"),
            ("QUEUE_DURABILITY", ["disk", "Memory"], "memory, journal"),
            (
                "QUEUE_MAX_BYTES",
                ["0", "1", "-1", "64", "1gib", "1G", "1.5GB", "1 GB", "GB", "99999999999999999999", "9999999999TB"],
                "a size such as"
            ),
            (
                "QUEUE_ACK_TIMEOUT",
                [
                    "0", "30", "50ms", "-1s", "1.5s", "30 s", "30S", "s", "2d", "99999999999999999999s",
                    "9223372036854775807d",
                ], "from 100ms to 1d"
            ),
            ("QUEUE_MAX_ATTEMPTS", ["0", "1001", "five", "5.0", "+5"], "a whole number from 1 to 1000"),
            ("INTERACTION_DEFER_AFTER", ["3s", "1500", "off"], "from 1ms to 2500ms, or 0 for off"),
            ("DRAIN_TIMEOUT", ["2h", "10"], "from 0 to 1h"),
            ("DEAD_LETTER_KEEP", ["0", "14", "2w"], "from 1s to 3650d"),
            ("LOG_LEVEL", ["warn", "INFO", "loud"], "one of trace, debug, info, notice, warning, error, critical"),
            ("LOG_FORMAT", ["pretty"], "one of text, json, journald"),
            (
                "METRICS_LISTEN",
                [
                    "9464", ":9464", "localhost", "localhost:0", "localhost:65536", "unix:", "::1:9464", "a b:1",
                    "http://x:1", "[x]:1", "unix:/" + String(repeating: "x", count: 107),
                ], "unix:PATH, HOST:PORT"
            ),
        ] as [(String, [String], String)])
    func `a bad value is one line with its name and what is accepted`(
        name: String, values: [String], accepted: String
    ) throws {
        for value in values where !value.isEmpty {
            let problems = SettingsFixture([name: value]).gatewayProblems
            let problem = try #require(problems.count == 1 ? problems.first : nil, "\(name)=\(value): \(problems)")
            #expect(problem.hasPrefix("\(name) is \"\(value.prefix(100))"), "\(problem)")
            #expect(problem.contains(accepted) && !problem.contains("\n"), "\(problem)")
        }
    }

    @Test(arguments: [
        (
            ["QUEUE_SOCKET": "/run/x", "CONTROL_SOCKET": "/run/x"],
            "CONTROL_SOCKET and QUEUE_SOCKET are both \"/run/x\"; they must differ"
        ),
        (["QUEUE_SOCKET": "/run/"], "QUEUE_SOCKET: the path \"/run/\" is a directory's"),
        (
            ["CONTROL_SOCKET": "/" + String(repeating: "x", count: 107)],
            "CONTROL_SOCKET: the path \"/\(String(repeating: "x", count: 99))…\" has 108 bytes; a socket's path has at most 107"
        ),
        (["DISCORD_CA_FILE": "/ca.pem"], "DISCORD_CA_FILE: cannot read \"/ca.pem\": there is no such file"),
        (["DISCORD_CA_FILE": "/no.pem"], "DISCORD_CA_FILE: the file \"/no.pem\" holds no PEM certificate"),
    ])
    func `paths are checked`(environment: [String: String], problem: String) {
        #expect(SettingsFixture(environment, files: ["/no.pem": "x"]).gatewayProblems == [problem])
    }

    @Test func `a bundle of certificates is taken, and a socket's path of 107 bytes`() throws {
        let path = "/" + String(repeating: "x", count: 106)
        let pem = "# mine\n-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
        let settings = try SettingsFixture(
            ["DISCORD_CA_FILE": "/ca.pem", "CONTROL_SOCKET": path], files: ["/ca.pem": pem]
        ).gateway()
        #expect(settings.certificateAuthorityFile == "/ca.pem")
        #expect(settings.controlSocket == path)
    }

    @Test func `all problems are reported at once`() {
        let fixture = SettingsFixture(
            ["LOG_LEVEL": "loud", "QUEUE_MAX_BYTES": "much", "DISCORD_SHARDS": "0"], files: [".env": "x"], token: nil)
        #expect(fixture.gatewayProblems.count == 5)
        #expect(fixture.gatewayProblems.allSatisfy { !$0.contains("\n") })
    }

    @Test func `the gateway does not mind the worker's settings, nor the worker the gateway's`() throws {
        #expect(SettingsFixture(["DATABASE_POOL_SIZE": "x"]).gatewayProblems.isEmpty)
        #expect(SettingsFixture(["DISCORD_SHARDS": "x"]).workerProblems.isEmpty)
    }
}
