internal import NIOCore

/// Reads the fields of one frame, naming frame and field in what it throws. Null counts as absent.
struct FrameFields {
    let root: JSONValue
    let op: String

    /// Ids and references are JSON integers below 2^53, which every language's numbers hold exactly.
    static let integers = 0...(1 << 53) - 1

    /// Parses a line and finds its `op`.
    init(_ line: ByteBuffer, parser: JSONParser) throws(FrameError) {
        do throws(JSONError) {
            root = try parser.parse(line)
        } catch {
            throw FrameError(.malformed, "the line is not a JSON object: \(error.description)")
        }
        guard root.kind == .object else {
            throw FrameError(.malformed, "the line is not a JSON object: it is of type \(root.kind)")
        }
        guard let op = root["op"]?.string else {
            throw FrameError(.malformed, "the frame has no \"op\", or it is not a string")
        }
        self.op = op
    }

    /// What to throw for an `op` that nobody knows.
    var unknownOp: FrameError {
        FrameError(.unknownOp, "there is no op \"\(op.count > 64 ? op.prefix(64) + "…" : op[...])\" in this direction")
    }

    func malformed(_ field: StaticString, _ accepted: String) -> FrameError {
        let state = optional(field) == nil ? "is missing" : "is not accepted"
        return FrameError(.malformed, "\"\(field)\" of \"\(op)\" \(state): it must be \(accepted)")
    }

    func optional(_ field: StaticString) -> JSONValue? {
        guard let value = root[field], !value.isNull else { return nil }
        return value
    }

    func integer(_ field: StaticString, in range: ClosedRange<Int> = integers) throws(FrameError) -> Int {
        guard let value = optional(field)?.int, range.contains(value) else {
            throw malformed(field, "an integer from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    func string(_ field: StaticString) throws(FrameError) -> String {
        guard let value = optional(field)?.string else { throw malformed(field, "a string") }
        return value
    }

    func optionalString(_ field: StaticString) throws(FrameError) -> String? {
        guard optional(field) != nil else { return nil }
        return try string(field)
    }

    func bool(_ field: StaticString) throws(FrameError) -> Bool {
        guard let value = optional(field)?.bool else { throw malformed(field, "true or false") }
        return value
    }

    func flag(_ field: StaticString) throws(FrameError) -> Bool {
        guard optional(field) != nil else { return false }
        return try bool(field)
    }

    func object(_ field: StaticString) throws(FrameError) -> JSONValue {
        guard let value = optional(field), value.kind == .object else { throw malformed(field, "an object") }
        return value
    }

    /// Room for ids that is made at once: what a worker acknowledges together has seldom more.
    private static let usualIDs = 64

    func ids(_ field: StaticString) throws(FrameError) -> [EventID] {
        guard let value = optional(field), value.kind == .array else {
            throw malformed(field, "an array of event ids")
        }
        var ids: [EventID] = []
        ids.reserveCapacity(Self.usualIDs)
        for element in value.elements {
            guard let id = element.int, Self.integers.contains(id) else {
                throw malformed(field, "an array of event ids, which are integers from 0 to 2^53-1")
            }
            ids.append(EventID(Int64(id)))
        }
        return ids
    }

    func integers(_ field: StaticString, of value: JSONValue) throws(FrameError) -> [Int] {
        guard value.kind == .array else { throw malformed(field, "an array of integers") }
        var integers: [Int] = []
        for element in value.elements {
            guard let integer = element.int, Self.integers.contains(integer) else {
                throw malformed(field, "an array of integers")
            }
            integers.append(integer)
        }
        return integers
    }

    func names(_ field: StaticString) throws(FrameError) -> Set<String>? {
        guard let value = optional(field) else { return nil }
        let accepted =
            "an array of at most \(QueueProtocol.maximumNames) strings of 1 to \(QueueProtocol.maximumNameBytes) bytes"
        guard value.kind == .array else { throw malformed(field, accepted) }
        var names: Set<String> = []
        for element in value.elements {
            guard let name = element.string, 1...QueueProtocol.maximumNameBytes ~= name.utf8.count,
                names.count < QueueProtocol.maximumNames
            else { throw malformed(field, accepted) }
            names.insert(name)
        }
        return names
    }
}
