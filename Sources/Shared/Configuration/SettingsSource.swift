/// Everything that settings are made of, as values: tests pass their own, programs `SettingsSource.process()`.
public struct SettingsSource: Sendable {
    /// Why a file could not be read.
    public enum FileError: Error, Equatable, Sendable {
        case missing
        /// In words, such as `Permission denied`.
        case unreadable(String)
    }

    /// The environment variables.
    public var environment: [String: String]
    /// Reads a file's bytes, at most `maximumFileBytes` of them. Relative paths start at the working directory.
    public var readFile: @Sendable (_ path: String) throws(FileError) -> [UInt8]
    /// The number of a user of this machine; nil if there is none of that name.
    public var userID: @Sendable (_ name: String) -> UInt32?
    /// This process's own user.
    public var ownUserID: UInt32
    /// This machine's name.
    public var hostName: String
    /// This process's number.
    public var processID: Int32
    /// Whether standard output is a terminal.
    public var isTerminal: Bool

    /// The `.env` file's name, in the working directory.
    public static let environmentFileName = ".env"
    /// Largest file that is read for a setting, in bytes: the largest CA bundles in use have about 250 kB.
    public static let maximumFileBytes = 4 << 20

    /// Makes a source of values.
    public init(
        environment: [String: String] = [:],
        readFile: @escaping @Sendable (_ path: String) throws(FileError) -> [UInt8] = { _ throws(FileError) in
            throw .missing
        },
        userID: @escaping @Sendable (_ name: String) -> UInt32? = { _ in nil },
        ownUserID: UInt32 = 1000,
        hostName: String = "localhost",
        processID: Int32 = 1,
        isTerminal: Bool = false
    ) {
        self.environment = environment
        self.readFile = readFile
        self.userID = userID
        self.ownUserID = ownUserID
        self.hostName = hostName
        self.processID = processID
        self.isTerminal = isTerminal
    }
}
