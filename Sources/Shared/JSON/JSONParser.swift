internal import CSimdJSON
public import NIOCore

/// A JSON text that is not one, or is not what its reader needs.
public struct JSONError: Error, Equatable, CustomStringConvertible {
    /// What is wrong, in words, without any of the text's own content.
    public let description: String

    /// Makes an error from a description that contains nothing of the text itself.
    public init(_ description: String) {
        self.description = description
    }
}

/// Parses JSON texts with simdjson into `JSONValue`s, reusing its buffers from one text to the next.
///
/// Not `Sendable`: one parser belongs to one isolation. A `JSONValue` and every byte it lends are valid until this
/// parser's next `parse` or its end, so decode into values of your own before you suspend.
public final class JSONParser {
    /// Bytes that must be readable behind a text for it to be parsed in place.
    public static let padding = olim_json_padding

    private let handle: OpaquePointer

    /// Makes a parser that refuses texts above `maximumBytes`.
    public init(maximumBytes: Int = 32 << 20) {
        guard let handle = olim_json_parser_create(maximumBytes) else {
            // Only the allocator can fail here, and nothing else could be allocated either.
            preconditionFailure("out of memory")
        }
        self.handle = handle
    }

    deinit {
        olim_json_parser_destroy(handle)
    }

    /// Parses one text.
    /// - Parameters:
    ///   - bytes: the whole text, UTF-8.
    ///   - padded: whether `padding` readable bytes follow `bytes`; otherwise simdjson copies them.
    /// - Returns: the root value, valid until the next call.
    public func parse(_ bytes: UnsafeRawBufferPointer, padded: Bool = false) throws(JSONError) -> JSONValue {
        guard let base = bytes.baseAddress, bytes.count > 0 else { throw JSONError("the text is empty") }
        var root = olim_json_element()
        let code = olim_json_parse(
            handle, base.assumingMemoryBound(to: CChar.self), bytes.count, padded, &root)
        guard code == 0 else { throw JSONError(String(cString: olim_json_error_message(code))) }
        return JSONValue(root)
    }

    /// Parses one text that is a string.
    public func parse(_ text: String) throws(JSONError) -> JSONValue {
        var text = text
        var outcome: Result<JSONValue, JSONError> = .failure(JSONError("the text is empty"))
        text.withUTF8 { bytes in
            do throws(JSONError) {
                outcome = .success(try parse(UnsafeRawBufferPointer(bytes)))
            } catch {
                outcome = .failure(error)
            }
        }
        return try outcome.get()
    }

    /// Parses the readable bytes of a buffer.
    public func parse(_ buffer: ByteBuffer) throws(JSONError) -> JSONValue {
        var outcome: Result<JSONValue, JSONError> = .failure(JSONError("the text is empty"))
        buffer.withUnsafeReadableBytes { bytes in
            do throws(JSONError) {
                outcome = .success(try parse(bytes))
            } catch {
                outcome = .failure(error)
            }
        }
        return try outcome.get()
    }
}

extension JSONParser {
    /// Parses one text with a parser of its own, and lends its root to `body`; for what is read now and then.
    public static func read<Result>(_ buffer: ByteBuffer, _ body: (JSONValue) -> Result) throws(JSONError) -> Result {
        let parser = JSONParser()
        // Without this the parser, and with it the value, could end after its last use here.
        defer { withExtendedLifetime(parser) {} }
        return body(try parser.parse(buffer))
    }

    /// Parses one text that is a string likewise.
    public static func read<Result>(_ text: String, _ body: (JSONValue) -> Result) throws(JSONError) -> Result {
        let parser = JSONParser()
        defer { withExtendedLifetime(parser) {} }
        return body(try parser.parse(text))
    }
}
