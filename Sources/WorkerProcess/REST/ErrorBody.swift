internal import NIOCore
internal import Shared

/// What can be learnt from the body of an answer that is not a success: JSON as Discord documents it, another JSON, a
/// HTML page of something in between, or a piece of either (topics/opcodes-and-status-codes.mdx; reference.mdx, Error
/// Messages).
struct ErrorBody: Sendable, Equatable {
    var code: Int?
    var message: String?
    /// The first few entries of `errors`, as `content: Must be 2000 or fewer in length.`.
    var details: [String] = []
    /// Seconds.
    var retryAfter: Double?
    var isGlobal = false

    /// Longest text of Discord's that goes into an error of ours, in characters.
    static let maximumTextLength = 200
    /// Most entries of `errors` that are kept.
    static let maximumDetails = 3
    /// How deep `errors` is followed; a request's own nesting is far less.
    static let maximumDepth = 12

    init() {}

    /// Reads a body; whatever it is, this succeeds.
    init(_ body: ByteBuffer, contentType: String?) {
        guard let contentType, contentType.lowercased().contains("json"),
            let root = JSON(parsing: body)
        else { return }
        code = root["code"]?.int
        message = root["message"]?.string.map(Self.printable)
        retryAfter = root["retry_after"]?.double
        isGlobal = root["global"]?.bool ?? false
        if let errors = root["errors"] { collect(errors, path: "", depth: 0) }
    }

    private mutating func collect(_ value: JSON, path: String, depth: Int) {
        guard depth < Self.maximumDepth else { return }
        for member in value.members ?? [] {
            guard details.count < Self.maximumDetails else { return }
            if member.key == "_errors" {
                let text = member.value.elements?.first?["message"]?.string ?? "invalid"
                details.append(Self.printable(path.isEmpty ? text : "\(path): \(text)"))
            } else {
                collect(member.value, path: path.isEmpty ? member.key : "\(path).\(member.key)", depth: depth + 1)
            }
        }
    }

    /// One line without control characters.
    private static func printable(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.prefix(maximumTextLength).map { $0.value < 32 ? " " : $0 }))
    }
}

extension JSON {
    /// A copy of a JSON text's value; nil if it is none.
    init?(parsing body: ByteBuffer) {
        let parser = JSONParser()
        // A parsed value points into its parser.
        let copy: JSON? = withExtendedLifetime(parser) { (try? parser.parse(body)).map { JSON($0) } }
        guard let copy else { return nil }
        self = copy
    }
}
