/// What can go wrong, and how often in relation to other things.
enum Fault: Int, CaseIterable {
    case gatewayKilled
    case gatewayKilledWhileWriting
    case gatewayKilledByDisk
    case gatewayTerminated
    case gatewayStopped
    case everythingKilled
    case powerLost
    case diskFull
    case diskFails
    case workerKilled
    case workerDrained
    case workerStopped
    case workerSlow
    case allWorkersKilled
    case databaseDown
    case databaseSlow
    case connectionReset
    case connectionSilent
    case connectionStalled
    case reconnectRequested
    case sessionInvalidButResumable
    case heartbeatRequested
    case unreadable
    case closedWithCode
    case sessionKilled
    case reidentified
    case connectionsRefused
    case connectionsHang
    case resumeURLDead
    case botUnknown
    case flood
    case wallClockSet

    var weight: Int {
        switch self {
        case .workerKilled, .workerDrained, .workerStopped, .workerSlow, .gatewayKilled, .connectionReset, .flood: 8
        case .gatewayKilledWhileWriting, .gatewayKilledByDisk, .powerLost, .gatewayTerminated, .diskFull, .diskFails: 5
        case .allWorkersKilled, .databaseDown, .databaseSlow, .reconnectRequested, .connectionStalled: 4
        case .gatewayStopped, .everythingKilled, .heartbeatRequested, .sessionInvalidButResumable: 3
        case .connectionSilent, .unreadable, .resumeURLDead, .botUnknown, .wallClockSet: 2
        // These cost sessions, and whatever is lost with a session is no test of the rest.
        case .closedWithCode, .sessionKilled, .reidentified, .connectionsRefused, .connectionsHang: 1
        }
    }

    /// For the trace, which puts no words together.
    var name: StaticString {
        switch self {
        case .gatewayKilled: "gatewayKilled"
        case .gatewayKilledWhileWriting: "gatewayKilledWhileWriting"
        case .gatewayKilledByDisk: "gatewayKilledByDisk"
        case .gatewayTerminated: "gatewayTerminated"
        case .gatewayStopped: "gatewayStopped"
        case .everythingKilled: "everythingKilled"
        case .powerLost: "powerLost"
        case .diskFull: "diskFull"
        case .diskFails: "diskFails"
        case .workerKilled: "workerKilled"
        case .workerDrained: "workerDrained"
        case .workerStopped: "workerStopped"
        case .workerSlow: "workerSlow"
        case .allWorkersKilled: "allWorkersKilled"
        case .databaseDown: "databaseDown"
        case .databaseSlow: "databaseSlow"
        case .connectionReset: "connectionReset"
        case .connectionSilent: "connectionSilent"
        case .connectionStalled: "connectionStalled"
        case .reconnectRequested: "reconnectRequested"
        case .sessionInvalidButResumable: "sessionInvalidButResumable"
        case .heartbeatRequested: "heartbeatRequested"
        case .unreadable: "unreadable"
        case .closedWithCode: "closedWithCode"
        case .sessionKilled: "sessionKilled"
        case .reidentified: "reidentified"
        case .connectionsRefused: "connectionsRefused"
        case .connectionsHang: "connectionsHang"
        case .resumeURLDead: "resumeURLDead"
        case .botUnknown: "botUnknown"
        case .flood: "flood"
        case .wallClockSet: "wallClockSet"
        }
    }

    private static let bag = allCases.flatMap { Array(repeating: $0, count: $0.weight) }

    static func any(using random: inout some RandomNumberGenerator) -> Fault {
        bag.randomElement(using: &random) ?? .workerKilled
    }
}
