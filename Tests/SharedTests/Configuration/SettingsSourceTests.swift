import Shared
import Testing

@Suite struct SettingsSourceTests {
    @Test(
        arguments: [
            // environment, files, the worker's prefix
            ([:], [:], "!"),
            (["COMMAND_PREFIX": "?"], [:], "?"),
            (["COMMAND_PREFIX": ""], [:], "!"),
            ([:], [".env": "COMMAND_PREFIX=$"], "$"),
            (["COMMAND_PREFIX": "?"], [".env": "COMMAND_PREFIX=$"], "?"),
            (["COMMAND_PREFIX": ""], [".env": "COMMAND_PREFIX=$"], "$"),
            (["COMMAND_PREFIX_FILE": "/p"], ["/p": "%\n"], "%"),
            (["COMMAND_PREFIX_FILE": "/p"], ["/p": "%\r\n"], "%"),
            (["COMMAND_PREFIX_FILE": "/p"], ["/p": "%"], "%"),
            (["COMMAND_PREFIX": "", "COMMAND_PREFIX_FILE": "/p"], ["/p": "%"], "%"),
            ([:], [".env": "COMMAND_PREFIX_FILE=/p", "/p": "%"], "%"),
            (["COMMAND_PREFIX": "?"], [".env": "COMMAND_PREFIX_FILE=/p", "/p": "%"], "?"),
            (["COMMAND_PREFIX_FILE": "/p"], [".env": "COMMAND_PREFIX=$", "/p": "%"], "%"),
            (["CREDENTIALS_DIRECTORY": "/c"], ["/c/command_prefix": "&\n"], "&"),
            (["CREDENTIALS_DIRECTORY": "/c"], [:], "!"),
            (["CREDENTIALS_DIRECTORY": "/c", "COMMAND_PREFIX": "?"], ["/c/command_prefix": "&"], "?"),
            (["CREDENTIALS_DIRECTORY": "/c"], ["/c/command_prefix": "&", ".env": "COMMAND_PREFIX=$"], "$"),
            ([:], [".env": "COMMAND_PREFIX=a\nexport COMMAND_PREFIX='b'\n"], "b"),
        ] as [([String: String], [String: String], String)])
    func `the environment wins over .env, and a credential comes last`(
        environment: [String: String], files: [String: String], prefix: String
    ) throws {
        #expect(try SettingsFixture(environment, files: files).worker().commandPrefix == prefix)
    }

    @Test(
        arguments: [
            (
                ["COMMAND_PREFIX": "?", "COMMAND_PREFIX_FILE": "/p"], ["/p": "%"],
                "COMMAND_PREFIX and COMMAND_PREFIX_FILE are both set; keep one of them"
            ),
            (
                [:], [".env": "COMMAND_PREFIX=?\nCOMMAND_PREFIX_FILE=/p", "/p": "%"],
                "COMMAND_PREFIX and COMMAND_PREFIX_FILE are both set in .env; keep one of them"
            ),
            (
                ["COMMAND_PREFIX_FILE": "/p"], [:],
                "COMMAND_PREFIX_FILE: cannot read \"/p\": there is no such file"
            ),
            (
                ["COMMAND_PREFIX_FILE": "/p"], ["/p": "unreadable"],
                "COMMAND_PREFIX_FILE: cannot read \"/p\": Permission denied"
            ),
            (["COMMAND_PREFIX_FILE": "/p"], ["/p": "\n"], "COMMAND_PREFIX: the file \"/p\" is empty"),
            (
                ["COMMAND_PREFIX_FILE": "/p"], ["/p": "%\n\n"],
                "COMMAND_PREFIX from the file \"/p\" is \"%\\n\"; it must be 1 to 16 characters without blanks"
            ),
            (
                [:], [".env": "COMMAND_PREFIX='a b'"],
                "COMMAND_PREFIX in .env is \"a b\"; it must be 1 to 16 characters without blanks"
            ),
            (
                ["CREDENTIALS_DIRECTORY": "/c"], ["/c/command_prefix": "unreadable"],
                "COMMAND_PREFIX: cannot read \"/c/command_prefix\": Permission denied"
            ),
            ([:], [".env": "unreadable"], "cannot read \".env\": Permission denied"),
            ([:], [".env": "COMMAND_PREFIX='?"], ".env line 1: the single quote is not closed"),
        ] as [([String: String], [String: String], String)])
    func `what cannot be read is one clear line`(
        environment: [String: String], files: [String: String], problem: String
    ) {
        #expect(SettingsFixture(environment, files: files).workerProblems == [problem])
    }

    @Test func `other bytes than UTF-8 are refused`() {
        var fixture = SettingsFixture(["COMMAND_PREFIX_FILE": "/p"])
        fixture.files["/p"] = [0xFF, 0xFE]
        #expect(fixture.workerProblems == ["COMMAND_PREFIX: the file \"/p\" is not UTF-8 text"])
        fixture = SettingsFixture()
        fixture.files[".env"] = [0xFF]
        #expect(fixture.workerProblems == [".env is not UTF-8 text"])
    }

    @Test(arguments: [
        ("DISCORD_TOKNE=x", [".env line 1: DISCORD_TOKNE is not a setting; did you mean DISCORD_TOKEN?"]),
        ("# x\nLOGLEVEL=info", [".env line 2: LOGLEVEL is not a setting; did you mean LOG_LEVEL?"]),
        ("log_level=info", [".env line 1: log_level is not a setting; did you mean LOG_LEVEL?"]),
        (
            "DISCORD_TOKEN_FIL=x",
            [".env line 1: DISCORD_TOKEN_FIL is not a setting; did you mean DISCORD_TOKEN_FILE?"]
        ),
        ("PATH=/bin\nDISCORD_CLIENT_ID=5\nTZ=UTC\nQUEUE=1", []),
        ("COMMAND_PREFIX=?\nQUEUE_SOCKET_MODE=0600\nSTATE_DIRECTORY_FILE=", []),
        (
            "LOG_LEVEL=info\nLOG_LEVEL=debug",
            [".env line 2: LOG_LEVEL is already set on line 1; this line counts"]
        ),
    ])
    func `a name in .env that looks like a typing mistake is a warning`(file: String, warnings: [String]) throws {
        #expect(try SettingsFixture(files: [".env": file]).worker().warnings == warnings)
    }

    @Test func `this process's own environment and files are read`() throws {
        let source = SettingsSource.process()
        #expect(source.environment["PATH"]?.isEmpty == false)
        #expect(source.userID("root") == 0)
        #expect(source.userID("no-such-user-here") == nil)
        #expect(!source.hostName.isEmpty && source.processID > 1)
        #expect(try source.readFile(#filePath).starts(with: Array("import".utf8)))
        #expect(throws: SettingsSource.FileError.missing) { try source.readFile("/no/such/file") }
        #expect(throws: SettingsSource.FileError.unreadable("Is a directory")) { try source.readFile("/") }
        #expect(throws: SettingsSource.FileError.self) { try source.readFile("/dev/zero") }
    }
}
