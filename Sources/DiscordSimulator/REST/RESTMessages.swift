internal import NIOCore
internal import Shared

/// One request to the REST API.
struct RESTRequest {
    /// Upper-case method.
    var method: String
    /// Path and query as they stand in the request line.
    var target: String
    /// Header lines in their order.
    var headers: [(name: String, value: String)]
    var body = ByteBuffer()
    /// The client's address without its port.
    var address = "127.0.0.1"

    /// The first header of that name.
    func header(_ name: String) -> String? {
        headers.first { $0.name.caseInsensitiveCompare(to: name) }?.value
    }
}

/// What becomes of a request.
struct RESTAnswer: Equatable {
    var status: Int
    var headers: [RateLimitModel.Header]
    var body: ByteBuffer
    /// Whether the connection is reset instead of an answer.
    var resetsConnection = false
    /// Microseconds to wait before answering.
    var delay = 0
}

/// A refusal in Discord's shape (opcodes-and-status-codes.mdx, JSON Error Response).
struct APIError: Error, Equatable {
    var status: Int
    var code: Int
    var message: String
    var errors: FormErrors?

    init(_ status: Int, _ code: Int, _ message: String, errors: FormErrors? = nil) {
        self.status = status
        self.code = code
        self.message = message
        self.errors = errors
    }

    init(_ refusal: InteractionRules.Refusal) {
        self.init(refusal.status, refusal.code, refusal.message)
    }

    init(_ failure: RequestBody.Failure) {
        switch failure {
        case .contentType(let expected):
            let list = expected.map { "'\($0)'" }.joined(separator: ", ")
            self = .invalidForm(
                "CONTENT_TYPE_INVALID", "Expected \"Content-Type\" header to be one of {\(list)}.", at: [])
        case .invalidJSON: self = .invalidJSON
        case .malformedForm(let reason): self = .invalidForm("FORM_INVALID", reason, at: [])
        }
    }

    var json: JSON {
        .compact(["message": .string(message), "code": .integer(code), "errors": errors?.json])
    }

    static let unauthorized = APIError(401, 0, "401: Unauthorized")
    static let notFound = APIError(404, 0, "404: Not Found")
    static let wrongMethod = APIError(405, 0, "405: Method Not Allowed")
    static let userAgent = APIError(403, 40333, "internal network error")
    static let invalidVersion = APIError(400, 50041, "Invalid API version provided")
    static let invalidJSON = APIError(400, 50109, "The request body contains invalid JSON.")
    static let tooLarge = APIError(413, 40005, "Request entity too large")
    static let botsCannot = APIError(403, 20001, "Bots cannot use this endpoint")
    static let unknownChannel = APIError(404, 10003, "Unknown Channel")
    static let unknownGuild = APIError(404, 10004, "Unknown Guild")
    static let unknownMember = APIError(404, 10007, "Unknown Member")
    static let unknownMessage = APIError(404, 10008, "Unknown Message")
    static let unknownRole = APIError(404, 10011, "Unknown Role")
    static let unknownUser = APIError(404, 10013, "Unknown User")
    static let unknownWebhook = APIError(404, 10015, "Unknown Webhook")
    static let unknownApplication = APIError(404, 10002, "Unknown Application")
    static let unknownCommand = APIError(404, 10063, "Unknown application command")
    static let missingAccess = APIError(403, 50001, "Missing Access")
    static let emptyMessage = APIError(400, 50006, "Cannot send an empty message")
    static let wrongChannelType = APIError(400, 50008, "Cannot send messages in a non-text channel")
    static let foreignMessage = APIError(403, 50005, "Cannot edit a message authored by another user")
    static let missingPermissions = APIError(403, 50013, "Missing Permissions")
    static let noHistory = APIError(
        400, 160002, "Cannot reply without permission to read message history")
    static let tooManyCreates = APIError(
        400, 30034, "Max number of daily application command creates has been reached (200)")
    static let ephemeral = APIError(403, 50023, "An ephemeral message can only be changed with its token")

    /// 50035 with the places.
    static func invalidForm(_ errors: FormErrors) -> APIError {
        APIError(400, 50035, "Invalid Form Body", errors: errors)
    }

    /// 50035 with one place.
    static func invalidForm(_ code: String, _ message: String, at path: [String]) -> APIError {
        var errors = FormErrors()
        errors.add(code, message, at: path)
        return invalidForm(errors)
    }
}

/// What a handler makes of a request that passed every check.
enum RESTResult: Equatable {
    case json(Int, JSON)
    case noContent

    var status: Int {
        switch self {
        case .json(let status, _): status
        case .noContent: 204
        }
    }
}

/// A request that passed the checks of its form.
struct RESTCall {
    var operation: Operation
    /// Path parameters by their names in the template, decoded.
    var parameters: [String: String]
    /// Query parameters in their order.
    var query: [(name: String, value: String)]
    var body: RequestBody
    /// Microseconds since 1970.
    var now: Int

    /// A path parameter that is an id; the schema has made sure that it is one.
    func id(_ name: String) -> Snowflake { parameters[name].flatMap { Snowflake($0) } ?? Snowflake(0) }

    func flag(_ name: String) -> Bool {
        ["true", "True", "1"].contains(query.first { $0.name == name }?.value)
    }

    func text(_ name: String) -> String? { query.first { $0.name == name }?.value }
}

extension String {
    fileprivate func caseInsensitiveCompare(to other: String) -> Bool {
        utf8.count == other.utf8.count && lowercased() == other.lowercased()
    }
}
