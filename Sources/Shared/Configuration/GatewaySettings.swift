/// What the gateway process is told (docs/operations.md).
@dynamicMemberLookup
public struct GatewaySettings: Sendable {
    /// What the worker is told too; its members are members of this.
    public var common: CommonSettings
    /// `DISCORD_INTENTS`.
    public var intents: Intents
    /// `DISCORD_SHARDS`.
    public var shards: ShardSelection
    /// `DISCORD_COMPRESS`.
    public var compression: GatewayCompression
    /// `DISCORD_PRESENCE`: the status text under the bot's name.
    public var presence: String?
    /// `QUEUE_SOCKET_MODE`.
    public var queueSocketMode: UInt32
    /// `QUEUE_ALLOWED_UIDS`.
    public var queueAllowedUIDs: Set<UInt32>
    /// `QUEUE_DURABILITY`.
    public var queueDurability: QueueDurability
    /// `QUEUE_MAX_BYTES`.
    public var queueMaximumBytes: Int
    /// `QUEUE_ACK_TIMEOUT`.
    public var queueAckTimeout: Duration
    /// `QUEUE_MAX_ATTEMPTS`.
    public var queueMaximumAttempts: Int
    /// `INTERACTION_DEFER_AFTER`; nil for off.
    public var interactionDeferAfter: Duration?
    /// `CONTROL_SOCKET`.
    public var controlSocket: String
    /// `DEAD_LETTER_KEEP`.
    public var deadLetterKeep: Duration
    /// The user who runs the gateway; beside root the only one whom the control socket lets in.
    public var ownUserID: UInt32

    /// A setting of `common`.
    public subscript<Value>(dynamicMember member: WritableKeyPath<CommonSettings, Value>) -> Value {
        get { common[keyPath: member] }
        set { common[keyPath: member] = newValue }
    }

    /// `DISCORD_INTENTS` if it is not set.
    public static let standardIntents: Intents = [.guilds, .guildMembers, .guildMessages, .messageContent]
    /// Longest status text, in characters (gateway-events.mdx, Activity Object; what Discord's own client allows).
    static let longestPresence = 128
    /// The gateway defers nothing later than this after the interaction was made.
    static let deferralRange: ClosedRange<Duration> = .milliseconds(1)...(.milliseconds(2500))

    /// Reads and checks every setting.
    /// - Throws: all problems at once.
    public static func load(from source: SettingsSource) throws(SettingsError) -> GatewaySettings {
        var reader = SettingsReader(source)
        var settings = GatewaySettings(&reader)
        guard reader.problems.isEmpty else {
            throw SettingsError(problems: reader.problems, warnings: reader.warnings)
        }
        settings.common.warnings = reader.warnings
        return settings
    }

    private init(_ reader: inout SettingsReader) {
        common = CommonSettings(&reader, drainTimeout: .seconds(2))
        intents = Self.intents(&reader)
        shards = reader.value("DISCORD_SHARDS", default: .automatic, accepted: ShardSelection.accepted) {
            ShardSelection($0)
        }
        compression = reader.choice("DISCORD_COMPRESS", default: .zstdStream)
        presence = reader.value(
            "DISCORD_PRESENCE", default: nil, accepted: "a text of at most \(Self.longestPresence) characters"
        ) { $0.count <= Self.longestPresence ? .some($0) : nil }
        queueSocketMode = reader.value(
            "QUEUE_SOCKET_MODE", default: 0o660, accepted: "an octal file mode such as 0660"
        ) { Quantities.fileMode($0) }
        queueAllowedUIDs = Self.allowedUIDs(&reader)
        queueDurability = reader.choice("QUEUE_DURABILITY", default: .journal)
        queueMaximumBytes = reader.size("QUEUE_MAX_BYTES", default: 1 << 30, minimum: 64 << 10)
        queueAckTimeout = reader.duration(
            "QUEUE_ACK_TIMEOUT", default: .seconds(30), in: .milliseconds(100)...(.seconds(86_400)))
        queueMaximumAttempts = reader.integer("QUEUE_MAX_ATTEMPTS", default: 5, in: 1...1000)
        let deferAfter = reader.duration(
            "INTERACTION_DEFER_AFTER", default: .milliseconds(1500), in: Self.deferralRange, orZero: true)
        interactionDeferAfter = deferAfter == .zero ? nil : deferAfter
        controlSocket = Self.controlSocket(&reader, queueSocket: common.queueSocket)
        deadLetterKeep = reader.duration(
            "DEAD_LETTER_KEEP", default: .seconds(14 * 86_400), in: .seconds(1)...(.seconds(3650 * 86_400)))
        ownUserID = reader.source.ownUserID
    }

    private static func intents(_ reader: inout SettingsReader) -> Intents {
        reader.value("DISCORD_INTENTS", default: standardIntents) { text throws(ValueError) in
            do throws(IntentsError) {
                return try Intents(parsing: text)
            } catch {
                throw ValueError(
                    accepted:
                        "names of intents as in Discord's documentation, separated by commas: \(error.description)")
            }
        }
    }

    private static func allowedUIDs(_ reader: inout SettingsReader) -> Set<UInt32> {
        let lookup = reader.source.userID
        return reader.value("QUEUE_ALLOWED_UIDS", default: [reader.source.ownUserID, 0]) { text throws(ValueError) in
            var allowed: Set<UInt32> = []
            for entry in text.split(separator: ",", omittingEmptySubsequences: false) {
                let name = String(entry.trimmingBlanks)
                guard let uid = Quantities.integer(name).flatMap(UInt32.init(exactly:)) ?? lookup(name) else {
                    throw ValueError(
                        accepted: "numbers or names of users, separated by commas: there is no user \(quoted(name))")
                }
                allowed.insert(uid)
            }
            return allowed
        }
    }

    private static func controlSocket(_ reader: inout SettingsReader, queueSocket: String) -> String {
        let path = reader.socketPath("CONTROL_SOCKET", default: Self.controlSocket(besideQueueSocket: queueSocket))
        if path == queueSocket {
            reader.report("CONTROL_SOCKET and QUEUE_SOCKET are both \(quoted(path)); they must differ")
        }
        return path
    }

    /// `control.sock` in the queue socket's directory.
    static func controlSocket(besideQueueSocket queueSocket: String) -> String {
        guard let slash = queueSocket.lastIndex(of: "/") else { return "control.sock" }
        return queueSocket[...slash] + "control.sock"
    }
}
