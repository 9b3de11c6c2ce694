public import Logging

/// What both processes are told.
public struct CommonSettings: Sendable {
    /// `DISCORD_TOKEN`.
    public var token: Secret
    /// `DISCORD_API_URL`.
    public var apiURL: APIBaseURL
    /// `DISCORD_CA_FILE`: an extra PEM bundle to trust.
    public var certificateAuthorityFile: String?
    /// `QUEUE_SOCKET`.
    public var queueSocket: String
    /// `STATE_DIRECTORY`, without a slash at its end.
    public var stateDirectory: String
    /// `DRAIN_TIMEOUT`.
    public var drainTimeout: Duration
    /// `LOG_LEVEL`.
    public var logLevel: Logger.Level
    /// `LOG_FORMAT`.
    public var logFormat: LogFormat
    /// `METRICS_LISTEN`; nil for off.
    public var metricsListen: ListenAddress?
    /// What to tell the operator, one line each, that does not stop the start.
    public var warnings: [String] = []

    /// Longest `DRAIN_TIMEOUT`: past an hour no supervisor waits.
    static let longestDrain = Duration.seconds(3600)

    init(_ reader: inout SettingsReader, drainTimeout standardDrain: Duration) {
        token = Self.token(&reader)
        apiURL = reader.value("DISCORD_API_URL", default: .discord) { text throws(ValueError) in
            try APIBaseURL(parsing: text)
        }
        certificateAuthorityFile = Self.certificateAuthorityFile(&reader)
        queueSocket = Self.queueSocket(&reader)
        stateDirectory = Self.stateDirectory(&reader)
        drainTimeout = reader.duration("DRAIN_TIMEOUT", default: standardDrain, in: .zero...Self.longestDrain)
        logLevel = Self.logLevel(&reader)
        logFormat = reader.choice("LOG_FORMAT", default: reader.source.isTerminal ? .text : .json)
        metricsListen = reader.value("METRICS_LISTEN", default: nil, accepted: ListenAddress.accepted) {
            ListenAddress($0).map(Optional.some)
        }
    }

    private static func token(_ reader: inout SettingsReader) -> Secret {
        let problems = reader.problems.count
        let token = reader.value("DISCORD_TOKEN", default: Secret?.none, isSecret: true) { text throws(ValueError) in
            guard !text.hasPrefix("Bot ") else {
                throw ValueError(accepted: "the bare token, without \"Bot \" in front")
            }
            guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
                throw ValueError(
                    accepted: "a bot token, which has no blanks, line breaks or other than ASCII characters")
            }
            return Secret(text)
        }
        if token == nil, reader.problems.count == problems {
            reader.report(
                "DISCORD_TOKEN is not set; set it, or DISCORD_TOKEN_FILE, to the token from "
                    + "https://discord.com/developers/applications (Bot, Reset Token)")
        }
        return token ?? Secret("")
    }

    private static func certificateAuthorityFile(_ reader: inout SettingsReader) -> String? {
        guard let found = reader.text("DISCORD_CA_FILE") else { return nil }
        do throws(SettingsSource.FileError) {
            let text = String(decoding: try reader.source.readFile(found.text), as: UTF8.self)
            if !text.contains("-----BEGIN CERTIFICATE-----"), !text.contains("-----BEGIN TRUSTED CERTIFICATE-----") {
                reader.report("\(found.origin): the file \(quoted(found.text)) holds no PEM certificate")
            }
        } catch {
            reader.report("\(found.origin): \(reader.cannotRead(found.text, error))")
        }
        return found.text
    }

    static func queueSocket(_ reader: inout SettingsReader) -> String {
        let directory = reader.plain("RUNTIME_DIRECTORY").map(firstPath) ?? "./run"
        return reader.socketPath("QUEUE_SOCKET", default: directory + "/queue.sock")
    }

    private static func stateDirectory(_ reader: inout SettingsReader) -> String {
        firstPath(reader.path("STATE_DIRECTORY", default: "./state"))
    }

    /// systemd lists several directories with colons in between (systemd.exec(5), RuntimeDirectory).
    private static func firstPath(_ list: String) -> String {
        var path = list.prefix { $0 != ":" }
        while path.count > 1, path.hasSuffix("/") { path = path.dropLast() }
        return String(path)
    }

    private static func logLevel(_ reader: inout SettingsReader) -> Logger.Level {
        let all = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
        return reader.value("LOG_LEVEL", default: .info, accepted: "one of \(all)") { Logger.Level(rawValue: $0) }
    }
}
