internal import NIOCore

/// Reads `multipart/form-data` (RFC 7578) from memory.
enum MultipartForm {
    struct Part: Equatable {
        var name: String
        var fileName: String?
        var contentType: String?
        var content: ByteBuffer
    }

    /// The parts in order; nil if the body is not such a form with that boundary, or lacks its end.
    static func parts(of body: ByteBuffer, boundary: String) -> [Part]? {
        let bytes = body.readableBytesView
        let delimiter = Array("--\(boundary)".utf8)
        guard var position = find(delimiter, in: bytes, from: bytes.startIndex) else { return nil }
        let separator = Array("\r\n--\(boundary)".utf8)
        position += delimiter.count
        var parts: [Part] = []
        while true {
            let rest = bytes[position...]
            if rest.starts(with: Array("--".utf8)) { return parts }
            guard rest.starts(with: Array("\r\n".utf8)) else { return nil }
            position += 2
            guard let end = find(separator, in: bytes, from: position),
                let part = part(in: body, from: position, to: end)
            else { return nil }
            parts.append(part)
            position = end + separator.count
        }
    }

    private static func part(in body: ByteBuffer, from start: Int, to end: Int) -> Part? {
        let bytes = body.readableBytesView
        guard let blank = find(Array("\r\n\r\n".utf8), in: bytes[..<end], from: start) else { return nil }
        let content = body.getSlice(at: blank + 4, length: end - blank - 4) ?? ByteBuffer()
        var part = Part(name: "", content: content)
        let head = String(decoding: bytes[start..<blank], as: UTF8.self)
        for line in head.split(separator: "\r\n") {
            let pair = line.split(separator: ":", maxSplits: 1)
            guard pair.count == 2 else { return nil }
            switch pair[0].lowercased() {
            case "content-disposition":
                let disposition = ContentType(String(pair[1]))
                guard disposition.type == "form-data", let name = disposition.parameters["name"] else { return nil }
                part.name = name
                part.fileName = disposition.parameters["filename"]
            case "content-type":
                part.contentType = String(String(pair[1]).trimmed)
            default:
                break
            }
        }
        return part.name.isEmpty ? nil : part
    }

    private static func find(_ needle: [UInt8], in bytes: ByteBufferView, from start: Int) -> Int? {
        guard let first = needle.first else { return nil }
        var position = start
        while position < bytes.endIndex, let candidate = bytes[position...].firstIndex(of: first) {
            if bytes[candidate...].starts(with: needle) { return candidate }
            position = candidate + 1
        }
        return nil
    }
}
