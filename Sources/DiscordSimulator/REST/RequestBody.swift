internal import NIOCore
internal import Shared

/// A request's body, brought to one JSON value whatever it was encoded as (reference.mdx, Content Type; Uploading Files).
struct RequestBody: Equatable {
    /// One uploaded file.
    struct File: Equatable {
        /// The form field, such as `files[0]`.
        var field: String
        var name: String
        var contentType: String?
        var size: Int
    }

    /// Why a body cannot be read.
    enum Failure: Error, Equatable {
        /// 50035: none of the content types that the route takes.
        case contentType(expected: [String])
        /// 50109
        case invalidJSON
        /// 50035: a multipart body that is none.
        case malformedForm(String)
    }

    var value: JSON
    var files: [File] = []
    /// Whether numbers and truth values may come as text.
    var isForm = false

    /// Reads a body whose content type must be one of `accepted`.
    static func read(
        _ bytes: ByteBuffer, contentType: String?, accepted: [String], parser: JSONParser
    ) throws(Failure) -> RequestBody {
        let header = ContentType(contentType ?? "")
        guard accepted.contains(header.type) else { throw .contentType(expected: accepted) }
        switch header.type {
        case "application/x-www-form-urlencoded":
            return RequestBody(value: form(String(buffer: bytes)), isForm: true)
        case "multipart/form-data":
            return try multipart(bytes, boundary: header.parameters["boundary"], parser: parser)
        default:
            return RequestBody(value: try json(bytes, parser))
        }
    }

    private static func json(_ bytes: ByteBuffer, _ parser: JSONParser) throws(Failure) -> JSON {
        do throws(JSONError) {
            return JSON(try parser.parse(bytes))
        } catch {
            throw .invalidJSON
        }
    }

    private static func form(_ text: String) -> JSON {
        .object(QueryString.parse(text).map { JSON.Member($0.name, .string($0.value)) })
    }

    private static func multipart(
        _ bytes: ByteBuffer, boundary: String?, parser: JSONParser
    ) throws(Failure) -> RequestBody {
        guard let boundary, !boundary.isEmpty, boundary.utf8.count <= 70 else {
            throw .malformedForm("The boundary is missing.")
        }
        guard let parts = MultipartForm.parts(of: bytes, boundary: boundary) else {
            throw .malformedForm("The body is not a multipart form.")
        }
        var body = RequestBody(value: .object([]), isForm: true)
        var fields: [JSON.Member] = []
        var payload: JSON?
        for part in parts {
            if part.name == "payload_json" {
                payload = try json(part.content, parser)
            } else if let fileName = part.fileName {
                body.files.append(
                    File(
                        field: part.name, name: fileName, contentType: part.contentType,
                        size: part.content.readableBytes))
            } else {
                fields.append(JSON.Member(part.name, .string(String(buffer: part.content))))
            }
        }
        if let payload {
            guard let members = payload.members else {
                body.value = payload
                return body
            }
            fields = members + fields
            body.isForm = false
        }
        // The files stand in the value under their field's name, so that a schema that requires one finds it.
        body.value = .object(fields + body.files.map { JSON.Member($0.field, .string($0.name)) })
        return body
    }
}

/// A `Content-Type` header with its parameters.
struct ContentType: Equatable {
    var type: String
    var parameters: [String: String] = [:]

    init(_ header: String) {
        let parts = header.split(separator: ";", omittingEmptySubsequences: false)
        type = String((parts.first.map(String.init) ?? "").trimmed).lowercased()
        for part in parts.dropFirst() {
            let pair = part.split(separator: "=", maxSplits: 1)
            guard pair.count == 2 else { continue }
            var value = String(pair[1]).trimmed
            if value.count >= 2, value.hasPrefix("\""), value.hasSuffix("\"") { value = value.dropFirst().dropLast() }
            parameters[String(String(pair[0]).trimmed).lowercased()] = String(value)
        }
    }
}

/// Percent encoding and name-value lists (WHATWG URL, application/x-www-form-urlencoded).
enum QueryString {
    static func parse(_ text: String) -> [(name: String, value: String)] {
        text.split(separator: "&").map { pair in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let value = parts.count > 1 ? decode(parts[1], plusIsSpace: true) : ""
            return (decode(parts[0], plusIsSpace: true), value)
        }
    }

    static func decode(_ text: some StringProtocol, plusIsSpace: Bool = false) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2,
                let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte == UInt8(ascii: "+") && plusIsSpace ? UInt8(ascii: " ") : byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
