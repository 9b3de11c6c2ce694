/// Which database a worker uses (`DATABASE_URL`). Its description never shows a password.
public enum DatabaseLocation: Sendable, Equatable, CustomStringConvertible {
    /// A libpq connection URI (libpq-connect, Connection URIs), handed to libpq as it is.
    case postgresql(uri: Secret)
    /// A file, made if it is missing.
    case sqlite(path: String)

    static let accepted = "postgresql://…, postgres://… or sqlite:PATH"
    /// The file under `STATE_DIRECTORY` that is used without `DATABASE_URL`.
    static let defaultFileName = "olim.sqlite"

    init(parsing text: String) throws(ValueError) {
        if text.hasPrefix("postgresql://") || text.hasPrefix("postgres://") {
            try PostgresURI.check(text)
            self = .postgresql(uri: Secret(text))
        } else if text.hasPrefix("sqlite:") {
            let path = String(text.dropFirst("sqlite:".count))
            guard !path.isEmpty, !path.hasSuffix("/"), !path.utf8.contains(0) else {
                throw ValueError(accepted: "sqlite: followed by the path of a file")
            }
            guard !path.hasPrefix("//") || path.hasPrefix("///") else {
                throw ValueError(accepted: "sqlite:PATH with one colon and no \"//\"")
            }
            guard path != ":memory:" else {
                throw ValueError(accepted: "sqlite: followed by the path of a file, since workers share it")
            }
            self = .sqlite(path: path)
        } else {
            throw ValueError(accepted: Self.accepted)
        }
    }

    /// What is doubtful about it; nil if nothing is.
    var warning: String? {
        guard case .postgresql(let uri) = self, let host = PostgresURI.unverifiedHost(uri.exposed) else { return nil }
        return
            "DATABASE_URL: whether \(host) is who it should be is not verified; add sslmode=verify-full (and sslrootcert=FILE), "
            + "unless only a private network leads there"
    }

    /// Where it is, for people: without user, password or parameters.
    public var description: String {
        switch self {
        case .sqlite(let path): "sqlite:\(path)"
        case .postgresql(let uri): PostgresURI.redacted(uri.exposed)
        }
    }
}

/// What can be said of a libpq URI without libpq.
enum PostgresURI {
    private static let acceptedCharacters =
        "postgresql://USER:PASSWORD@HOST:PORT/DATABASE, in whose user and password : / ? # @ % are written as %XX"

    /// Finds mistakes that libpq would report with the URI in its message.
    static func check(_ uri: String) throws(ValueError) {
        guard uri.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw ValueError(accepted: "a URI without blanks; write others than ASCII letters as %XX")
        }
        try checkEscapes(uri)
        // An unescaped "@", "/" or "?" in a password would make a part of it the host, to be shown and looked up.
        guard uri.split(separator: "@", omittingEmptySubsequences: false).count <= 2,
            !afterAuthority(of: uri).contains("@")
        else { throw ValueError(accepted: acceptedCharacters) }
        try checkSecurity(uri)
        for host in hosts(of: uri) {
            let port = host.hasPrefix("[") ? host.drop { $0 != "]" }.dropFirst() : host.drop { $0 != ":" }
            guard port.count <= 1 || 1...65_535 ~= Quantities.integer(port.dropFirst()) ?? 0 else {
                throw ValueError(accepted: acceptedCharacters)
            }
        }
    }

    /// libpq's own check would come only with the first connection.
    private static func checkSecurity(_ uri: String) throws(ValueError) {
        let known = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]
        let parameters = afterAuthority(of: uri).drop { $0 != "?" }.dropFirst().split(separator: "&")
        for mode in parameters where mode.hasPrefix("sslmode=") && !known.contains(String(mode.dropFirst(8))) {
            throw ValueError(accepted: "a URI whose sslmode is one of \(known.joined(separator: ", "))")
        }
    }

    /// A host on another network than a container's or a machine's own, whose certificate is not checked; nil if there is none.
    static func unverifiedHost(_ uri: String) -> Substring? {
        let parameters = afterAuthority(of: uri).drop { $0 != "?" }.dropFirst().split(separator: "&")
        guard !parameters.contains("sslmode=verify-full"), !parameters.contains("sslmode=verify-ca") else { return nil }
        // One with a domain: `localhost`, `postgres` and addresses are near.
        return hosts(of: uri).map { $0.prefix { $0 != ":" } }.first { host in
            host.contains(".") && !host.hasSuffix(".localhost") && host.contains(where: \.isLetter)
        }
    }

    /// Scheme, hosts and database.
    static func redacted(_ uri: String) -> String {
        let database = afterAuthority(of: uri).prefix { $0 != "?" }.dropFirst()
        return "postgresql://\(hosts(of: uri).joined(separator: ","))" + (database.isEmpty ? "" : "/\(database)")
    }

    private static func checkEscapes(_ uri: String) throws(ValueError) {
        for index in uri.indices where uri[index] == "%" {
            let digits = uri[index...].dropFirst().prefix(2)
            guard digits.count == 2, digits.allSatisfy(\.isHexDigit) else {
                throw ValueError(
                    accepted: "a URI whose \"%\" are followed by two hexadecimal digits; write \"%\" as %25")
            }
        }
    }

    /// Between scheme and path: users and hosts.
    private static func authority(of uri: String) -> Substring {
        guard let mark = uri.range(ofText: "://") else { return "" }
        return uri[mark.upperBound...].prefix { $0 != "/" && $0 != "?" }
    }

    private static func hosts(of uri: String) -> [Substring] {
        let authority = authority(of: uri)
        let hosts = authority.lastIndex(of: "@").map { authority[authority.index(after: $0)...] } ?? authority
        return hosts.split(separator: ",")
    }

    private static func afterAuthority(of uri: String) -> Substring {
        uri[authority(of: uri).endIndex...]
    }
}
