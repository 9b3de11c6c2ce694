internal import Shared

/// Discord has rejected this token or these intents. Remembered, so that a supervisor that restarts regardless makes no
/// loop of logins of it: those are limited, and too many get the token reset.
struct Rejection: Equatable, Sendable {
    static let name = "rejection.json"
    /// How long the same values are not tried again, in microseconds.
    static let remembered: Int64 = 15 * 60 * 1_000_000

    /// Hash of token and intents.
    var credentials: String
    /// Microseconds since 1970.
    var at: Int64
    var message: String

    init(credentials: String, at: Int64, message: String) {
        self.credentials = credentials
        self.at = at
        self.message = message
    }

    /// Nil for anything that is not one; it then keeps nobody from trying.
    init?(parsing text: String) {
        guard let value = try? JSONParser.read(text, { JSON($0) }), let credentials = value["credentials"]?.string,
            let at = value["at"]?.int, let message = value["message"]?.string
        else { return nil }
        self.init(credentials: credentials, at: Int64(at), message: message)
    }

    var text: String {
        let json: JSON = ["credentials": .string(credentials), "at": .integer(Int(at)), "message": .string(message)]
        return json.text + "\n"
    }

    /// Until when these credentials need not be tried, in microseconds since 1970; nil if they may be.
    func holds(for credentials: String, now: Int64) -> Int64? {
        // A rejection in the future counts as now: the clock was set back.
        let until = min(at, now) + Self.remembered
        return self.credentials == credentials && now < until ? until : nil
    }
}

/// The hashes by which credentials are recognized without being stored.
struct Credentials: Sendable {
    let token: Secret
    let intents: Intents
    let apiURL: APIBaseURL

    var bot: String { Digest.sha256Hex("bot \(apiURL) \(token.exposed)") }
    var rejectable: String { Digest.sha256Hex("credentials \(token.exposed) \(intents.rawValue)") }
    var identity: String { Digest.sha256Hex("identity \(apiURL) \(token.exposed) \(intents.rawValue)") }
}
