/// What a worker process is told (docs/operations.md).
@dynamicMemberLookup
public struct WorkerSettings: Sendable {
    /// What the gateway is told too; its members are members of this.
    public var common: CommonSettings
    /// `DATABASE_URL`.
    public var database: DatabaseLocation
    /// `DATABASE_POOL_SIZE`.
    public var databasePoolSize: Int
    /// `WORKER_NAME`.
    public var name: String
    /// `WORKER_CAPACITY`.
    public var capacity: Int
    /// `COMMAND_PREFIX`.
    public var commandPrefix: String

    /// A setting of `common`.
    public subscript<Value>(dynamicMember member: WritableKeyPath<CommonSettings, Value>) -> Value {
        get { common[keyPath: member] }
        set { common[keyPath: member] = newValue }
    }

    /// Longest `COMMAND_PREFIX`, in characters: more is a typing exercise for the members.
    public static let longestCommandPrefix = 16
    /// Most connections of one worker; PostgreSQL's own default is 100 in all.
    static let poolSizes = 1...256

    /// Reads and checks every setting.
    /// - Throws: all problems at once.
    public static func load(from source: SettingsSource) throws(SettingsError) -> WorkerSettings {
        var reader = SettingsReader(source)
        var settings = WorkerSettings(&reader)
        guard reader.problems.isEmpty else {
            throw SettingsError(problems: reader.problems, warnings: reader.warnings)
        }
        settings.common.warnings = reader.warnings + [settings.database.warning].compactMap(\.self)
        return settings
    }

    private init(_ reader: inout SettingsReader) {
        common = CommonSettings(&reader, drainTimeout: .seconds(25))
        database = reader.value(
            "DATABASE_URL",
            default: .sqlite(path: "\(common.stateDirectory)/\(DatabaseLocation.defaultFileName)"),
            isSecret: true
        ) { text throws(ValueError) in try DatabaseLocation(parsing: text) }
        databasePoolSize = reader.integer("DATABASE_POOL_SIZE", default: 4, in: Self.poolSizes)
        name = Self.name(&reader)
        capacity = reader.integer("WORKER_CAPACITY", default: 256, in: QueueProtocol.capacityRange)
        commandPrefix = reader.value(
            "COMMAND_PREFIX", default: "!", accepted: "1 to \(Self.longestCommandPrefix) characters without blanks"
        ) { text in
            text.count <= Self.longestCommandPrefix && !text.contains(where: \.isWhitespace) ? text : nil
        }
    }

    static func name(_ reader: inout SettingsReader) -> String {
        reader.value(
            "WORKER_NAME", default: standardName(reader.source), accepted: QueueProtocol.acceptedWorkerNames
        ) { QueueProtocol.isWorkerName($0) ? $0 : nil }
    }

    /// `HOSTNAME:PID`, where what a worker's name may not contain becomes `-` and a long host name is cut.
    static func standardName(_ source: SettingsSource) -> String {
        let suffix = ":\(source.processID)"
        let host = source.hostName.utf8.map { QueueProtocol.isWorkerNameByte($0) ? $0 : UInt8(ascii: "-") }
        let kept = host.prefix(QueueProtocol.maximumWorkerNameBytes - suffix.utf8.count)
        return String(decoding: kept, as: UTF8.self) + suffix
    }
}
