import Shared

/// A configuration made of values.
struct SettingsFixture {
    var environment: [String: String] = ["DISCORD_TOKEN": "token"]
    var files: [String: [UInt8]] = [:]

    init(_ environment: [String: String] = [:], files: [String: String] = [:], token: String? = "token") {
        self.environment["DISCORD_TOKEN"] = token
        self.environment.merge(environment) { $1 }
        self.files = files.mapValues { Array($0.utf8) }
    }

    var source: SettingsSource {
        SettingsSource(
            environment: environment,
            readFile: { [files] path throws(SettingsSource.FileError) in
                guard let bytes = files[path] else { throw .missing }
                // A file of this content stands for one that cannot be read.
                guard bytes != Array("unreadable".utf8) else { throw .unreadable("Permission denied") }
                return bytes
            },
            userID: { ["olim": 990, "discord": 991][$0] },
            ownUserID: 1000,
            hostName: "host-1.example",
            processID: 42,
            isTerminal: false
        )
    }

    func gateway() throws(SettingsError) -> GatewaySettings { try GatewaySettings.load(from: source) }
    func worker() throws(SettingsError) -> WorkerSettings { try WorkerSettings.load(from: source) }

    var gatewayProblems: [String] {
        do throws(SettingsError) {
            _ = try gateway()
            return []
        } catch {
            return error.problems
        }
    }

    var workerProblems: [String] {
        do throws(SettingsError) {
            _ = try worker()
            return []
        } catch {
            return error.problems
        }
    }
}
