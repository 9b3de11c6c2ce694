internal import CPostgreSQL
internal import Shared

/// A connection URI that libpq understands, and what may be said of it.
struct PostgresLocation: Sendable {
    let uri: Secret
    /// For messages: no user, password or parameter.
    let place: String
    /// What must not appear in a message even if a server or libpq puts it there.
    private let password: Secret?

    init(uri: Secret) throws(StoreError) {
        var message: UnsafeMutablePointer<CChar>?
        guard let options = PQconninfoParse(uri.exposed, &message) else {
            PQfreemem(message)
            // libpq's message quotes a part of the URI, which may be one of the password.
            throw StoreError(
                kind: .misconfigured, code: nil, description: "DATABASE_URL is not a URI that libpq understands")
        }
        defer { PQconninfoFree(options) }
        var values: [String: String] = [:]
        var option = options
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val { values[String(cString: keyword)] = String(cString: value) }
            option += 1
        }
        self.uri = uri
        password = values["password"].flatMap { $0.isEmpty ? nil : Secret($0) }
        place = DatabaseLocation.postgresql(uri: uri).description
    }

    /// A message of libpq's or a server's on one line and without the password.
    func redacted(_ message: String) -> String {
        var text = message.split(whereSeparator: \.isNewline).map { $0.drop(while: \.isWhitespace) }
            .joined(separator: " ")
        if let password {
            text = text.split(separator: password.exposed, omittingEmptySubsequences: false).joined(separator: "***")
        }
        return text
    }
}
