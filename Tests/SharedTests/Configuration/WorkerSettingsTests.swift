import Shared
import Testing

@Suite struct WorkerSettingsTests {
    @Test func `everything but the token has its documented default`() throws {
        let settings = try SettingsFixture().worker()
        #expect(settings.token.exposed == "token")
        #expect(settings.queueSocket == "./run/queue.sock")
        #expect(settings.database == .sqlite(path: "./state/olim.sqlite"))
        #expect(settings.databasePoolSize == 4)
        #expect(settings.name == "host-1.example:42")
        #expect(settings.capacity == 256)
        #expect(settings.commandPrefix == "!")
        #expect(settings.drainTimeout == .seconds(25))
    }

    @Test func `the SQLite file lies in the state directory`() throws {
        #expect(
            try SettingsFixture(["STATE_DIRECTORY": "/var/lib/olim"]).worker().database
                == .sqlite(path: "/var/lib/olim/olim.sqlite"))
    }

    @Test(arguments: [
        ("sqlite:bot.sqlite", "sqlite:bot.sqlite"), ("sqlite:/var/lib/x", "sqlite:/var/lib/x"),
        ("sqlite:///var/lib/x", "sqlite:///var/lib/x"),
        ("postgresql://olim:hunter2@db:5432/olim?sslmode=verify-full", "postgresql://db:5432/olim"),
        ("postgres://olim:hunter2@db", "postgresql://db"),
        ("postgresql:///olim?host=/run/postgresql", "postgresql:///olim"),
        ("postgresql://olim:hunter2@a:1,[::1]:2/olim", "postgresql://a:1,[::1]:2/olim"),
        ("postgresql://%2Frun%2Fpostgresql/olim?password=hunter2", "postgresql://%2Frun%2Fpostgresql/olim"),
        ("postgresql://u:hunter2%40%2F@db/olim", "postgresql://db/olim"), ("postgresql://", "postgresql://"),
    ])
    func `a database is taken and shown without its secrets`(url: String, shown: String) throws {
        let database = try SettingsFixture(["DATABASE_URL": url]).worker().database
        #expect(database.description == shown)
        #expect(!"\(database) \(String(reflecting: database))".contains("hunter2"))
        if case .postgresql(let uri) = database { #expect(uri.exposed == url) }
    }

    @Test(arguments: [
        ("mysql://u:hunter2@db/olim", "postgresql://…, postgres://… or sqlite:PATH"), ("hunter2", "sqlite:PATH"),
        ("POSTGRESQL://u:hunter2@db", "postgres://"), ("sqlite:", "the path of a file"),
        ("sqlite:hunter2/", "the path of a file"),
        ("sqlite://hunter2", "one colon"), ("sqlite::memory:", "workers share it"),
        ("postgresql://u:hunter2@db:port/olim", "written as %XX"),
        ("postgresql://u:hunter2@db:0/olim", "written as %XX"),
        ("postgresql://u:hunter2@x@db/olim", "written as %XX"), ("postgresql://u:hunter2/x@db/olim", "written as %XX"),
        ("postgresql://u:12/hunter2@db/olim", "written as %XX"),
        ("postgresql://u:12?hunter2@db/olim", "written as %XX"),
        ("postgresql://u:hunter2%@db/olim", "two hexadecimal digits"),
        ("postgresql://u:hunter2%+1@db", "two hexadecimal digits"),
        ("postgresql://u:hunter2@db/olim?sslmode=on", "sslmode is one of disable, allow"),
        ("postgresql://u:hunter2@db?application_name=x&sslmode=", "sslmode is one of"),
        ("postgresql://u:hunter2 @db/olim", "without blanks"), ("postgresql://u:hunter2\n@db/olim", "without blanks"),
    ])
    func `a bad database is refused without showing it`(url: String, accepted: String) throws {
        let problems = SettingsFixture(["DATABASE_URL": url]).workerProblems
        let problem = try #require(problems.count == 1 ? problems.first : nil, "\(problems)")
        #expect(
            problem.hasPrefix("DATABASE_URL is not accepted; it must be ") && problem.contains(accepted), "\(problem)")
        #expect(!problem.contains("hunter2"))
    }

    @Test(arguments: [
        ("DATABASE_POOL_SIZE", ["0", "257", "x"], "a whole number from 1 to 256"),
        ("WORKER_NAME", ["a b", "ä", String(repeating: "x", count: 65), "a/b"], "1 to 64 of the letters"),
        ("WORKER_CAPACITY", ["0", "65537", "1e3"], "a whole number from 1 to 65536"),
        ("COMMAND_PREFIX", ["a b", " ", String(repeating: "!", count: 17)], "1 to 16 characters without blanks"),
    ])
    func `a bad value is one line with its name and what is accepted`(
        name: String, values: [String], accepted: String
    ) throws {
        for value in values {
            let problems = SettingsFixture([name: value]).workerProblems
            let problem = try #require(problems.count == 1 ? problems.first : nil, "\(name)=\(value): \(problems)")
            #expect(problem == "\(name) is \"\(value)\"; it must be \(accepted)" || problem.contains(accepted))
        }
    }

    @Test(arguments: [
        ("WORKER_NAME", "w1.a_b:c-D"), ("WORKER_NAME", String(repeating: "x", count: 64)),
    ])
    func `a good name is taken`(name: String, value: String) throws {
        #expect(try SettingsFixture([name: value]).worker().name == value)
    }

    @Test func `a host's name becomes a worker's, whatever it is`() throws {
        var source = SettingsFixture().source
        source.hostName = "büro 1" + String(repeating: "x", count: 100)
        source.processID = 1_234_567
        let name = try WorkerSettings.load(from: source).name
        #expect(name.utf8.count == 64)
        #expect(name.hasPrefix("b--ro-1xxx") && name.hasSuffix("x:1234567"))
    }

    @Test(
        arguments: [
            (nil, "DISCORD_TOKEN is not set; "), ("", "DISCORD_TOKEN is not set; "), ("Bot hunter2", "the bare token"),
            ("hunter2 ", "a bot token, which has no blanks"), ("hunter2\n", "a bot token"), ("hünter2", "a bot token"),
        ] as [(String?, String)])
    func `a bad token is refused without showing it`(token: String?, reason: String) throws {
        let problems = SettingsFixture(token: token).workerProblems
        let problem = try #require(problems.count == 1 ? problems.first : nil, "\(problems)")
        #expect(problem.hasPrefix("DISCORD_TOKEN is not ") && problem.contains(reason))
        #expect(!problem.contains("hunter2") && !problem.contains("hünter2"))
    }

    @Test func `a token file that is missing is one problem, not two`() {
        let fixture = SettingsFixture(["DISCORD_TOKEN_FILE": "/run/secrets/token"], token: nil)
        #expect(
            fixture.workerProblems
                == ["DISCORD_TOKEN_FILE: cannot read \"/run/secrets/token\": there is no such file"])
    }

    @Test func `a secret is shown nowhere`() throws {
        let settings = try SettingsFixture(token: "hunter2").worker()
        var dumped = ""
        dump(settings, to: &dumped)
        #expect(!"\(settings)\(String(reflecting: settings))\(dumped)".contains("hunter2"))
        #expect(dumped.contains("redacted"))
    }
}
