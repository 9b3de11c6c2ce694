/// What `olimctl` is told: nothing but where the gateway's control socket is, so that it needs no token.
public struct ControlSettings: Sendable, Equatable {
    /// `CONTROL_SOCKET`, else `control.sock` beside `QUEUE_SOCKET`.
    public var controlSocket: String

    /// Reads the settings by the gateway's own rules.
    /// - Throws: what is wrong with them.
    public static func load(from source: SettingsSource) throws(SettingsError) -> ControlSettings {
        var reader = SettingsReader(source)
        let queueSocket = CommonSettings.queueSocket(&reader)
        let controlSocket = reader.socketPath(
            "CONTROL_SOCKET", default: GatewaySettings.controlSocket(besideQueueSocket: queueSocket))
        guard reader.problems.isEmpty else {
            throw SettingsError(problems: reader.problems, warnings: reader.warnings)
        }
        return ControlSettings(controlSocket: controlSocket)
    }
}
