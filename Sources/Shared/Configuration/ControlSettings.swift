/// What `olimctl` is told: where the gateway's sockets are and which worker is meant, so that it needs no token.
public struct ControlSettings: Sendable, Equatable {
    /// `CONTROL_SOCKET`, else `control.sock` beside `QUEUE_SOCKET`.
    public var controlSocket: String
    /// `QUEUE_SOCKET`.
    public var queueSocket: String
    /// Which names a worker with these settings has.
    public var worker: WorkerMatch

    /// The names that a worker may have.
    public enum WorkerMatch: Sendable, Equatable {
        /// `WORKER_NAME`.
        case name(String)
        /// Without `WORKER_NAME` a worker is called after the machine and its process, whose number is not known here.
        case prefix(String)

        /// Whether a worker of this name is meant.
        public func matches(_ name: String) -> Bool {
            switch self {
            case .name(let wanted): name == wanted
            case .prefix(let prefix): name.hasPrefix(prefix)
            }
        }
    }

    /// Reads the settings by the programs' own rules.
    /// - Throws: what is wrong with them.
    public static func load(from source: SettingsSource) throws(SettingsError) -> ControlSettings {
        var reader = SettingsReader(source)
        let queueSocket = CommonSettings.queueSocket(&reader)
        let controlSocket = reader.socketPath(
            "CONTROL_SOCKET", default: GatewaySettings.controlSocket(besideQueueSocket: queueSocket))
        let name = WorkerSettings.name(&reader)
        guard reader.problems.isEmpty else {
            throw SettingsError(problems: reader.problems, warnings: reader.warnings)
        }
        let standard = WorkerSettings.standardName(source)
        // Up to and with the colon before the process's number.
        let prefix = standard.lastIndex(of: ":").map { String(standard[...$0]) } ?? standard
        return ControlSettings(
            controlSocket: controlSocket, queueSocket: queueSocket,
            worker: name == standard ? .prefix(prefix) : .name(name))
    }
}
