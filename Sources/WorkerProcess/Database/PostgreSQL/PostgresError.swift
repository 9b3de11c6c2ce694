/// A failure as libpq reports it.
struct PostgresError: Error, Sendable, Equatable {
    /// Five characters (PostgreSQL manual, appendix A); nil if the failure was on this side of the connection.
    var sqlState: String?
    /// Without secrets or data.
    var message: String
    /// Whether the connection is of no further use.
    var isConnectionLost = false

    /// The connection's own error, where no server took part.
    static func lost(_ message: String) -> PostgresError {
        PostgresError(sqlState: nil, message: message, isConnectionLost: true)
    }
}

extension PostgresError {
    /// What it means for the work at hand.
    var kind: StoreError.Kind {
        guard let sqlState else { return isMisconfiguration ? .misconfigured : .unavailable }
        switch sqlState {
        case "40001", "40P01": return .conflict
        // Statements are proven against the schema by a test, so that a missing table or column (and a missing right)
        // says that this is not our schema: no fault of the event.
        case "3D000", "3F000", "42501", "42P01", "42703", "42883", "0A000": return .misconfigured
        // A standby, after a failover: libpq will find the primary when it connects anew.
        case "25006": return .unavailable
        // Statement timeout or cancelled; lock timeout.
        case "57014", "55P03": return .unavailable
        // Corrupted data: a restore is needed, but the event is not to blame.
        case "XX001", "XX002": return .unavailable
        default: break
        }
        switch sqlState.prefix(2) {
        case "08", "53", "57", "58": return .unavailable
        case "28": return .misconfigured
        default: return .rejected
        }
    }

    /// Whether the same transaction may succeed on another connection: this one is gone, or its prepared statements are no
    /// longer those of the schema, or it leads to a standby.
    var callsForAnotherConnection: Bool {
        isConnectionLost || ["25006", "26000", "0A000"].contains(sqlState) || sqlState?.hasPrefix("57P0") == true
    }

    /// libpq's own refusals (fe-secure-openssl.c, fe-connect.c), in English because this process sets no locale.
    private var isMisconfiguration: Bool {
        let signs = [
            "certificate verify failed", "does not match host name", "root certificate file",
            "could not get server's host name from server certificate", "server does not support SSL",
            "could not read root certificate", "could not load private key", "certificate file", "private key file",
            "invalid sslmode", "invalid connection option", "no password supplied",
        ]
        return signs.contains { message.contains($0) }
    }
}

extension StoreError {
    init(_ error: PostgresError, place: String) {
        self.init(kind: error.kind, code: error.sqlState, description: "\(place): \(error.message)")
    }
}
